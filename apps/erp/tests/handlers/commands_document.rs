use std::{fmt::Write, path::Path};

use offline_domain::{Access, Registry, Verb};
use offline_protocol::typescript::assert_generated;
use serde_json::Value;

use crate::corpus::{self, Sample};

const HEAD: &str = "\
<!-- Generated from the handlers of `erp`. Change those, then `cargo xtask generate`. -->

# Commands

What the server accepts. A command's payload is described in [erp.ts](../apps/web/src/generated/erp.ts) (`CommandPayloads`), what it answers as `result` likewise
(`CommandResults`). The name of a type leads to a sample: the payload, the records it finds (`given`), and what it writes.
The requests are below `/workspaces/{w}` ([protocol.md](protocol.md#one-command-at-a-time-the-resources)).

| policy | what happens when the record has changed since the command's author saw it |
| --- | --- |
| create only | makes a new record; an id that exists is a conflict; a version that it expects of one that does not exist is refused (`record-not-found`), unless it is 0 |
| guarded | must carry `expected`; another version is a conflict |
| checked when given | as guarded, when it carries `expected` |
| commutes | a delta or an append: any order gives the same, so a version is never checked |
| last write wins | the later one stands, and that is meant so |

How a record is touched: **create** makes it; **update** changes it, a missing one is refused, a deleted one is a conflict; **upsert** makes or changes it; **advance** moves it on like a
counter, a missing one is refused; **require** refers to it, a missing or deleted one is refused; **read every** looks at all records of
the kind. `expected` speaks of the first one.

Commands that create, update or upsert one record keep their order, and a later one is held while an earlier one is parked. What is only advanced or required keeps nobody waiting: when a
client sends a command that requires a record which it has just made itself, it names the making command in `dependsOn`.

";

#[test]
fn the_document_lists_every_command() {
    let registry = erp::registry();
    let mut text = HEAD.to_owned();
    text.push_str("| command | policy | roles | touches | result | as a request |\n| --- | --- | --- | --- | --- | --- |\n");
    for sample in corpus::samples() {
        writeln!(text, "{}", row(&registry, &sample)).unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    assert_generated(&file, &text);
}

fn row(registry: &Registry, sample: &Sample) -> String {
    let name = &sample.command_type;
    let link = format!("[`{name}`](../apps/erp/corpus/{name}.json)");
    let prepared = registry.prepare(name, &sample.payload).unwrap();
    let mut touches = Vec::new();
    for touch in prepared.touches() {
        let touch = format!("{} `{}`", access(touch.access), touch.key.kind);
        if !touches.contains(&touch) {
            touches.push(touch);
        }
    }
    touches.extend(prepared.reads_all().iter().map(|kind| format!("read every `{kind}`")));
    let handled = registry.types().iter().any(|info| info.command_type == *name);
    let old = if handled { "" } else { " (an old version)" };
    let roles =
        if prepared.roles().is_empty() { "every member".to_owned() } else { prepared.roles().join(", ") };
    let result = match &sample.result {
        Value::Null => "-".to_owned(),
        Value::Object(fields) => {
            fields.keys().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ")
        }
        other => panic!("{name} answers {other}"),
    };
    let request = request(name.as_str());
    format!(
        "| {link}{old} | {} | {roles} | {} | {result} | {request} |",
        policy(&prepared),
        touches.join(", ")
    )
}

/// What stands for it among the resources, below `/workspaces/{w}`.
fn request(command_type: &str) -> String {
    for resource in erp::resources() {
        let Some(found) = resource.operations.iter().find(|found| found.command_type == command_type) else {
            continue;
        };
        let path = resource.path;
        return match found.verb {
            Verb::Create => format!("`POST /{path}`"),
            Verb::Update => format!("`PATCH /{path}/{{id}}`"),
            Verb::Replace => format!("`PUT /{path}/{{id}}`"),
            Verb::Delete => format!("`DELETE /{path}/{{id}}`"),
            Verb::Action(name) => format!("`POST /{path}/{{id}}/{name}`"),
        };
    }
    "-".to_owned()
}

fn policy(prepared: &offline_domain::Prepared) -> &'static str {
    use offline_domain::ConflictPolicy as Policy;
    match prepared.policy() {
        Policy::CreateOnly => "create only",
        Policy::Guarded => "guarded",
        Policy::CheckedWhenGiven => "checked when given",
        Policy::Commutes => "commutes",
        Policy::LastWriteWins => "last write wins",
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Create => "create",
        Access::Update => "update",
        Access::Upsert => "upsert",
        Access::Advance => "advance",
        Access::Read => "read",
        Access::Require => "require",
    }
}
