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

/// Lets concurrent enqueues share a transaction: whoever gets the turn writes what has gathered meanwhile, for all.
#[derive(Default)]
pub(super) struct GroupCommit {
    state: Mutex<Group>,
    bell: Bell,
}

#[derive(Default)]
struct Group {
    /// Whether somebody has the turn.
    taken: bool,
    /// A write whose future was dropped; the next turn begins with it.
    unfinished: Option<Write>,
    /// What is to be written, in the order of the calls.
    waiting: Vec<Arc<Waiting>>,
}

/// One transaction with commands of several callers. It is none of theirs alone, so that it goes on when one of them goes away.
struct Write {
    members: Vec<Arc<Waiting>>,
    is_over: bool,
    answers: BoxFuture<'static, Result<Vec<Appended>, StoreError>>,
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
        // The next one is to write before others do anything with their answers.
        let mut awake = state.waiting.clone();
        match self.write.take() {
            Some(mut write) if write.is_over => awake.append(&mut write.members),
            Some(write) => state.unfinished = Some(write),
            None => {}
        }
        if let Some(write) = &state.unfinished {
            awake.extend_from_slice(&write.members);
        }
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::WriteBegunAgain) {
            let dropped = state.unfinished.take();
            state.waiting.extend(dropped.into_iter().flat_map(|write| write.members));
        }
        drop(state);
        for waiting in awake {
            waiting.wake();
        }
        self.group.bell.ring();
    }
}

impl GroupCommit {
    fn state(&self) -> MutexGuard<'_, Group> {
        self.state.lock().expect("BUG: no code that holds this lock panics")
    }

    fn try_turn(&self) -> Option<Turn<'_>> {
        let taken = std::mem::replace(&mut self.state().taken, true);
        (!taken).then(|| Turn { group: self, write: None })
    }

    /// Waits for the turn; until it is dropped nothing is appended.
    pub(super) async fn turn(&self) -> Turn<'_> {
        self.bell.until(|| self.try_turn()).await
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

    fn wake(&self) {
        let waker = self.place().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The answer, or the turn.
    fn answer_or_turn<'a>(
        &self,
        group: &'a GroupCommit,
        context: &Context<'_>,
    ) -> Poll<Result<Answer, Turn<'a>>> {
        let mut place = self.place();
        if let Some(answer) = place.answer.take() {
            return Poll::Ready(Ok(answer));
        }
        place.waker = Some(context.waker().clone());
        drop(place);
        group.try_turn().map_or(Poll::Pending, |turn| Poll::Ready(Err(turn)))
    }
}

impl Inner {
    pub(super) async fn append(&self, new: NewCommand, durability: Durability) -> Answer {
        let command_id = new.command.command_id;
        let place = Mutex::new(Place { new: Some(new), ..Place::default() });
        let waiting = Arc::new(Waiting { command_id, durability, place });
        self.group.state().waiting.push(Arc::clone(&waiting));
        #[cfg(planted)]
        if offline_protocol::planted::is(offline_protocol::planted::Bug::GroupCommitEarly)
            && self.group.state().taken
        {
            return Ok(Appended { seq: offline_protocol::Seq::FIRST, expected: None, duplicate: false });
        }
        loop {
            match poll_fn(|context| waiting.answer_or_turn(&self.group, context)).await {
                Ok(answer) => return answer,
                Err(turn) => self.write_group(turn).await,
            }
        }
    }

    async fn write_group(&self, mut turn: Turn<'_>) {
        let unfinished = self.group.state().unfinished.take();
        let write = turn.write.insert(unfinished.unwrap_or_else(|| self.begin_write()));
        let mut answers = write.answers.as_mut().await;
        write.is_over = true;
        let ids: Vec<CommandId> = write.members.iter().map(|waiting| waiting.command_id).collect();
        if answers.as_ref().is_ok_and(|appended| appended.len() != ids.len()) {
            answers = Err(StoreError::backend("the store answered for other commands"));
        }
        if let Ok(appended) = &answers {
            let new = appended.iter().filter(|appended| !appended.duplicate).count() as u64;
            self.tell_appended(&ids, new);
            self.rouse(Signal::Enqueued);
        }
        for (place, waiting) in write.members.iter().enumerate() {
            let answer = answers.as_ref().map(|appended| appended[place]).map_err(StoreError::clone);
            waiting.place().answer = Some(answer);
        }
    }

    fn begin_write(&self) -> Write {
        let waiting = &mut self.group.state().waiting;
        let rest = waiting.split_off(waiting.len().min(GROUP));
        let members = std::mem::replace(waiting, rest);
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
        let answers = Box::pin(async move { outbox.append(commands, durability).await });
        Write { members, is_over: false, answers }
    }
}
