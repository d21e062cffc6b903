use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake},
    time::Duration,
};

use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;

use super::VirtualClock;

/// Runs tasks on one thread in virtual time: nothing ever waits, and the same tasks always take the same turns.
///
/// It turns what is woken by other tasks and by its clock. Stores with threads of their own need a runtime instead.
pub struct World {
    pool: LocalPool,
    clock: VirtualClock,
}

impl World {
    /// A world with this clock.
    pub fn new(clock: VirtualClock) -> Self {
        Self { pool: LocalPool::new(), clock }
    }

    /// Its clock.
    pub const fn clock(&self) -> &VirtualClock {
        &self.clock
    }

    /// Adds a task. It takes its first turn with the next call of another method.
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.pool.spawner().spawn_local(task).expect("BUG: the pool lives as long as the world");
    }

    /// Gives every task its turns until all of them wait for time to pass, or for what will never come.
    pub fn settle(&mut self) {
        self.pool.run_until_stalled();
    }

    /// Lets time pass, stopping at every sleeper's deadline to let the tasks take their turns.
    pub fn advance(&mut self, span: Duration) {
        self.settle();
        let mut left = span;
        while let Some(step) = self.clock.next_deadline().filter(|step| *step <= left) {
            self.clock.advance(step);
            left -= step;
            self.settle();
        }
        self.clock.advance(left);
        self.settle();
    }

    /// Runs a future to its end together with the tasks. Time passes only when nothing else can go on.
    ///
    /// # Panics
    /// When the future and all tasks wait for what will never come.
    pub fn run<T>(&mut self, future: impl Future<Output = T>) -> T {
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Arc::clone(&woken).into();
        let mut future = pin!(future);
        loop {
            while woken.0.swap(false, Ordering::AcqRel) {
                if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return done;
                }
                self.settle();
            }
            self.settle();
            if woken.0.load(Ordering::Acquire) {
                continue;
            }
            let step = self.clock.next_deadline();
            self.clock.advance(step.expect("everything waits for what will never come"));
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
