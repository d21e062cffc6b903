//! How concurrent enqueues share transactions.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use offline_protocol::CommandId;

use super::Inner;
use crate::{Appended, Bell, BoxFuture, Durability, NewCommand, Signal, StoreError};

type Answer = Result<Appended, StoreError>;

/// How many commands are written in one transaction: their answers all come at once, and a page has to stay awake.
const GROUP: usize = 1024;

/// Lets concurrent enqueues share transactions. Whoever comes looks whether the write under way is over. If it is, he begins the next one with what has
/// gathered meanwhile, for all, and hands out the answers after that: so the store works while others are still on their way to it.
#[derive(Default)]
pub(super) struct GroupCommit {
    state: Mutex<Group>,
    bell: Bell,
}

#[derive(Default)]
struct Group {
    /// Whether somebody has the turn.
    taken: bool,
    /// The write under way, unless he who has the turn holds it.
    write: Option<Write>,
    /// What is to be written, in the order of the calls.
    waiting: Vec<Arc<Waiting>>,
}

impl Group {
    /// Takes out what is to be written next.
    fn gathered(&mut self) -> Vec<Arc<Waiting>> {
        let rest = self.waiting.split_off(self.waiting.len().min(GROUP));
        std::mem::replace(&mut self.waiting, rest)
    }

    /// One of those without an answer, to look after the write; of those in it, if there are any left.
    fn somebody(&self) -> Option<Waker> {
        let members = self.write.iter().flat_map(|write| &write.members);
        members.chain(&self.waiting).find_map(|waiting| waiting.place().waker.take())
    }
}

/// One transaction with commands of several callers. It is none of theirs alone, so that it goes on when one of them goes away.
struct Write {
    members: Vec<Arc<Waiting>>,
    store: BoxFuture<'static, Answers>,
    answers: Option<Answers>,
}

type Answers = Result<Vec<Appended>, StoreError>;

impl Write {
    /// Goes on with it. Unless it is over, the store wakes who has called this last.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        if self.answers.is_none()
            && let Poll::Ready(answers) = self.store.as_mut().poll(context)
        {
            self.answers = Some(answers);
        }
        self.answers.is_some()
    }
}

/// The turn; dropping it gives it on.
pub(super) struct Turn<'a> {
    group: &'a GroupCommit,
    write: Option<Write>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.group.state();
        state.taken = false;
        state.write = self.write.take();
        let is_idle = state.write.is_none();
        drop(state);
        if is_idle {
            self.group.wake_somebody();
            self.group.bell.ring();
        }
    }
}

impl GroupCommit {
    fn state(&self) -> MutexGuard<'_, Group> {
        self.state.lock().expect("BUG: no code that holds this lock panics")
    }

    fn try_turn(&self) -> Option<Turn<'_>> {
        let mut state = self.state();
        let taken = std::mem::replace(&mut state.taken, true);
        (!taken).then(|| Turn { group: self, write: state.write.take() })
    }

    /// False when there is nobody.
    fn wake_somebody(&self) -> bool {
        let waker = self.state().somebody();
        waker.map(Waker::wake).is_some()
    }
}

/// A command on its way into the store, and where the one who writes it puts the answer.
struct Waiting {
    command_id: CommandId,
    durability: Durability,
    place: Mutex<Place>,
}

#[derive(Default)]
struct Place {
    /// Until somebody writes it.
    new: Option<NewCommand>,
    answer: Option<Answer>,
    waker: Option<Waker>,
}

impl Waiting {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().expect("BUG: no code that holds this lock panics")
    }
}

/// A caller's place among those who wait.
struct Seat<'a> {
    inner: &'a Inner,
    waiting: Arc<Waiting>,
    has_answer: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if self.has_answer {
            return;
        }
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::WriteBegunAgain) {
            let mut state = self.inner.group.state();
            let dropped = state.write.take();
            state.waiting.extend(dropped.into_iter().flat_map(|write| write.members));
        }
        // He may be the one whom the store would have woken.
        self.waiting.place().waker = None;
        if !self.inner.group.wake_somebody() {
            // Then the runner looks after the write, before it counts.
            self.inner.shared.mark_counts();
            self.inner.group.bell.ring();
        }
    }
}

