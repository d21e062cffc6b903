//! What people do: make commands, look, decide about what is parked, open and close.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use offline_core::{
    Dependants, Durability, EngineError, EnqueueRequest, JournalEntry, OutboxCommand, OutboxEntry, Signal,
    Status, Unsynced,
};
use offline_domain::Registry;
use offline_protocol::{CommandId, Expected, RecordKey, RecordSnapshot, TraceId, Version};
use serde_json::{Value, json};

use crate::{
    commands::{FATAL, Release, item, registry},
    executor::Owner,
    judge,
    model::Place,
    shared::Shared,
    shown,
    world::World,
};

/// Records that everybody of a workspace writes, and that one device alone does.
const SHARED_ITEMS: usize = 5;
const PRIVATE_ITEMS: usize = 4;

/// What is read once for all that is checked when a person looks.
struct View {
    registry: Registry,
    entries: Vec<OutboxEntry>,
    journal: Vec<JournalEntry>,
    /// What the server holds now.
    now: Vec<(RecordKey, RecordSnapshot)>,
}

impl World {
    /// A name of an item, with whether it is the device's own.
    fn item_name(&self, place: Place) -> (String, bool) {
        let dice = &self.shared.dice;
        if dice.percent(50) {
            (format!("p{place}-{}", dice.below(PRIVATE_ITEMS)), true)
        } else {
            (format!("all-{}", dice.below(SHARED_ITEMS)), false)
        }
    }

    /// The version that a person has before him: of what he last read, or none.
    fn seen_version(&self, place: Place, key: &RecordKey) -> Option<Version> {
        let seen = &self.devices[place].seen;
        seen.iter().find(|(seen, _)| seen == key).map(|(_, snapshot)| snapshot.version)
    }

    fn request(&self, place: Place) -> EnqueueRequest {
        let dice = &self.shared.dice;
        let (name, own) = self.item_name(place);
        let key = item(&name);
        let note = format!("canary:{}:{}", self.devices[place].workspace, dice.below(1_000_000));
        let by = if dice.percent(8) { -1 } else { dice.between(1, 9) as i64 };
        let known = self.seen_version(place, &key);
        let outbox = self.devices[place].disk.outbox();
        let on_it = outbox.iter().rev().find(|command| command.touches.contains(&key));
        let exists = known.is_some() || on_it.is_some();
        let what = if exists { dice.below(20) } else { dice.below(4) };
        let (what, payload) = match what {
            0..=2 => ("ITEM_CREATE_V1", json!({ "id": name, "note": note, "by": by })),
            3 => ("ITEM_NOTE_V1", json!({ "id": name, "note": note })),
            4..=9 => {
                let by = if dice.percent(3) && self.may_break() { FATAL } else { by };
                self.adding(&name, if dice.percent(5) { -50 } else { by })
            }
            10..=14 => ("ITEM_SET_V1", json!({ "id": name, "note": note, "by": by })),
            15 => ("ITEM_TAG_V1", json!({ "id": name, "note": note })),
            16 | 17 => {
                let to = if own {
                    format!("p{place}-{}", dice.below(PRIVATE_ITEMS))
                } else {
                    format!("all-{}", dice.below(SHARED_ITEMS))
                };
                ("ITEM_MOVE_V1", json!({ "id": name, "to": to, "by": by }))
            }
            18 => ("ITEM_NOTE_V1", json!({ "id": name, "note": note })),
            _ if dice.percent(30) => ("ITEM_DELETE_V1", json!({ "id": name })),
            _ => ("ITEM_TAG_V1", json!({ "id": name, "note": note })),
        };
        let mut request = EnqueueRequest::new(what, payload);
        let guarded = matches!(what, "ITEM_SET_V1" | "ITEM_DELETE_V1");
        let checked = matches!(what, "ITEM_MOVE_V1" | "ITEM_NOTE_V1") && dice.percent(50);
        if guarded || checked {
            let wrong = !own && dice.percent(5);
            let version = known.unwrap_or(Version::FIRST);
            request.expected = match on_it {
                _ if wrong => Some(Expected::Version(Version::new(77).expect("BUG: a version"))),
                Some(latest) if dice.percent(40) && latest.touches.first() == Some(&key) => {
                    Some(Expected::After(latest.command_id))
                }
                _ => Some(Expected::Version(version)),
            };
        }
        if let Some(earlier) = dice.pick(&outbox).filter(|_| dice.percent(12)) {
            request.depends_on.push(earlier.command_id);
        }
        if dice.percent(25) {
            request.durability = Durability::Relaxed;
        }
        request
    }

