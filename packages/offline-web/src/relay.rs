//! Carries what engines tell: to the page, and to the other tabs of the partition.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use offline_core::{Clock, Engine, Heard, Listener, Notice, Signal, SyncStatus};
use offline_protocol::{CommandId, Json, ToJson, from_json, joined};
use wasm_bindgen::prelude::Closure;

use crate::{
    browser::{Channel, channel, next_task},
    clock::BrowserClock,
    host::EngineHost,
};

const EVENT: &str = "event";
const CHANGED: &str = "changed";
const STATUS: &str = "status";
const CONNECTIVITY: &str = "connectivity";
const SIGNAL: &str = "signal";
/// Asks the engine that flushes to say how things stand; sent by a tab that has just come, or that waits for it.
const HOW_ARE_THINGS: &str = "how-are-things";
/// The answer of a tab that does not flush: it is there.
const HERE: &str = "here";

/// How long a tab with commands to send waits for an answer of the one that flushes, twice, before it flushes itself.
const SILENCE: Duration = Duration::from_secs(8);

/// How often a tab that cannot hear the others has its engine look.
const POLL: Duration = Duration::from_secs(5);

/// How many notices are carried before the page gets a turn.
const AT_ONCE: usize = 512;

/// What one tab tells another: JSON that only some of them read, and what it is.
struct Message {
    kind: &'static str,
    text: String,
}

impl Message {
    fn of(notice: &Notice) -> Self {
        match notice {
            Notice::Event(event) => Self { kind: EVENT, text: event.to_text() },
            Notice::Changed { command_ids } => Self::changed(command_ids),
            Notice::Status(status) => Self { kind: STATUS, text: status.to_text() },
            Notice::Connectivity(connectivity) => Self { kind: CONNECTIVITY, text: connectivity.to_text() },
            Notice::Signal { signal } => Self::signal(*signal),
        }
    }

    fn changed(command_ids: &[CommandId]) -> Self {
        let mut json = Json::default();
        json.object();
        json.field("kind", CHANGED);
        json.field("commandIds", command_ids);
        json.end_object();
        Self { kind: CHANGED, text: json.into_text() }
    }

    fn signal(signal: Signal) -> Self {
        let mut json = Json::default();
        json.object();
        json.field(SIGNAL, &signal);
        json.end_object();
        Self { kind: SIGNAL, text: json.into_text() }
    }
}

/// A state as the page wants it: the value's JSON object with its kind in front.
fn state(kind: &str, fields: &str) -> String {
    joined!["{\"kind\":\"", kind, "\",", fields.strip_prefix('{').unwrap_or("}")]
}

/// One tab's part: tells its page, and the other tabs where the browser lets tabs talk.
pub(crate) struct Relay {
    engine: Engine,
    host: Rc<EngineHost>,
    others: RefCell<Option<Others>>,
    /// Whether no other tab was ever heard: then nobody is told anything. A tab that comes asks how things are.
    alone: Cell<bool>,
    /// Whether the tab that flushes was heard since this was last reset.
    leader_heard: Cell<bool>,
    stopped: Cell<bool>,
}

struct Others {
    channel: Channel,
    _heard: Closure<dyn Fn(String, String)>,
}

impl Relay {
    /// Starts to listen to the other tabs of the partition.
    pub(crate) fn start(engine: Engine, host: Rc<EngineHost>, name: &str) -> Rc<Self> {
        let (alone, leader_heard, stopped) = (Cell::new(true), Cell::new(false), Cell::new(false));
        let others = RefCell::new(None);
        let relay = Rc::new(Self { engine, host, others, alone, leader_heard, stopped });
        let listener = Rc::downgrade(&relay);
        let heard = Closure::<dyn Fn(String, String)>::new(move |kind: String, text: String| {
            if let Some(relay) = listener.upgrade() {
                relay.hear(&kind, &text);
            }
        });
        if let Some(channel) = channel(name, &heard) {
            *relay.others.borrow_mut() = Some(Others { channel, _heard: heard });
            relay.ask_how_things_are();
        }
        relay.tell_status();
        relay.tell_connectivity();
        relay
    }

    /// Carries what the engine tells until nobody can tell anything any more.
    pub(crate) async fn carry(self: Rc<Self>, mut notices: Listener) {
        while notices.wait().await {
            // What ends at the same time tells it one after the other; a message for each of them would cost more than what it tells. And
            // whoever waits for one of these ends goes on first.
            next_task().await;
            self.carry_batch(notices.take(AT_ONCE));
        }
    }

