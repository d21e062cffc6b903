use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Records, Registry, Rejection, Touch, Write,
};
use offline_protocol::{FieldError, RecordId, RecordKey, RecordKind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Four command types over records of the kind `thing`, {name, amount}:
///
/// - `THING_CREATE_V1` {thingId, name, amount?}: makes one;
/// - `THING_UPDATE_V1` {thingId, name?, amount?}: guarded; an empty name does not fit the type, a negative amount is refused by rule;
/// - `THING_BUMP_V1` {thingId, by}: adds to the amount, commutes;
/// - `PAIR_MOVE_V1` {fromId, toId, amount}: takes from one thing and gives to the other, checked when a version is given, and refused by
///   rule when the first has not enough.
pub fn things() -> Registry {
    let registry = Registry::new().with(ThingCreate).and_then(|registry| registry.with(ThingUpdate));
    let registry = registry.and_then(|registry| registry.with(ThingBump));
    registry
        .and_then(|registry| registry.with(PairMove))
        .expect("BUG: the types do not contradict each other")
}

/// The payload of `THING_CREATE_V1`.
pub fn thing_create(thing: &str, name: &str) -> Value {
    json!({ "thingId": thing, "name": name })
}

/// The payload of `THING_UPDATE_V1`, with a new name.
pub fn thing_update(thing: &str, name: &str) -> Value {
    json!({ "thingId": thing, "name": name })
}

/// The payload of `THING_BUMP_V1`.
pub fn thing_bump(thing: &str, by: i64) -> Value {
    json!({ "thingId": thing, "by": by })
}

/// The payload of `PAIR_MOVE_V1`.
pub fn pair_move(from: &str, to: &str, amount: i64) -> Value {
    json!({ "fromId": from, "toId": to, "amount": amount })
}

/// The content of a record of the kind `thing`.
#[derive(Clone, Serialize, Deserialize)]
struct Thing {
    name: String,
    amount: i64,
}

fn key(id: &RecordId) -> RecordKey {
    RecordKey::new(RecordKind::new("thing").expect("BUG: a record kind"), id.clone())
}

fn read(records: &Records, id: &RecordId) -> Result<Thing, Rejection> {
    let thing = records.read(&key(id)).map_err(|_| Rejection::new("The stored thing is not one"))?;
    thing.ok_or_else(|| Rejection::new("The thing does not exist"))
}

fn write(id: &RecordId, thing: &Thing) -> Write {
    Write { key: key(id), data: Some(json!({ "name": thing.name, "amount": thing.amount })) }
}

fn negative() -> Rejection {
    Rejection {
        title: "The amount must not be negative".into(),
        errors: vec![FieldError {
            pointer: "/amount".into(),
            code: "negative".into(),
            message: "must not be negative".into(),
        }],
    }
}

struct ThingCreate;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreatePayload {
    thing_id: RecordId,
    name: String,
    #[serde(default)]
    amount: i64,
}

impl CommandHandler for ThingCreate {
    type Payload = CreatePayload;
    const TYPE: &'static str = "THING_CREATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn touches(&self, payload: &CreatePayload) -> Vec<Touch> {
        vec![Touch::create(key(&payload.thing_id))]
    }

    fn handle(&self, _: &Context, _: &Records, payload: CreatePayload) -> Result<Effect, Rejection> {
        if payload.amount < 0 {
            return Err(negative());
        }
        let thing = Thing { name: payload.name, amount: payload.amount };
        Ok(Effect { writes: vec![write(&payload.thing_id, &thing)], result: Value::Null })
    }
}

struct ThingUpdate;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdatePayload {
    thing_id: RecordId,
    name: Option<String>,
    amount: Option<i64>,
}

impl CommandHandler for ThingUpdate {
    type Payload = UpdatePayload;
    const TYPE: &'static str = "THING_UPDATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn check(&self, payload: &UpdatePayload) -> Vec<FieldError> {
        let empty = payload.name.as_ref().is_some_and(String::is_empty);
        let error = || FieldError {
            pointer: "/name".into(),
            code: "empty".into(),
            message: "must not be empty".into(),
        };
        empty.then(error).into_iter().collect()
    }

    fn touches(&self, payload: &UpdatePayload) -> Vec<Touch> {
        vec![Touch::update(key(&payload.thing_id))]
    }

    fn handle(&self, _: &Context, records: &Records, payload: UpdatePayload) -> Result<Effect, Rejection> {
        let mut thing = read(records, &payload.thing_id)?;
        thing.name = payload.name.unwrap_or(thing.name);
        thing.amount = payload.amount.unwrap_or(thing.amount);
        if thing.amount < 0 {
            return Err(negative());
        }
        Ok(Effect { writes: vec![write(&payload.thing_id, &thing)], result: Value::Null })
    }
}

struct ThingBump;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BumpPayload {
    thing_id: RecordId,
    by: i64,
}

impl CommandHandler for ThingBump {
    type Payload = BumpPayload;
    const TYPE: &'static str = "THING_BUMP_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Commutes;

    fn touches(&self, payload: &BumpPayload) -> Vec<Touch> {
        vec![Touch::update(key(&payload.thing_id))]
    }

    fn handle(&self, _: &Context, records: &Records, payload: BumpPayload) -> Result<Effect, Rejection> {
        let mut thing = read(records, &payload.thing_id)?;
        thing.amount =
            thing.amount.checked_add(payload.by).ok_or_else(|| Rejection::new("The amount is too large"))?;
        let result = json!({ "amount": thing.amount });
        Ok(Effect { writes: vec![write(&payload.thing_id, &thing)], result })
    }
}

struct PairMove;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MovePayload {
    from_id: RecordId,
    to_id: RecordId,
    amount: i64,
}

impl CommandHandler for PairMove {
    type Payload = MovePayload;
    const TYPE: &'static str = "PAIR_MOVE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CheckedWhenGiven;

    fn check(&self, payload: &MovePayload) -> Vec<FieldError> {
        let same = payload.from_id == payload.to_id;
        let error = || FieldError {
            pointer: "/toId".into(),
            code: "same".into(),
            message: "must be another thing".into(),
        };
        same.then(error).into_iter().collect()
    }

    fn touches(&self, payload: &MovePayload) -> Vec<Touch> {
        vec![Touch::update(key(&payload.from_id)), Touch::update(key(&payload.to_id))]
    }

    fn handle(&self, _: &Context, records: &Records, payload: MovePayload) -> Result<Effect, Rejection> {
        let (mut from, mut to) = (read(records, &payload.from_id)?, read(records, &payload.to_id)?);
        let moved = from.amount.checked_sub(payload.amount).zip(to.amount.checked_add(payload.amount));
        (from.amount, to.amount) = moved.ok_or_else(|| Rejection::new("The amount is too large"))?;
        if from.amount < 0 || payload.amount < 0 {
            return Err(negative());
        }
        let writes = vec![write(&payload.from_id, &from), write(&payload.to_id, &to)];
        Ok(Effect { writes, result: Value::Null })
    }
}