impl Inner {
    pub(super) async fn append(&self, new: NewCommand, durability: Durability) -> Answer {
        let command_id = new.command.command_id;
        let place = Mutex::new(Place { new: Some(new), ..Place::default() });
        let waiting = Arc::new(Waiting { command_id, durability, place });
        self.group.state().waiting.push(Arc::clone(&waiting));
        let mut seat = Seat { inner: self, waiting, has_answer: false };
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::GroupCommitEarly)
            && self.group.state().write.is_some()
        {
            return Ok(Appended { seq: offline_protocol::Seq::FIRST, expected: None, duplicate: false });
        }
        let answer = poll_fn(|context| self.poll_append(&seat.waiting, context)).await;
        seat.has_answer = true;
        answer
    }

    /// The answer, when it is there; else looks after the write under way.
    fn poll_append(&self, waiting: &Waiting, context: &mut Context<'_>) -> Poll<Answer> {
        loop {
            let mut place = waiting.place();
            if let Some(answer) = place.answer.take() {
                return Poll::Ready(answer);
            }
            place.waker = Some(context.waker().clone());
            drop(place);
            let Some(mut turn) = self.group.try_turn() else { return Poll::Pending };
            if turn.write.is_none() {
                turn.write = self.begin_write(context);
            }
            let over = turn.write.take_if(|write| write.is_over(context));
            let Some(over) = over else { return Poll::Pending };
            turn.write = self.begin_write(context);
            self.hand_out(over);
            drop(turn);
            // Who has his answer does not look after the next write.
            self.group.wake_somebody();
        }
    }

    /// Waits for the turn while nothing is being written; until it is dropped nothing is appended. A write that nobody waits for any more is looked after.
    pub(super) fn turn(&self) -> BoxFuture<'_, Turn<'_>> {
        Box::pin(poll_fn(|context| {
            self.group.bell.hear(context);
            let Some(mut turn) = self.group.try_turn() else { return Poll::Pending };
            let waits = |waiting: &Arc<Waiting>| waiting.place().waker.is_some();
            let is_over = |write: &mut Write| !write.members.iter().any(waits) && write.is_over(context);
            if let Some(over) = turn.write.take_if(is_over) {
                self.hand_out(over);
            }
            if turn.write.is_none() {
                return Poll::Ready(turn);
            }
            drop(turn);
            // If there is somebody, it is for him to look after it: this one may go away.
            self.group.wake_somebody();
            Poll::Pending
        }))
    }

    /// Begins to write what has gathered, if anything has.
    fn begin_write(&self, context: &mut Context<'_>) -> Option<Write> {
        let members = self.group.state().gathered();
        if members.is_empty() {
            return None;
        }
        let mut durability = Durability::default();
        let mut commands = Vec::with_capacity(members.len());
        for waiting in &members {
            durability = durability.max(waiting.durability);
            let mut place = waiting.place();
            #[cfg(planted)]
            commands.extend(place.new.clone());
            #[cfg(not(planted))]
            commands.extend(place.new.take());
        }
        let outbox = Arc::clone(&self.ports.outbox);
        let store = Box::pin(async move { outbox.append(commands, durability).await });
        let mut write = Write { members, store, answers: None };
        write.is_over(context);
        Some(write)
    }

    /// Tells of a write that is over, and wakes all who are in it.
    fn hand_out(&self, Write { members, answers, .. }: Write) {
        let mut answers = answers.expect("BUG: a write that is over has its answers");
        let ids: Vec<CommandId> = members.iter().map(|waiting| waiting.command_id).collect();
        if answers.as_ref().is_ok_and(|appended| appended.len() != ids.len()) {
            answers = Err(StoreError::backend("the store answered for other commands"));
        }
        if let Ok(appended) = &answers {
            let new = appended.iter().filter(|appended| !appended.duplicate).count() as u64;
            self.tell_appended(&ids, new);
            self.rouse(Signal::Enqueued);
        }
        for (index, waiting) in members.iter().enumerate() {
            let mut place = waiting.place();
            place.answer = Some(answers.as_ref().map(|appended| appended[index]).map_err(StoreError::clone));
            let waker = place.waker.take();
            drop(place);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
