use std::{
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

/// Wakes everybody who waits for a change, so that each looks for himself whether it is his.
///
/// What has changed stands elsewhere: change it, then ring. Nothing is lost between looking and waiting, and a waiter that is dropped
/// loses nothing. It does what watches, notifications and fair locks do elsewhere, in a tenth of the code that a browser has to load.
#[derive(Debug, Default)]
pub struct Bell(Mutex<Vec<Waker>>);

impl Bell {
    /// A bell that nobody waits for.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait, in the order in which they came.
    pub fn ring(&self) {
        let waiting = std::mem::take(&mut *self.waiting());
        waiting.into_iter().for_each(Waker::wake);
    }

    /// For the `poll` of a future: the next ring wakes its task. Look for the change after this, never before.
    pub fn hear(&self, context: &Context<'_>) {
        let (mut waiting, waker) = (self.waiting(), context.waker());
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    /// Waits until `look` finds something; it looks at once and after each ring.
    pub async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        poll_fn(|context| {
            self.hear(context);
            look().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    };

    use futures_util::{future::join_all, poll};

    use super::*;

    #[tokio::test]
    async fn a_ring_without_a_change_wakes_and_nothing_more() {
        let (bell, state) = (Bell::new(), AtomicU32::new(0));
        let mut wait = std::pin::pin!(bell.until(|| (state.load(SeqCst) == 2).then_some("two")));
        for seen in 0..2 {
            state.store(seen, SeqCst);
            bell.ring();
            assert!(poll!(&mut wait).is_pending(), "{seen}");
        }
        state.store(2, SeqCst);
        bell.ring();
        assert_eq!(wait.await, "two");
    }

    #[tokio::test]
    async fn a_change_before_anybody_waits_is_found_without_a_ring() {
        assert_eq!(Bell::new().until(|| Some(7)).await, 7);
    }

    #[tokio::test]
    async fn a_dropped_waiter_takes_nobody_s_turn() {
        let (bell, state) = (Bell::new(), AtomicU32::new(0));
        let look = || (state.load(SeqCst) > 0).then_some(());
        let mut stays = std::pin::pin!(bell.until(look));
        {
            let mut goes = std::pin::pin!(bell.until(look));
            assert!(poll!(&mut goes).is_pending() && poll!(&mut stays).is_pending());
        }
        state.store(1, SeqCst);
        bell.ring();
        stays.await;
    }

    /// Real threads: each waits for the number before its own and passes the next one on.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn between_threads_no_ring_is_lost() {
        const PASSES: u32 = 20_000;
        let shared = Arc::new((Bell::new(), AtomicU32::new(0)));
        let player = |me: u32| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let (bell, ball) = &*shared;
                for pass in (me..PASSES).step_by(4) {
                    bell.until(|| (ball.load(SeqCst) == pass).then_some(())).await;
                    ball.store(pass + 1, SeqCst);
                    bell.ring();
                }
            })
        };
        for played in join_all((0..4).map(player)).await {
            played.unwrap();
        }
        assert_eq!(shared.1.load(SeqCst), PASSES);
    }

    #[tokio::test]
    async fn one_task_that_waits_often_is_kept_once() {
        let bell = Bell::new();
        for _ in 0..100 {
            let mut wait = std::pin::pin!(bell.until(|| None::<()>));
            assert!(poll!(&mut wait).is_pending());
        }
        assert_eq!(bell.waiting().len(), 1);
    }
}
