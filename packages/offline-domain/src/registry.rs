use std::sync::Arc;

use offline_protocol::{CommandType, FieldError, RecordKey, joined};
use serde_json::Value;

use crate::{
    CommandError, CommandHandler, ConflictPolicy, Context, Effect, MAX_ERRORS, Records, RegistryError,
    Rejection, Touch,
};

/// The command types that a program knows, with what each means.
///
/// Built once at start: [`Registry::with`] and [`Registry::with_upcaster`] refuse a program that contradicts itself.
#[derive(Clone, Default)]
pub struct Registry {
    /// In the order of their names.
    types: Vec<(CommandType, Meaning)>,
}

/// A registered type, for lists and documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeInfo {
    /// The type.
    pub command_type: CommandType,
    /// What it does when the record has changed.
    pub policy: ConflictPolicy,
    /// Who may send it; empty: every member.
    pub roles: &'static [&'static str],
}

/// What a type is to the program.
#[derive(Clone)]
enum Meaning {
    Handled(Arc<dyn ErasedHandler>),
    /// An old version, and how its payload becomes that of a newer one.
    Upcast(CommandType, fn(Value) -> Result<Value, Vec<FieldError>>),
}

impl Registry {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a type.
    pub fn with<H: CommandHandler>(mut self, handler: H) -> Result<Self, RegistryError> {
        let command_type = CommandType::new(H::TYPE)
            .map_err(|source| RegistryError::InvalidType { name: H::TYPE, source })?;
        if self.accepts(&command_type) {
            return Err(RegistryError::Duplicate(command_type));
        }
        self.insert(command_type, Meaning::Handled(Arc::new(Handler(handler))));
        Ok(self)
    }

    /// Keeps accepting an old version by turning its payload into that of a newer one, which must be registered already.
    pub fn with_upcaster(
        mut self,
        from: &'static str,
        to: &'static str,
        upcast: fn(Value) -> Result<Value, Vec<FieldError>>,
    ) -> Result<Self, RegistryError> {
        let check =
            |name| CommandType::new(name).map_err(|source| RegistryError::InvalidType { name, source });
        let (from, to) = (check(from)?, check(to)?);
        if self.accepts(&from) {
            return Err(RegistryError::Duplicate(from));
        }
        if from.family() != to.family() || from.version() >= to.version() || !self.accepts(&to) {
            return Err(RegistryError::Upcast { from });
        }
        self.insert(from, Meaning::Upcast(to, upcast));
        Ok(self)
    }

    fn insert(&mut self, command_type: CommandType, meaning: Meaning) {
        let place = self.types.partition_point(|(known, _)| *known < command_type);
        self.types.insert(place, (command_type, meaning));
    }

    fn meaning(&self, command_type: &CommandType) -> Option<&Meaning> {
        let place = self.types.binary_search_by(|(known, _)| known.cmp(command_type)).ok()?;
        Some(&self.types[place].1)
    }

    /// What a type does when the record has changed; of an old version, what the newer one does. `None` for an unknown type.
    pub fn policy(&self, command_type: &CommandType) -> Option<ConflictPolicy> {
        match self.meaning(command_type)? {
            Meaning::Handled(handler) => Some(handler.policy()),
            Meaning::Upcast(to, _) => self.policy(to),
        }
    }

    /// Whether the type is known, by a handler or by an upcaster.
    pub fn accepts(&self, command_type: &CommandType) -> bool {
        self.meaning(command_type).is_some()
    }

    /// Every accepted type, old versions included, in the order of their names.
    pub fn accepted(&self) -> Vec<CommandType> {
        self.types.iter().map(|(command_type, _)| command_type.clone()).collect()
    }

    /// The types with a handler of their own, in the order of their names.
    pub fn types(&self) -> Vec<TypeInfo> {
        let info = |(command_type, meaning): &(CommandType, Meaning)| match meaning {
            Meaning::Handled(handler) => Some(TypeInfo {
                command_type: command_type.clone(),
                policy: handler.policy(),
                roles: handler.roles(),
            }),
            Meaning::Upcast(..) => None,
        };
        self.types.iter().filter_map(info).collect()
    }

    /// Checks a command's type and payload, and derives what it touches. Nothing is executed.
    pub fn prepare(&self, command_type: &CommandType, payload: &Value) -> Result<Prepared, CommandError> {
        self.prepare_owned(command_type, payload.clone())
    }

    /// As [`Registry::prepare`], for a payload that nobody needs any more.
    pub fn prepare_owned(
        &self,
        command_type: &CommandType,
        mut payload: Value,
    ) -> Result<Prepared, CommandError> {
        let invalid = |mut errors: Vec<FieldError>| {
            errors.truncate(MAX_ERRORS);
            CommandError::InvalidPayload { command_type: command_type.clone(), errors }
        };
        let mut meaning = self.meaning(command_type);
        if meaning.is_some() && is_deeper_than(&payload, MAX_PAYLOAD_DEPTH) {
            return Err(invalid(vec![too_deep()]));
        }
        while let Some(Meaning::Upcast(to, upcast)) = meaning {
            payload = upcast(payload).map_err(invalid)?;
            meaning = self.meaning(to);
        }
        let Some(Meaning::Handled(handler)) = meaning else {
            return Err(CommandError::UnknownType(command_type.clone()));
        };
        if !payload.is_object() {
            return Err(invalid(vec![no_object()]));
        }
        let touches = handler.touches(&payload).map_err(invalid)?;
        let nowhere = touches.iter().find(|touch| touch.access.makes() && touch.key.id.is_dots());
        if let Some(touch) = nowhere {
            return Err(invalid(vec![no_path(&payload, &touch.key)]));
        }
        Ok(Prepared { handler: Arc::clone(handler), payload, touches })
    }

