//! What every part of a run can reach.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use offline_conformance::{fakes::VirtualClock, samples::at};

use crate::{
    dice::Dice,
    executor::{Queue, pause},
    model::Model,
};

pub(crate) struct Shared {
    pub(crate) dice: Dice,
    /// The server's time; devices add their own error to it.
    pub(crate) clock: VirtualClock,
    pub(crate) queue: Arc<Queue>,
    model: Mutex<Model>,
    trace: Option<Mutex<Vec<String>>>,
    has_failed: AtomicBool,
    failure: Mutex<Option<String>>,
    /// The named point at which a program is to die next.
    armed: Mutex<Option<&'static str>>,
    /// What people have asked of living tabs and is not answered yet.
    asked: Arc<AtomicUsize>,
}

/// Somebody waits for an answer, until this is dropped: with the answer, or with the tab.
pub(crate) struct Asked(Arc<AtomicUsize>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(seed: u64, traced: bool) -> Arc<Self> {
        Arc::new(Self {
            dice: Dice::new(seed),
            clock: VirtualClock::new(at(0)),
            queue: Arc::default(),
            model: Mutex::default(),
            trace: traced.then(Mutex::default),
            has_failed: AtomicBool::new(false),
            failure: Mutex::default(),
            armed: Mutex::default(),
            asked: Arc::default(),
        })
    }

    pub(crate) fn model(&self) -> MutexGuard<'_, Model> {
        locked(&self.model)
    }

    /// Adds a line to the story of the run, when somebody wants to read it.
    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            let since = self.now_ms();
            let line = format!("{:>7}.{:03}  {}", since / 1000, since % 1000, line());
            locked(trace).push(line);
        }
    }

    pub(crate) fn story(&self) -> Vec<String> {
        self.trace.as_ref().map(|trace| locked(trace).clone()).unwrap_or_default()
    }

    /// Milliseconds since the beginning of the run.
    pub(crate) fn now_ms(&self) -> i64 {
        use offline_core::Clock as _;
        self.clock.now().as_millis() - at(0).as_millis()
    }

    /// A promise is broken. The first one counts.
    pub(crate) fn fail(&self, message: impl FnOnce() -> String) {
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            let message = message();
            self.trace(|| format!("BROKEN: {message}"));
            *locked(&self.failure) = Some(message);
        }
    }

    pub(crate) fn check(&self, holds: bool, message: impl FnOnce() -> String) {
        if !holds {
            self.fail(message);
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    pub(crate) fn failure(&self) -> Option<String> {
        locked(&self.failure).clone()
    }

    /// Somebody asks something of a tab and waits for the answer.
    pub(crate) fn asks(&self) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asked(Arc::clone(&self.asked))
    }

    /// How many still wait for an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// The next program that comes to the point of this name dies there.
    pub(crate) fn arm(&self, point: &'static str) {
        *locked(&self.armed) = Some(point);
    }

    pub(crate) fn is_armed(&self) -> bool {
        locked(&self.armed).is_some()
    }

    /// A named place where a program may die.
    pub(crate) async fn point(&self, name: &'static str) {
        let here = locked(&self.armed).take_if(|armed| *armed == name).is_some();
        if here {
            self.trace(|| format!("dies at the point {name:?}"));
            std::future::pending::<()>().await;
        }
        pause().await;
    }
}
