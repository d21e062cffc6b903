//! The generated TypeScript says what the Rust types say.

use std::path::Path;

use offline_protocol::{
    Applied, ChangeSeq, ChangeTerms, ChangedUpTo, ChangesPage, Command, CommandBatch, CommandId, CommandType,
    Conflict, ConflictProblem, ConflictReason, Cursor, DeviceId, Expected, FieldError, Hello, IdempotencyKey,
    KindChanged, Limits, Outcome, Outcomes, Problem, ProblemCode, RecordChange, RecordId, RecordKey,
    RecordKind, RecordPage, RecordSnapshot, RecordVersion, Retention, Seq, Timestamp, TraceId, UserId,
    Verdict, Version, WorkspaceId, typescript::TypeScriptModule,
};

#[test]
fn the_typescript_types_are_those_of_the_wire() {
    TypeScriptModule::new("offline-protocol", "")
        .with::<CommandId>()
        .with::<WorkspaceId>()
        .with::<UserId>()
        .with::<DeviceId>()
        .with::<IdempotencyKey>()
        .with::<TraceId>()
        .with::<Seq>()
        .with::<Timestamp>()
        .with::<CommandType>()
        .with::<RecordKind>()
        .with::<RecordId>()
        .with::<RecordKey>()
        .with::<Version>()
        .with::<ChangeSeq>()
        .with::<Expected>()
        .with::<Command>()
        .with::<CommandBatch>()
        .with::<RecordVersion>()
        .with::<ConflictReason>()
        .with::<Conflict>()
        .with::<ProblemCode>()
        .with::<FieldError>()
        .with::<Problem>()
        .with::<Verdict>()
        .with::<Outcome>()
        .with::<Outcomes>()
        .with::<Applied>()
        .with::<ConflictProblem>()
        .with::<RecordSnapshot>()
        .with::<RecordPage>()
        .with::<Cursor>()
        .with::<RecordChange>()
        .with::<ChangesPage>()
        .with::<KindChanged>()
        .with::<ChangedUpTo>()
        .with::<ChangeTerms>()
        .with::<Limits>()
        .with::<Retention>()
        .with::<Hello>()
        .assert_current(&Path::new(env!("CARGO_MANIFEST_DIR")).join("typescript/index.ts"));
}