    /// As [`Registry::prepare`], for a type's name as text.
    pub fn prepare_named(
        &self,
        name: &str,
        payload: &Value,
    ) -> Result<(CommandType, Prepared), CommandError> {
        let command_type = CommandType::new(name).map_err(CommandError::InvalidType)?;
        let prepared = self.prepare(&command_type, payload)?;
        Ok((command_type, prepared))
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registry").field(&self.accepted()).finish()
    }
}

/// How deep a payload may be nested. A server reads 64 levels of a request's body, and the payload stands in the fourth.
pub const MAX_PAYLOAD_DEPTH: usize = 60;

fn is_deeper_than(value: &Value, levels: usize) -> bool {
    let deeper = |inner: &Value| levels == 0 || is_deeper_than(inner, levels - 1);
    match value {
        Value::Array(items) => items.iter().any(deeper),
        Value::Object(fields) => fields.values().any(deeper),
        _ => false,
    }
}

fn no_object() -> FieldError {
    FieldError {
        pointer: String::new(),
        code: "object-required".into(),
        message: "must be a JSON object".into(),
    }
}

/// Every client takes `.` and `..` out of a path, so nobody could ask for the record. One that was made before this rule stays what it is.
fn no_path(payload: &Value, key: &RecordKey) -> FieldError {
    let mut pointer = String::new();
    if let Some(fields) = payload.as_object() {
        let field = fields.iter().find(|(_, value)| value.as_str() == Some(key.id.as_str()));
        pointer = field.map_or(pointer, |(name, _)| joined!["/", name]);
    }
    FieldError {
        pointer,
        code: "no-path".into(),
        message: "must not be . or .., which no path can name".into(),
    }
}

fn too_deep() -> FieldError {
    FieldError {
        pointer: String::new(),
        code: "too-deep".into(),
        message: joined!["must not be nested deeper than ", MAX_PAYLOAD_DEPTH, " levels"],
    }
}

/// A command whose type is known and whose payload fits it.
#[derive(Clone)]
pub struct Prepared {
    handler: Arc<dyn ErasedHandler>,
    payload: Value,
    touches: Vec<Touch>,
}

impl Prepared {
    /// What it touches; the record that `expected` speaks of first.
    pub fn touches(&self) -> &[Touch] {
        &self.touches
    }

    /// The name of its type; of an old version, that of the type that it has become.
    pub fn type_name(&self) -> &'static str {
        self.handler.type_name()
    }

    /// Its payload, in the form of that type.
    pub const fn payload(&self) -> &Value {
        &self.payload
    }

    /// The keys of the records on which it keeps its order, its lanes, in the order of [`Prepared::touches`].
    ///
    /// What a command only reads, or moves on like a counter, keeps no other command waiting.
    pub fn keys(&self) -> Vec<RecordKey> {
        let mut keys = Vec::with_capacity(self.touches.len());
        for touch in &self.touches {
            if touch.access.keeps_order() {
                keys.push(touch.key.clone());
            }
        }
        keys
    }

    /// What its type does when the record has changed.
    pub fn policy(&self) -> ConflictPolicy {
        self.handler.policy()
    }

    /// Who may send its type; empty: every member of the workspace.
    pub fn roles(&self) -> &'static [&'static str] {
        self.handler.roles()
    }

    /// The kinds of which its handler reads every record.
    pub fn reads_all(&self) -> &'static [&'static str] {
        self.handler.reads_all()
    }

    /// Runs the handler. Existence and versions are not checked here: see [`crate::execute`].
    pub fn handle(&self, context: &Context, records: &Records) -> Result<Effect, Rejection> {
        self.handler.handle(context, records, &self.payload)
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").field("touches", &self.touches).finish_non_exhaustive()
    }
}

/// [`CommandHandler`] without its payload type, so that handlers of different types fit in one map.
trait ErasedHandler: Send + Sync {
    fn type_name(&self) -> &'static str;
    fn policy(&self) -> ConflictPolicy;
    fn roles(&self) -> &'static [&'static str];
    fn reads_all(&self) -> &'static [&'static str];
    fn touches(&self, payload: &Value) -> Result<Vec<Touch>, Vec<FieldError>>;
    fn handle(&self, context: &Context, records: &Records, payload: &Value) -> Result<Effect, Rejection>;
}

struct Handler<H>(H);

impl<H: CommandHandler> ErasedHandler for Handler<H> {
    fn type_name(&self) -> &'static str {
        H::TYPE
    }

    fn policy(&self) -> ConflictPolicy {
        H::POLICY
    }

    fn roles(&self) -> &'static [&'static str] {
        H::ROLES
    }

    fn reads_all(&self) -> &'static [&'static str] {
        H::READS_ALL
    }

    fn touches(&self, payload: &Value) -> Result<Vec<Touch>, Vec<FieldError>> {
        let payload = self.0.read(payload)?;
        let errors = self.0.check(&payload);
        if errors.is_empty() { Ok(self.0.touches(&payload)) } else { Err(errors) }
    }

    fn handle(&self, context: &Context, records: &Records, payload: &Value) -> Result<Effect, Rejection> {
        let payload = self
            .0
            .read(payload)
            .map_err(|errors| Rejection { title: "The payload does not fit its type".into(), errors })?;
        self.0.handle(context, records, payload)
    }
}
