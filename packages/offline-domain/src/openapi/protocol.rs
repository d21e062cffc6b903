use serde_json::{Map, Value, json};

use super::{EVERY, answer, parameter, problems, schema};

/// The protocol's own routes.
pub(crate) fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    paths.insert("/sync/hello".into(), json!({ "get": hello() }));
    paths.insert("/sync/commands".into(), json!({ "post": commands() }));
    paths.insert("/sync/changes".into(), json!({ "get": changes() }));
    paths.insert("/sync/events".into(), json!({ "get": events() }));
    let kind = parameter("kind", "path", true, "What sort of records.", &schema("RecordKind"));
    let list = read_all("listRecords", "A page of the records of a kind", &schema("RecordPage"), Some(&kind));
    paths.insert("/workspaces/{workspace}/records/{kind}".into(), json!({ "get": list }));
    let one = read_one("getRecord", "One record", &schema("RecordSnapshot"), Some(&kind));
    paths.insert("/workspaces/{workspace}/records/{kind}/{id}".into(), json!({ "get": one }));
    paths
}

fn hello() -> Value {
    let mut responses = problems(&[EVERY[3], EVERY[4], (429, EVERY[2].1)]);
    responses.insert("200".into(), answer("The terms.", &schema("Hello"), &[]));
    json!({ "operationId": "hello", "summary": "The server's terms", "security": [], "responses": responses })
}

fn commands() -> Value {
    let mut responses = problems(&EVERY);
    responses.extend(problems(&[
        (400, "Not JSON, not an object with commands, a key twice, or nested too deeply."),
        (408, "The body took too long."),
        (413, "Over the limits of the hello."),
        (415, "Not application/json, or an encoding other than gzip."),
    ]));
    responses.insert(
        "200".into(),
        answer("One outcome for each command, in their order.", &schema("Outcomes"), &[]),
    );
    json!({
        "operationId": "sendCommands",
        "summary": "A batch of commands; each is answered by itself",
        "requestBody": { "required": true, "content": { "application/json": { "schema": schema("CommandBatch") } } },
        "responses": responses,
    })
}

fn changes() -> Value {
    let mut responses = problems(&EVERY);
    responses.extend(problems(&[
        (400, "A parameter is not what it should be."),
        (410, "The cursor is unknown, foreign, too old or of another life of the database: begin with a snapshot."),
    ]));
    let next = json!({ "operationId": "changes", "parameters": { "query.since": "$response.body#/next" } });
    let mut page = answer("What changed.", &schema("ChangesPage"), &[]);
    page["links"] = json!({ "next": next });
    responses.insert("200".into(), page);
    json!({
        "operationId": "changes",
        "summary": "What changed since a cursor",
        "parameters": [
            kinds(),
            parameter("since", "query", false, "The next of an earlier page.", &schema("Cursor")),
            limit(),
        ],
        "responses": responses,
    })
}

fn kinds() -> Value {
    let pattern = "^[a-z0-9][a-z0-9_-]{0,63}(,[a-z0-9][a-z0-9_-]{0,63}){0,63}$";
    let about = "Record kinds, separated by commas; all when absent.";
    parameter("kinds", "query", false, about, &json!({ "type": "string", "pattern": pattern }))
}

fn events() -> Value {
    let mut responses = problems(&EVERY);
    responses.extend(problems(&[(400, "A parameter is not what it should be.")]));
    let mut stream = answer("Server-sent events: ready, changed, pull.", &json!({ "type": "string" }), &[]);
    stream["content"] = json!({ "text/event-stream": { "schema": { "type": "string" } } });
    responses.insert("200".into(), stream);
    let last =
        parameter("Last-Event-ID", "header", false, "The id of the last event seen.", &schema("Cursor"));
    json!({
        "operationId": "events",
        "summary": "Says that something changed; the stream does not end by itself",
        "parameters": [kinds(), last],
        "responses": responses,
    })
}

pub(crate) fn workspace() -> Value {
    parameter("workspace", "path", true, "The token's workspace.", &schema("WorkspaceId"))
}

pub(crate) fn id() -> Value {
    parameter("id", "path", true, "Which record.", &schema("RecordId"))
}

fn limit() -> Value {
    let number = json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX });
    parameter("limit", "query", false, "The most records of the page; the server may give fewer.", &number)
}

pub(crate) fn read_all(id: &str, summary: &str, page: &Value, more: Option<&Value>) -> Value {
    let mut responses = problems(&EVERY);
    responses.extend(problems(&[(400, "A parameter is not what it should be.")]));
    let mut ok = answer("A page, in the order of the ids.", page, &[]);
    let mut parameters = Map::from_iter([
        ("path.workspace".to_owned(), "$request.path.workspace".into()),
        ("query.after".to_owned(), "$response.body#/next".into()),
    ]);
    if more.is_some() {
        parameters.insert("path.kind".into(), "$request.path.kind".into());
    }
    ok["links"] = json!({ "next": { "operationId": id, "parameters": parameters } });
    responses.insert("200".into(), ok);
    let after = parameter("after", "query", false, "The next of the page before.", &schema("RecordId"));
    let parameters: Vec<_> =
        std::iter::once(workspace()).chain(more.cloned()).chain([limit(), after]).collect();
    json!({ "operationId": id, "summary": summary, "parameters": parameters, "responses": responses })
}

pub(crate) fn read_one(id: &str, summary: &str, record: &Value, more: Option<&Value>) -> Value {
    let mut responses = problems(&EVERY);
    let etag = ("ETag", json!({ "type": "string" }));
    responses.insert("200".into(), answer("The record.", record, std::slice::from_ref(&etag)));
    responses.insert("304".into(), json!({ "description": "The client has this version." }));
    let known = json!({ "type": "string" });
    let known = parameter("If-None-Match", "header", false, "Entity tags that the client has.", &known);
    let parameters: Vec<_> =
        std::iter::once(workspace()).chain(more.cloned()).chain([self::id(), known]).collect();
    json!({ "operationId": id, "summary": summary, "parameters": parameters, "responses": responses })
}