    /// Looks after what other tabs do, until this one is closed.
    ///
    /// Where tabs cannot hear each other, this one looks by itself. Else: a browser gives a Web Lock on when its tab ends, not when it stands
    /// still; then the lock stays where it is, and what other tabs write would wait for ever. So a tab that has something to send asks the
    /// one that flushes for a sign of life, and without one it goes by the lease from then on, as if there were no lock; the fence keeps
    /// the other from writing when it wakes.
    pub(crate) async fn watch_others(self: Rc<Self>) {
        let hears = self.others.borrow().is_some();
        let mut unanswered = 0;
        loop {
            BrowserClock.sleep(if hears { SILENCE } else { POLL }).await;
            if self.stopped.get() {
                return;
            }
            if !hears {
                self.engine.receive(&Notice::Changed { command_ids: Vec::new() });
                self.engine.wake(Signal::Enqueued);
                continue;
            }
            let SyncStatus { leader, counts, .. } = self.engine.status();
            let waits = !leader && counts.pending + counts.in_flight > 0;
            if !waits || self.leader_heard.replace(false) {
                unanswered = 0;
            }
            if !waits {
                continue;
            }
            if unanswered == 2 {
                unanswered = 0;
                self.engine.promote();
            } else {
                unanswered += 1;
                self.ask_how_things_are();
            }
        }
    }

    /// All changes in one, after the rest; only the last status is of interest. What nobody hears is not told.
    fn carry_batch(&self, heard: Heard) {
        let (mut changed, mut status) = (Vec::new(), None);
        let (alone, hears) = (self.alone.get(), self.host.hears());
        let carry = |notice: &Notice| {
            let is_heard = match notice {
                Notice::Signal { .. } => !alone,
                Notice::Event(_) => !alone || hears,
                _ => true,
            };
            if !is_heard {
                return;
            }
            let message = Message::of(notice);
            self.tell(message.kind, &message.text);
            if !alone {
                self.add(&message);
            }
        };
        let mut has_changed = heard.missed > 0;
        for notice in heard.notices {
            match &*notice {
                Notice::Changed { command_ids } => {
                    has_changed = true;
                    changed.extend_from_slice(command_ids);
                }
                Notice::Status(_) => status = Some(notice),
                other => carry(other),
            }
        }
        if has_changed {
            // Without ids it says that anything may have changed.
            if heard.missed > 0 {
                changed.clear();
            }
            carry(&Notice::Changed { command_ids: changed });
        }
        if let Some(status) = status {
            carry(&status);
        }
        self.flush();
    }

    /// Tells the page; a status and a verdict as they are now, for another tab's engine is only followed.
    fn tell(&self, kind: &str, text: &str) {
        match kind {
            EVENT => self.host.on_event(text),
            CHANGED => self.host.on_state(text),
            STATUS => self.tell_status(),
            CONNECTIVITY => self.tell_connectivity(),
            _ => {}
        }
    }

    fn tell_status(&self) {
        self.host.on_state(&state(STATUS, &self.engine.status().to_text()));
    }

    fn tell_connectivity(&self) {
        self.host.on_state(&state(CONNECTIVITY, &self.engine.connectivity().to_text()));
    }

    /// From another tab. What cannot be read comes from another version of this program and is of no use here.
    fn hear(&self, kind: &str, text: &str) {
        if self.alone.replace(false) {
            // What was not told while there was nobody to hear it.
            self.add(&Message::changed(&[]));
            self.add(&Message::signal(Signal::Enqueued));
            self.say_how_things_are();
        }
        if self.follow(kind, text).is_some() {
            self.tell(kind, text);
        }
    }

    /// Lets the engine know what another one has told, as far as it makes a difference to it.
    fn follow(&self, kind: &str, text: &str) -> Option<()> {
        let notice = match kind {
            EVENT => return Some(()),
            // The ids are for the page alone.
            CHANGED => Notice::Changed { command_ids: Vec::new() },
            STATUS => {
                let status: SyncStatus = from_json(text)?;
                self.leader_heard.set(self.leader_heard.get() || status.leader);
                Notice::Status(status)
            }
            CONNECTIVITY => Notice::Connectivity(from_json(text)?),
            SIGNAL => Notice::Signal { signal: from_json(text)? },
            HOW_ARE_THINGS => return self.say_how_things_are(),
            _ => return None,
        };
        self.engine.receive(&notice);
        Some(())
    }

    fn say_how_things_are(&self) -> Option<()> {
        let status = self.engine.status();
        if status.leader {
            self.add(&Message { kind: STATUS, text: status.to_text() });
            self.add(&Message { kind: CONNECTIVITY, text: self.engine.connectivity().to_text() });
        } else {
            self.add(&Message { kind: HERE, text: String::new() });
        }
        self.flush();
        None
    }

    fn ask_how_things_are(&self) {
        self.add(&Message { kind: HOW_ARE_THINGS, text: String::new() });
        self.flush();
    }

    /// To the other tabs, with the next message.
    fn add(&self, message: &Message) {
        if let Some(others) = &*self.others.borrow() {
            others.channel.add(message.kind, &message.text);
        }
    }

    fn flush(&self) {
        if let Some(others) = &*self.others.borrow() {
            others.channel.flush();
        }
    }

    /// Falls silent.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
        if let Some(others) = self.others.take() {
            others.channel.close();
        }
    }
}
