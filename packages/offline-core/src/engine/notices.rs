use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Bell, Notice};

/// Notices that a slow listener may lag behind before it misses some.
const MOST: usize = 4096;

/// Gives what an engine tells to each of its listeners.
#[derive(Default)]
pub(super) struct Notices(Mutex<Vec<Arc<Queue>>>);

#[derive(Default)]
struct Queue {
    held: Mutex<Held>,
    bell: Bell,
}

#[derive(Default)]
struct Held {
    notices: Vec<Arc<Notice>>,
    missed: u64,
    ended: bool,
}

impl Queue {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notices {
    fn queues(&self) -> MutexGuard<'_, Vec<Arc<Queue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self) -> Listener {
        let queue = Arc::<Queue>::default();
        self.queues().push(Arc::clone(&queue));
        Listener(queue)
    }

    /// Nobody listening is fine.
    pub(super) fn tell(&self, notice: Notice) {
        let notice = Arc::new(notice);
        // Whoever has dropped his end does not listen any more.
        self.queues().retain(|queue| Arc::strong_count(queue) > 1 && queue.add(&notice));
    }
}

impl Queue {
    fn add(&self, notice: &Arc<Notice>) -> bool {
        let mut held = self.held();
        if held.notices.len() >= MOST {
            held.notices.drain(..MOST / 2);
            held.missed += MOST as u64 / 2;
        }
        held.notices.push(Arc::clone(notice));
        drop(held);
        self.bell.ring();
        true
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        for queue in &*self.queues() {
            queue.held().ended = true;
            queue.bell.ring();
        }
    }
}

/// Hears what an engine tells, from [`crate::Engine::subscribe`] on. Dropping it is how to stop.
pub struct Listener(Arc<Queue>);

/// What a listener has heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// The notices, in their order.
    pub notices: Vec<Arc<Notice>>,
    /// How many came before them and were forgotten, because the listener was too slow.
    pub missed: u64,
}

impl Listener {
    /// Waits until there is something to [`Listener::take`]. False when there is nothing and nothing more will come, for the engine is gone.
    pub async fn wait(&mut self) -> bool {
        let heard = || {
            let held = self.0.held();
            (held.ended || !held.notices.is_empty()).then_some(!held.notices.is_empty())
        };
        self.0.bell.until(heard).await
    }

    /// What was told since the last time, at most `most` notices; nothing when nothing was.
    pub fn take(&mut self, most: usize) -> Heard {
        let mut held = self.0.held();
        let most = most.min(held.notices.len());
        let missed = std::mem::take(&mut held.missed);
        Heard { notices: held.notices.drain(..most).collect(), missed }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;
    use crate::Signal;

    fn signal() -> Notice {
        Notice::Signal { signal: Signal::Hint }
    }

    #[tokio::test]
    async fn each_listener_hears_all_in_order_from_its_start_on() {
        let notices = Notices::default();
        let mut early = notices.subscribe();
        notices.tell(Notice::Changed { command_ids: Vec::new() });
        let mut late = notices.subscribe();
        notices.tell(signal());
        assert!(early.wait().await && late.wait().await);
        let heard = early.take(usize::MAX).notices;
        assert!(matches!((&*heard[0], &*heard[1]), (Notice::Changed { .. }, Notice::Signal { .. })));
        assert_eq!((heard.len(), late.take(usize::MAX).notices.len()), (2, 1));
        assert_eq!(early.take(usize::MAX).notices.len(), 0, "each once");
    }

    #[tokio::test]
    async fn a_listener_that_lags_hears_the_latest_and_how_many_it_missed() {
        let notices = Notices::default();
        let mut slow = notices.subscribe();
        for _ in 0..MOST + 1 {
            notices.tell(signal());
        }
        let Heard { notices: heard, missed } = slow.take(10);
        assert_eq!((heard.len(), missed), (10, MOST as u64 / 2));
        let Heard { notices: heard, missed } = slow.take(usize::MAX);
        assert_eq!((heard.len(), missed), (MOST / 2 + 1 - 10, 0));
    }

    #[tokio::test]
    async fn the_end_is_heard_after_all_that_was_told() {
        let notices = Notices::default();
        let mut listener = notices.subscribe();
        {
            let mut wait = std::pin::pin!(listener.wait());
            assert!(poll!(&mut wait).is_pending());
            notices.tell(signal());
            drop(notices);
            assert!(wait.await);
        }
        assert_eq!(listener.take(usize::MAX).notices.len(), 1);
        assert!(!listener.wait().await);
    }

    #[test]
    fn nothing_is_kept_for_a_listener_that_is_gone() {
        let notices = Notices::default();
        drop(notices.subscribe());
        notices.tell(signal());
        assert!(notices.queues().is_empty());
    }
}
