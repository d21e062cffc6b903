//! How the wire types look as JSON Schema (feature `openapi`). Structs and enums derive it; what a checked text may be is said here.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    CommandId, CommandType, Cursor, DeviceId, IdempotencyKey, RecordId, RecordKind, Timestamp, TraceId,
    UserId, WorkspaceId,
};

macro_rules! texts {
    ($($name:ident: $about:literal, $($field:literal: $value:expr),+;)+) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": $about, $($field: $value),+ })
            }
        }
    )+};
}

texts! {
    WorkspaceId: "The tenant.", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$";
    UserId: "A person, as the token names him.", "pattern": "^[!-~]{1,128}$";
    DeviceId: "One installation of a client.", "pattern": "^[!-~]{1,64}$";
    IdempotencyKey: "What the server recognises a retry by, within (workspace, user).", "pattern": "^[!-~]{1,128}$";
    TraceId: "Ties a command to what the client logged about it.", "pattern": "^[!-~]{1,128}$";
    RecordKind: "What sort of record.", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$";
    RecordId: "Names a record within its workspace and kind. Made by the client; neither . nor ..",
        "pattern": "^(\\.{0,2}[!\"$--0->@-~]|\\.{3})[!\"$-.0->@-~]*$", "maxLength": 128;
    Cursor: "A place in a workspace's order of changes, opaque to everybody but the server.", "pattern": "^[!-~]{1,256}$";
    CommandType: "The name and version of what a command means.", "pattern": "^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*_V[1-9][0-9]{0,8}$",
        "maxLength": 64;
    CommandId: "Names one command for ever. Made by the client, a UUIDv7.", "format": "uuid",
        "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
    Timestamp: "A moment, RFC 3339 in UTC with milliseconds.", "format": "date-time";
}
