use offline_protocol::CommandType;
use serde_json::{Map, Value, json};

use crate::{ConflictPolicy, Operation, Registry, Resource, Verb};

use super::{
    EVERY, OpenApi, answer, parameter, problems,
    protocol::{id, read_all, read_one, workspace},
    schema,
};

/// Adds the paths of a resource.
pub(crate) fn add(paths: &mut Map<String, Value>, resource: &Resource, registry: &Registry, api: &OpenApi) {
    let all = format!("/workspaces/{{workspace}}/{}", resource.path);
    let one = format!("{all}/{{id}}");
    let data = json!({ "properties": { "data": schema(&(api.host.content)(resource.kind)) } });
    let record = json!({ "allOf": [schema("RecordSnapshot"), data] });
    let records = json!({ "properties": { "records": { "items": record } } });
    let page = json!({ "allOf": [schema("RecordPage"), records] });
    let path = resource.path;
    let mut set = |path: &str, method: &str, operation: Value| {
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = operation;
    };
    set(&all, "get", read_all(&format!("list-{path}"), &format!("A page of {path}"), &page, None));
    set(&one, "get", read_one(&format!("get-{path}"), &format!("One of {path}"), &record, None));
    for operation in &resource.operations {
        let write = write(resource, operation, registry, api);
        match operation.verb {
            Verb::Create => set(&all, "post", write),
            Verb::Update => set(&one, "patch", write),
            Verb::Replace => set(&one, "put", write),
            Verb::Delete => set(&one, "delete", write),
            Verb::Action(name) => set(&format!("{one}/{name}"), "post", write),
        }
    }
}

fn operation_id(resource: &Resource, verb: Verb) -> String {
    let verb = match verb {
        Verb::Create => "create",
        Verb::Update => "update",
        Verb::Replace => "replace",
        Verb::Delete => "delete",
        Verb::Action(name) => name,
    };
    format!("{verb}-{}", resource.path)
}

fn write(resource: &Resource, operation: &Operation, registry: &Registry, api: &OpenApi) -> Value {
    let created = operation.verb == Verb::Create;
    let policy = policy(operation, registry);
    let mut parameters = vec![workspace()];
    if !created {
        parameters.push(id());
    }
    parameters.push(key());
    parameters.extend(if_match(policy));
    let pattern = "^2[0-9]{3}-0[1-9]-[12][0-8]T1[0-9]:[0-5][0-9]:[0-5][0-9]Z$";
    let when = json!({ "type": "string", "pattern": pattern, "examples": ["2026-09-22T18:00:00Z"] });
    let about = "When the command was made, where a queue kept it: any moment of RFC 3339 in UTC.";
    parameters.push(parameter("Command-Created-At", "header", false, about, &when));
    json!({
        "operationId": operation_id(resource, operation.verb),
        "summary": operation.command_type,
        "parameters": parameters,
        "requestBody": body(resource, operation, api),
        "responses": responses(resource, operation, registry),
    })
}

fn policy(operation: &Operation, registry: &Registry) -> Option<ConflictPolicy> {
    registry.policy(&CommandType::new(operation.command_type).ok()?)
}

fn key() -> Value {
    let pattern = r#"^(?:[!#-~][!-~]{0,127}|"(?:[!#-\[\]-~]|\\["\\]){1,128}")$"#;
    let about =
        "What the server recognises a retry by; in the quotes of a structured field's string or without.";
    parameter("Idempotency-Key", "header", true, about, &json!({ "type": "string", "pattern": pattern }))
}

/// Absent where a version is never looked at.
fn if_match(policy: Option<ConflictPolicy>) -> Option<Value> {
    let version = json!({ "type": "string", "pattern": r#"^"[1-9][0-9]{0,14}"$"# });
    let (required, schema) = match policy? {
        ConflictPolicy::Guarded => (true, version),
        ConflictPolicy::CheckedWhenGiven => (false, json!({ "anyOf": [version, { "const": "*" }] })),
        ConflictPolicy::CreateOnly | ConflictPolicy::Commutes | ConflictPolicy::LastWriteWins => return None,
    };
    let about = "The version that the author saw, as ETag gave it. Where there is no record yet, If-None-Match: * in its place.";
    Some(parameter("If-Match", "header", required, about, &schema))
}

/// The payload; where the path names the record, the payload need not.
fn body(resource: &Resource, operation: &Operation, api: &OpenApi) -> Value {
    let name = (api.host.payload)(operation.command_type);
    let example = (api.host.example)(operation.command_type);
    let created = operation.verb == Verb::Create;
    let own = |example: Value| {
        let mut example = example;
        if let Some(fields) = example.as_object_mut().filter(|_| !created) {
            fields.remove(resource.id);
        }
        example
    };
    let schema =
        if created { schema(&name) } else { json!({ "$ref": format!("#/components/schemas/{name}Body") }) };
    let mut content = json!({ "schema": schema });
    if let Some(example) = example.map(own) {
        content["example"] = example;
    }
    json!({
        "required": !matches!(operation.verb, Verb::Action(_) | Verb::Delete),
        "content": { "application/json": content },
    })
}

fn responses(resource: &Resource, operation: &Operation, registry: &Registry) -> Map<String, Value> {
    let mut responses = problems(&EVERY);
    responses.extend(problems(&[
        (400, "The request as a whole, its key, or a header."),
        (403, "The role does not allow it."),
        (408, "The body took too long."),
        (409, "The record exists already or is deleted, or the first request with this key still runs."),
        (410, "Older than the server's memory."),
        (412, "Somebody changed the record meanwhile."),
        (413, "Over the limits of the hello."),
        (415, "Not application/json, or an encoding other than gzip."),
        (422, "The payload does not fit, a rule refuses, or the key is known with another content."),
        (428, "A guarded command without If-Match."),
    ]));
    let text = || json!({ "type": "string" });
    let mut headers = vec![("ETag", text()), ("Idempotency-Replayed", json!({ "const": "true" }))];
    let (status, description) = if operation.verb == Verb::Create {
        headers.push(("Location", text()));
        ("201", "It took effect, now or at an earlier delivery.")
    } else {
        ("200", "It took effect, now or at an earlier delivery.")
    };
    let mut applied = answer(description, &schema("Applied"), &headers);
    applied["links"] = links(resource, operation, registry);
    responses.insert(status.into(), applied);
    responses
}

/// From a write to what can be done with its record next, at the version that it got.
fn links(resource: &Resource, operation: &Operation, registry: &Registry) -> Value {
    let id = match operation.verb {
        Verb::Create => format!("$request.body#/{}", resource.id),
        _ => "$request.path.id".to_owned(),
    };
    let base = || {
        Map::from_iter([
            ("path.workspace".to_owned(), Value::from("$request.path.workspace")),
            ("path.id".to_owned(), Value::from(id.clone())),
        ])
    };
    let get = json!({ "operationId": format!("get-{}", resource.path), "parameters": base() });
    let mut links = Map::from_iter([("get".to_owned(), get)]);
    for next in resource.operations.iter().filter(|next| next.verb != Verb::Create) {
        let mut parameters = base();
        if if_match(policy(next, registry)).is_some() {
            parameters.insert("header.If-Match".into(), "$response.header.ETag".into());
        }
        let id = operation_id(resource, next.verb);
        links.insert(id.clone(), json!({ "operationId": id, "parameters": parameters }));
    }
    Value::Object(links)
}
