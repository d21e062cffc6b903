//! The body of `POST /sync/commands`: the envelope is refused as a whole, an item by itself.

use std::fmt;

use offline_domain::Registry;
use offline_protocol::{Command, CommandId, Fingerprint, Limits, Problem, ProblemCode, WorkspaceId};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::{
    batch::{Item, Ready, Refused},
    item::{peek_id, read_command, read_plain},
    json::{JsonError, read_item},
};

/// Reads `{"commands": [...]}`, and of the list no more items than it is built for and one: a body can hold millions of them.
#[derive(Clone, Copy)]
struct Envelope(usize);

impl<'de> DeserializeSeed<'de> for Envelope {
    type Value = Vec<&'de RawValue>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the one field commands")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut commands = None;
        while let Some(field) = fields.next_key::<String>()? {
            if field != "commands" || commands.is_some() {
                return Err(A::Error::custom("another field"));
            }
            commands = Some(fields.next_value_seed(Items(self.0))?);
        }
        commands.ok_or_else(|| A::Error::missing_field("commands"))
    }
}

struct Items(usize);

impl<'de> DeserializeSeed<'de> for Items {
    type Value = Vec<&'de RawValue>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() <= self.0
            && let Some(item) = list.next_element()?
        {
            items.push(item);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

/// Reads a batch. The error is the answer to the whole request.
///
/// `workspace` is the one that the token's user has been found a member of; `None` when he is a member of none.
pub(crate) fn read_batch(
    body: &[u8],
    limits: &Limits,
    registry: &Registry,
    workspace: Option<&WorkspaceId>,
) -> Result<Vec<Item>, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Envelope(limits.max_items as usize).deserialize(&mut reader);
    let items = read.and_then(|items| reader.end().map(|()| items)).map_err(|error| {
        if error.is_data() {
            invalid_request("The body must be an object with the one field commands, a list")
        } else {
            not_json(&error)
        }
    })?;
    if items.len() > limits.max_items as usize {
        let detail = format!("at most {} commands", limits.max_items);
        return Err(
            Problem::new(ProblemCode::RequestTooLarge, 413, "The batch is too large").with_detail(detail)
        );
    }
    let read = |raw: &&RawValue| read_one(raw.get(), limits, registry, workspace);
    items.iter().map(read).collect()
}

/// Says where a body ceases to be JSON in UTF-8, and nothing of what stands there.
pub(crate) fn not_json(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    invalid_request(&format!("The body must be JSON in UTF-8, and is not at line {line}, column {column}"))
}

pub(crate) fn invalid_request(detail: &str) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, 400, "The request is not valid").with_detail(detail)
}

fn read_one(
    text: &str,
    limits: &Limits,
    registry: &Registry,
    workspace: Option<&WorkspaceId>,
) -> Result<Item, Problem> {
    let fits = text.len() <= limits.max_item_bytes as usize;
    if fits && let Some(command) = read_plain(text) {
        return Ok(judge(command, registry, workspace));
    }
    let refused =
        |command_id, problem| Ok(Item::Refused(Box::new(Refused { command_id, command: None, problem })));
    let value = match read_item(text) {
        Ok(value) => value,
        Err(JsonError::Structure) => {
            return Err(invalid_request("The body has a key twice in one object, or is nested too deeply"));
        }
        Err(JsonError::Value) => {
            let problem = Problem::new(ProblemCode::InvalidCommand, 422, "The item is not a command")
                .with_detail("A number is out of range, or a text is not Unicode");
            return refused(peek_id(text), problem);
        }
    };
    if !fits {
        let problem = Problem::new(ProblemCode::CommandTooLarge, 413, "The command is too large")
            .with_detail(format!("at most {} bytes", limits.max_item_bytes));
        return refused(peek_id(text), problem);
    }
    let command = match read_command(value) {
        Ok(command) => command,
        Err(invalid) => return refused(invalid.command_id, invalid.problem),
    };
    Ok(judge(command, registry, workspace))
}

/// What can be said about a command before anything is loaded.
pub(crate) fn judge(mut command: Command, registry: &Registry, workspace: Option<&WorkspaceId>) -> Item {
    let refused = |command: Command, problem| {
        let command_id: CommandId = command.command_id;
        Item::Refused(Box::new(Refused { command_id: Some(command_id), command: Some(command), problem }))
    };
    let foreign = workspace != Some(&command.workspace_id);
    #[cfg(planted)]
    let foreign =
        foreign && !offline_protocol::planted::is(offline_protocol::planted::Bug::ForeignWorkspaceAccepted);
    if foreign {
        return refused(command, workspace_not_found());
    }
    let fingerprint = Fingerprint::of(&command.command_type, &command.payload, command.expected.as_ref());
    // From here on it is what it means that counts.
    let payload = std::mem::take(&mut command.payload);
    match registry.prepare_owned(&command.command_type, payload) {
        Ok(prepared) => Item::Ready(Box::new(Ready { command, prepared, fingerprint })),
        Err(error) => {
            let mut problem = error.into_problem();
            if problem.code == ProblemCode::UnknownCommandType {
                let accepted = registry.accepted();
                let names: Vec<_> = accepted.iter().map(|accepted| accepted.as_str()).collect();
                problem = problem.with_detail(format!("accepted: {}", names.join(", ")));
            }
            refused(command, problem)
        }
    }
}

/// One answer for a workspace that does not exist, is not the token's, or has no such member (any more).
pub(crate) fn workspace_not_found() -> Problem {
    Problem::new(ProblemCode::WorkspaceNotFound, 404, "The workspace does not exist")
}
