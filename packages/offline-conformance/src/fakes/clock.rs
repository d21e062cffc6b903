use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use offline_core::{BoxFuture, Clock};
use offline_protocol::Timestamp;

/// A clock that stands still until a test moves it. Clones are the same clock.
///
/// The time of day and the time that sleepers wait for are two things, as on a device: [`VirtualClock::advance`] moves both,
/// [`VirtualClock::jump`] only the first.
#[derive(Clone)]
pub struct VirtualClock(Arc<Mutex<State>>);

struct State {
    now: Timestamp,
    elapsed: Duration,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    last: u64,
}

impl VirtualClock {
    /// Stands at this moment.
    pub fn new(now: Timestamp) -> Self {
        let state = State { now, elapsed: Duration::ZERO, sleepers: BTreeMap::new(), last: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Lets time pass. Sleepers whose time comes are woken in the order of their deadlines, those of one deadline in the order in which they
    /// fell asleep; nothing is polled here (see [`crate::fakes::World::advance`]).
    pub fn advance(&self, span: Duration) {
        let mut state = self.state();
        state.elapsed += span;
        state.now = state.now.plus(span);
        let beyond = (state.elapsed + Duration::from_nanos(1), 0);
        let asleep = state.sleepers.split_off(&beyond);
        let due = std::mem::replace(&mut state.sleepers, asleep);
        drop(state);
        due.into_values().for_each(Waker::wake);
    }

    /// Sets the time of day, forwards or backwards, as a user or a time server does. Sleepers do not notice.
    pub fn jump(&self, now: Timestamp) {
        self.state().now = now;
    }

    /// How long it is until the next sleeper wakes; `None` when nobody sleeps.
    pub fn next_deadline(&self) -> Option<Duration> {
        let state = self.state();
        state.sleepers.keys().next().map(|(deadline, _)| deadline.saturating_sub(state.elapsed))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(Sleep { clock: self.clone(), span, place: None })
    }
}

struct Sleep {
    clock: VirtualClock,
    span: Duration,
    place: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut state = clock.state();
        let place = self.place.unwrap_or_else(|| {
            state.last += 1;
            (state.elapsed + self.span, state.last)
        });
        self.place = Some(place);
        if place.0 <= state.elapsed {
            return Poll::Ready(());
        }
        state.sleepers.insert(place, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.clock.state().sleepers.remove(&place);
        }
    }
}
