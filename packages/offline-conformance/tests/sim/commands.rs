//! The command types of the simulated business: one for each way of expecting a version, and a second release of one of them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Records, Registry, Rejection, Touch, Write,
};
use offline_protocol::{FieldError, RecordId, RecordKey, RecordKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Adding this much makes a handler panic as long as the server's build is broken.
pub(crate) const FATAL: i64 = 13;

/// Which release of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    First,
    /// `ITEM_ADD_V2` has come, and counts itself in a record of the whole workspace.
    Second,
}

/// What the commands mean in a release. `broken` is a build whose handler fails on some input; the server's alone.
pub(crate) fn registry(release: Release, broken: &Arc<AtomicBool>) -> Registry {
    let broken = Arc::clone(broken);
    let known = Registry::new().with(Create).and_then(|known| known.with(Set));
    let known = known.and_then(|known| known.with(Move)).and_then(|known| known.with(Note));
    let known = known.and_then(|known| known.with(Tag)).and_then(|known| known.with(Delete));
    let known = known.and_then(|known| match release {
        Release::First => known.with(Add(broken)),
        Release::Second => known.with(AddSecond(broken))?.with_upcaster("ITEM_ADD_V1", "ITEM_ADD_V2", upcast),
    });
    known.expect("BUG: the types do not contradict each other")
}

pub(crate) fn item(name: &str) -> RecordKey {
    key("item", name)
}

fn tally() -> RecordKey {
    key("tally", "all")
}

fn key(kind: &str, id: &str) -> RecordKey {
    RecordKey::new(RecordKind::new(kind).expect("BUG: a kind"), RecordId::new(id).expect("BUG: an id"))
}

/// The payload of all types of the first release; each reads what concerns it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    id: RecordId,
    to: Option<RecordId>,
    note: Option<String>,
    #[serde(default)]
    by: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PayloadSecond {
    id: RecordId,
    delta: i64,
}

#[derive(Clone, Deserialize)]
struct Item {
    note: String,
    amount: i64,
}

fn upcast(mut payload: Value) -> Result<Value, Vec<FieldError>> {
    let by = payload["by"].take();
    Ok(json!({ "id": payload["id"].take(), "delta": by }))
}

fn read(records: &Records, id: &RecordId) -> Result<Item, Rejection> {
    let item = records.read(&item(id.as_str())).map_err(|_| Rejection::new("The stored item is not one"))?;
    item.ok_or_else(|| Rejection::new("The item does not exist"))
}

fn write(id: &RecordId, item_now: &Item) -> Result<Write, Rejection> {
    if item_now.amount < 0 {
        return Err(Rejection::new("The amount must not be negative"));
    }
    let data = json!({ "note": item_now.note, "amount": item_now.amount });
    Ok(Write { key: item(id.as_str()), data: Some(data) })
}

fn one(write: Write) -> Effect {
    Effect { writes: vec![write], result: Value::Null }
}

macro_rules! first_release {
    ($name:ident, $type:literal, $policy:ident, $touches:expr, $handle:expr) => {
        struct $name;

        impl CommandHandler for $name {
            type Payload = Payload;
            const TYPE: &'static str = $type;
            const POLICY: ConflictPolicy = ConflictPolicy::$policy;

            fn touches(&self, payload: &Payload) -> Vec<Touch> {
                let touches: fn(RecordKey, &Payload) -> Vec<Touch> = $touches;
                touches(item(payload.id.as_str()), payload)
            }

            fn handle(&self, _: &Context, records: &Records, said: Payload) -> Result<Effect, Rejection> {
                let handle: fn(&Records, Payload) -> Result<Effect, Rejection> = $handle;
                handle(records, said)
            }
        }
    };
}

first_release!(Create, "ITEM_CREATE_V1", CreateOnly, |key, _| vec![Touch::create(key)], |_, said| {
    let made = Item { note: said.note.unwrap_or_default(), amount: said.by };
    Ok(one(write(&said.id, &made)?))
});

first_release!(Set, "ITEM_SET_V1", Guarded, |key, _| vec![Touch::update(key)], |records, said| {
    let mut now = read(records, &said.id)?;
    now.note = said.note.unwrap_or(now.note);
    now.amount = said.by;
    Ok(one(write(&said.id, &now)?))
});

first_release!(
    Move,
    "ITEM_MOVE_V1",
    CheckedWhenGiven,
    |key, said| {
        let to = said.to.as_ref().filter(|to| **to != said.id);
        let to = to.map(|to| Touch::update(item(to.as_str())));
        std::iter::once(Touch::update(key)).chain(to).collect()
    },
    |records, said| {
        let to = said.to.filter(|to| *to != said.id).ok_or_else(|| Rejection::new("Moves nowhere"))?;
        let (mut from, mut other) = (read(records, &said.id)?, read(records, &to)?);
        from.amount -= said.by;
        other.amount += said.by;
        Ok(Effect { writes: vec![write(&said.id, &from)?, write(&to, &other)?], result: Value::Null })
    }
);

first_release!(Note, "ITEM_NOTE_V1", CheckedWhenGiven, |key, _| vec![Touch::upsert(key)], |records, said| {
    let amount = read(records, &said.id).map_or(0, |now| now.amount);
    Ok(one(write(&said.id, &Item { note: said.note.unwrap_or_default(), amount })?))
});

first_release!(Tag, "ITEM_TAG_V1", LastWriteWins, |key, _| vec![Touch::update(key)], |records, said| {
    let now = read(records, &said.id)?;
    Ok(one(write(&said.id, &Item { note: said.note.unwrap_or_default(), ..now })?))
});

first_release!(Delete, "ITEM_DELETE_V1", Guarded, |key, _| vec![Touch::update(key)], |_, said| {
    Ok(one(Write { key: item(said.id.as_str()), data: None }))
});

/// Adds, and says what it came to.
fn add(broken: &AtomicBool, records: &Records, id: &RecordId, by: i64) -> Result<Effect, Rejection> {
    assert!(by != FATAL || !broken.load(Ordering::Relaxed), "the build is broken");
    let mut now = read(records, id)?;
    now.amount += by;
    Ok(Effect { writes: vec![write(id, &now)?], result: json!({ "amount": now.amount }) })
}

struct Add(Arc<AtomicBool>);

impl CommandHandler for Add {
    type Payload = Payload;
    const TYPE: &'static str = "ITEM_ADD_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Commutes;

    fn touches(&self, payload: &Payload) -> Vec<Touch> {
        vec![Touch::update(item(payload.id.as_str()))]
    }

    fn handle(&self, _: &Context, records: &Records, said: Payload) -> Result<Effect, Rejection> {
        add(&self.0, records, &said.id, said.by)
    }
}

struct AddSecond(Arc<AtomicBool>);

impl CommandHandler for AddSecond {
    type Payload = PayloadSecond;
    const TYPE: &'static str = "ITEM_ADD_V2";
    const POLICY: ConflictPolicy = ConflictPolicy::Commutes;

    fn touches(&self, payload: &PayloadSecond) -> Vec<Touch> {
        vec![Touch::update(item(payload.id.as_str())), Touch::upsert(tally())]
    }

    fn handle(&self, _: &Context, records: &Records, said: PayloadSecond) -> Result<Effect, Rejection> {
        let mut effect = add(&self.0, records, &said.id, said.delta)?;
        let count = records.data(&tally()).and_then(|tally| tally["count"].as_i64()).unwrap_or(0);
        effect.writes.push(Write { key: tally(), data: Some(json!({ "count": count + 1 })) });
        Ok(effect)
    }
}