    fn may_break(&self) -> bool {
        self.backend.broken.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn adding(&self, name: &str, by: i64) -> (&'static str, Value) {
        match self.release {
            Release::Second if self.shared.dice.percent(50) => {
                ("ITEM_ADD_V2", json!({ "id": name, "delta": by }))
            }
            _ => ("ITEM_ADD_V1", json!({ "id": name, "by": by })),
        }
    }

    pub(crate) fn enqueue(&mut self, number: usize, trace: u64) {
        let Some(tab) = &self.tabs[number] else { return };
        let (engine, place) = (tab.engine.clone(), tab.place);
        let mut request = self.request(place);
        let trace = format!("trace-{trace}");
        request.client_trace_id = TraceId::new(&trace).ok();
        let strict = request.durability == Durability::Strict;
        let shared = Arc::clone(&self.shared);
        // One that names others looks for them first, and is overtaken meanwhile.
        let named = !request.depends_on.is_empty() || matches!(request.expected, Some(Expected::After(_)));
        let patience = if shared.dice.percent(4) { shared.dice.between(1, 6) } else { usize::MAX };
        let asked = shared.asks();
        self.shared.queue.spawn(Owner::Tab(number), async move {
            let _asked = asked;
            if !named {
                shared.model().places[place].called(number, &trace);
            }
            let Some(answer) = given_up_after(patience, engine.enqueue(request)).await else {
                shared.trace(|| format!("p{place} gives up the enqueue of {trace}"));
                return;
            };
            match answer {
                Ok(enqueued) => acknowledge(&shared, place, enqueued.command_id, strict),
                Err(error) => {
                    shared.trace(|| format!("p{place} is refused {trace}: {error}"));
                    let refused = shared.model().places[place].refused(&trace);
                    if let Err(broken) = refused {
                        shared.fail(|| broken);
                    }
                    let known = matches!(
                        error,
                        EngineError::Store(_)
                            | EngineError::UnknownDependency(_)
                            | EngineError::Closed
                            // An old tab does not know the new release's types.
                            | EngineError::Command(_)
                    );
                    shared.check(known, || format!("an enqueue is refused for no reason: {error}"));
                }
            }
        });
    }

    /// A person looks at what is parked and decides about one of it.
    pub(crate) fn decide(&self, number: usize) {
        let Some(tab) = &self.tabs[number] else { return };
        let place = tab.place;
        let parked: Vec<_> = self.devices[place]
            .disk
            .outbox()
            .into_iter()
            .filter(|command| command.status.is_parked())
            .collect();
        let dice = &self.shared.dice;
        let any = dice.percent(10).then(|| self.devices[place].disk.outbox());
        let Some(command) = dice.pick(any.as_ref().unwrap_or(&parked)).cloned() else { return };
        let (engine, id) = (tab.engine.clone(), command.command_id);
        let edited = dice.percent(40).then(|| self.edited(&command).into());
        let (choice, asked) = (dice.below(10), self.shared.asks());
        self.shared.queue.spawn(Owner::Tab(number), async move {
            let _asked = asked;
            // Whatever it says: what it did is checked at the store.
            let _ = match choice {
                0..=5 => engine.retry_with_latest(id, edited).await,
                6 => engine.discard(id, None).await.map(drop),
                7 | 8 => engine.discard(id, Some(Dependants::Keep)).await.map(drop),
                _ => engine.discard(id, Some(Dependants::Discard)).await.map(drop),
            };
        });
    }

    fn edited(&self, command: &OutboxCommand) -> Value {
        let dice = &self.shared.dice;
        let mut payload = command.payload.value();
        if command.command_type.as_str() == "ITEM_ADD_V2" {
            payload["delta"] = json!(dice.between(1, 5));
        } else {
            payload["by"] = json!(dice.between(1, 5));
        }
        if dice.percent(15) && !payload["id"].as_str().is_some_and(|id| id.starts_with('p')) {
            payload["id"] = json!(format!("all-{}", dice.below(SHARED_ITEMS)));
        }
        payload
    }

    /// A person reads the records afresh, and what he is shown is checked (I7).
    pub(crate) fn look(&mut self, place: Place) {
        let device = &self.devices[place];
        let view = View {
            registry: registry(self.release, &Arc::default()),
            entries: shown::entries(device.disk.outbox()),
            journal: device.disk.journal(),
            now: self.backend.snapshot(&device.workspace),
        };
        self.check_own(place, &view);
        self.devices[place].seen = self.check_fresh(place, view);
    }

    /// With what the server says now, he is shown that with his own commands on top.
    fn check_fresh(&self, place: Place, view: View) -> Vec<(RecordKey, RecordSnapshot)> {
        let View { registry, entries, mut journal, now } = view;
        let workspace = &self.devices[place].workspace;
        // A list does not tell of a deletion, so an own command in the journal brings the record back. This is known, and left out.
        journal
            .retain(|entry| !entry.command.touches.iter().any(|key| self.backend.is_deleted(workspace, key)));
        let shown = shown::shown(&registry, &now, &entries, &journal);
        let expected = shown::expected(&now, &entries);
        for (key, content) in shown {
            let right = expected.get(&key).cloned().flatten();
            self.shared.check(content == right, || {
                format!("I7: p{place} is shown {content:?} as {key} and it should be {right:?}")
            });
        }
        now
    }

    /// Whatever he last read: his own records are shown as his commands have made them.
    fn check_own(&self, place: Place, view: &View) {
        let device = &self.devices[place];
        let shown = shown::shown(&view.registry, &device.seen, &view.entries, &view.journal);
        let expected = shown::expected(&view.now, &view.entries);
        let model = self.shared.model();
        // What the model cannot know: given up, deleted, or done already though not settled; and all that such a record flows into.
        let mut unknown = model.places[place].muddied.clone();
        let settled = view.journal.iter().map(|entry| &entry.command);
        let unsettled = || view.entries.iter().map(|entry| &entry.command);
        for command in settled.chain(unsettled()).chain(unsettled()) {
            let done = model.done(&device.workspace, &device.user, command.command_id).is_some();
            let on_way = done && command.status != Status::Succeeded;
            let touches = &command.touches;
            let deleted = touches.iter().any(|key| self.backend.is_deleted(&device.workspace, key));
            if on_way || deleted || touches.iter().any(|key| unknown.contains(key)) {
                unknown.extend(touches.iter().cloned());
            }
        }
        for (key, content) in shown {
            if !judge::is_private(place, &key) || unknown.contains(&key) {
                continue;
            }
            let right = expected.get(&key).cloned().flatten();
            self.shared.check(content == right, || {
                format!("I7: p{place} is shown its own {key} as {content:?} and it should be {right:?}")
            });
        }
    }

    pub(crate) fn wake(&self, number: usize, signal: Signal) {
        if let Some(tab) = &self.tabs[number] {
            tab.engine.wake(signal);
        }
    }

    /// A person logs out, and does not agree to lose anything.
    pub(crate) fn log_out(&self, number: usize) {
        let Some(tab) = &self.tabs[number] else { return };
        let (engine, shared, place) = (tab.engine.clone(), Arc::clone(&self.shared), tab.place);
        let asked = shared.asks();
        self.shared.queue.spawn(Owner::Tab(number), async move {
            let _asked = asked;
            match engine.wipe(Unsynced::Keep).await {
                Ok(()) | Err(EngineError::Unsynced { .. } | EngineError::Store(_)) => {}
                Err(error) => shared.fail(|| format!("a wipe of p{place} fails: {error}")),
            }
        });
    }

    /// All parked commands of a device, by what the store holds.
    pub(crate) fn parked(&self, place: Place) -> Vec<CommandId> {
        let outbox = self.devices[place].disk.outbox();
        outbox.iter().filter(|command| command.status.is_parked()).map(|command| command.command_id).collect()
    }
}

/// The answer, unless whoever waits for it drops it after so many turns.
async fn given_up_after<T>(mut turns: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let answer = work.as_mut().poll(context);
        turns = turns.saturating_sub(1);
        match answer {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if turns == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The enqueue of a command has resolved.
pub(crate) fn acknowledge(shared: &Shared, place: Place, id: CommandId, strict: bool) {
    let mut model = shared.model();
    match model.places[place].commands.get_mut(&id) {
        Some(known) if known.lost && strict => {
            shared.fail(|| format!("I4: {id} is acknowledged, and is lost"));
        }
        Some(known) => known.acknowledged = true,
        None => shared.fail(|| format!("I4: {id} is acknowledged, and was never stored")),
    }
    drop(model);
    shared.trace(|| format!("p{place} has {id} for sure"));
}
