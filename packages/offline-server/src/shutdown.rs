use tokio::sync::watch;

/// Tells everybody that the server is ending: what runs may finish, nothing new begins. [`crate::serve`] puts it into the extensions of each
/// request, so that answers without an end (event streams) can stop.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Sender<Phase>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// What runs may finish.
    Ending,
    /// What runs still is cut off.
    Over,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }
}

impl Shutdown {
    /// Begins it; again is nothing.
    pub fn begin(&self) {
        self.reach(Phase::Ending);
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() >= Phase::Ending
    }

    /// Resolves when it begins, at once when it has.
    pub async fn begun(&self) {
        self.reached(Phase::Ending).await;
    }

    /// What still runs is cut off from now on.
    pub(crate) fn cut_off(&self) {
        self.reach(Phase::Over);
    }

    pub(crate) async fn over(&self) {
        self.reached(Phase::Over).await;
    }

    fn reach(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let later = *now < phase;
            *now = phase.max(*now);
            later
        });
    }

    async fn reached(&self, phase: Phase) {
        let mut phases = self.0.subscribe();
        // The sender is this very value, so it cannot be gone.
        let _ = phases.wait_for(|now| *now >= phase).await;
    }
}
