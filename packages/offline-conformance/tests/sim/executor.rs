//! Turns tasks in an order that the dice decide, one poll at a time, and drops them where a program would die.

use std::{
    collections::HashSet,
    future::{Future, poll_fn},
    mem::{replace, take},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::dice::Dice;

/// Whose death takes a task with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Tab(usize),
    Server,
    Net,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What wakes and spawns, reachable from everywhere.
#[derive(Default)]
pub(crate) struct Queue {
    ready: Mutex<Vec<usize>>,
    spawned: Mutex<Vec<(Owner, Work)>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    pub(crate) fn spawn(&self, owner: Owner, work: impl Future<Output = ()> + Send + 'static) {
        locked(&self.spawned).push((owner, Box::pin(work)));
    }
}

struct Alarm {
    place: usize,
    rung: AtomicBool,
    queue: Arc<Queue>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, Ordering::Relaxed) {
            locked(&self.queue.ready).push(self.place);
        }
    }
}

struct Task {
    owner: Owner,
    work: Work,
    alarm: Arc<Alarm>,
}

pub(crate) struct Executor {
    pub(crate) queue: Arc<Queue>,
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
    frozen: HashSet<usize>,
    /// Tasks of frozen tabs that have been woken.
    stalled: Vec<usize>,
}

impl Executor {
    pub(crate) fn new(queue: Arc<Queue>) -> Self {
        Self { queue, tasks: Vec::new(), free: Vec::new(), frozen: HashSet::new(), stalled: Vec::new() }
    }

    /// The next task to turn, with its owner; `None` when all wait for time to pass.
    pub(crate) fn pick(&mut self, dice: &Dice) -> Option<(usize, Owner)> {
        self.admit();
        loop {
            let place = {
                let mut ready = locked(&self.queue.ready);
                if ready.is_empty() {
                    return None;
                }
                let chosen = if ready.len() == 1 { 0 } else { dice.below(ready.len()) };
                ready.swap_remove(chosen)
            };
            match self.tasks[place].as_ref().map(|task| task.owner) {
                None => {}
                Some(Owner::Tab(tab)) if self.frozen.contains(&tab) => self.stalled.push(place),
                Some(owner) => return Some((place, owner)),
            }
        }
    }

    /// Gives a task one turn.
    pub(crate) fn turn(&mut self, place: usize) {
        let Some(task) = self.tasks[place].as_mut() else { return };
        task.alarm.rung.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&task.alarm));
        if task.work.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(()) {
            self.remove(place);
        }
    }

    /// Drops everything that belongs to the owner, as its death does.
    pub(crate) fn kill(&mut self, owner: Owner) {
        self.admit();
        for place in 0..self.tasks.len() {
            if self.tasks[place].as_ref().is_some_and(|task| task.owner == owner) {
                self.remove(place);
            }
        }
        if let Owner::Tab(tab) = owner {
            self.thaw(tab);
        }
    }

    pub(crate) fn freeze(&mut self, tab: usize) {
        self.frozen.insert(tab);
    }

    /// Keeps a task that was picked for when its frozen tab wakes.
    pub(crate) fn keep(&mut self, task: usize) {
        self.stalled.push(task);
    }

    pub(crate) fn thaw(&mut self, tab: usize) {
        if self.frozen.remove(&tab) {
            locked(&self.queue.ready).append(&mut take(&mut self.stalled));
        }
    }

    fn remove(&mut self, place: usize) {
        if let Some(task) = self.tasks[place].take() {
            // A late waker of the dead task may still name this place; it only costs its successor an idle turn.
            task.alarm.rung.store(true, Ordering::Relaxed);
            self.free.push(place);
            drop(task);
        }
    }

    fn admit(&mut self) {
        for (owner, work) in take(&mut *locked(&self.queue.spawned)) {
            let place = self.free.pop().unwrap_or_else(|| {
                self.tasks.push(None);
                self.tasks.len() - 1
            });
            let alarm =
                Arc::new(Alarm { place, rung: AtomicBool::new(true), queue: Arc::clone(&self.queue) });
            self.tasks[place] = Some(Task { owner, work, alarm });
            locked(&self.queue.ready).push(place);
        }
    }
}

/// Lets others go first: a place where a program may die.
pub(crate) async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
