//! The OpenAPI document of a server: the protocol's own routes and a table of resources, with the schemas of the Rust types.
//!
//! It is made at build time, by a test that compares it with the committed file (feature `openapi`); a server only serves the file.

mod operations;
mod protocol;

use offline_protocol::{
    Applied, ChangesPage, CommandBatch, ConflictProblem, Hello, Limits, Outcomes, Problem, RecordPage,
    RecordSnapshot,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{Registry, Resource, Verb};

/// Collects schemas, then becomes the document.
pub struct OpenApi {
    generator: SchemaGenerator,
    host: Host,
}

/// What a host says of its types.
pub struct Host {
    /// The title of the document.
    pub title: &'static str,
    /// The name of the type of a command type's payload.
    pub payload: fn(&str) -> String,
    /// The name of the type of a record kind's content.
    pub content: fn(&str) -> String,
    /// A payload that the command type accepts.
    pub example: fn(&str) -> Option<Value>,
    /// Says of a field, by its name, what its Rust type does not.
    pub refine: fn(&str, &mut Value),
}

impl OpenApi {
    /// Knows the protocol's types.
    pub fn new(host: Host) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        let empty = Self { generator: settings.into_generator(), host };
        empty
            .with::<Applied>()
            .with::<ChangesPage>()
            .with::<CommandBatch>()
            .with::<ConflictProblem>()
            .with::<Hello>()
            .with::<Limits>()
            .with::<Outcomes>()
            .with::<Problem>()
            .with::<RecordPage>()
            .with::<RecordSnapshot>()
    }

    /// Adds the schema of a type, and of those that it is made of.
    #[must_use]
    pub fn with<T: JsonSchema>(mut self) -> Self {
        self.generator.subschema_for::<T>();
        self
    }

    /// The document.
    ///
    /// # Panics
    /// When the table names a command type or kind whose schema was not added: this is part of a test.
    pub fn document(mut self, registry: &Registry, table: &[Resource]) -> Value {
        let mut schemas = self.generator.take_definitions(true);
        for schema in schemas.values_mut() {
            let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
            for (name, field) in fields.into_iter().flatten() {
                (self.host.refine)(name, field);
            }
        }
        self.add_bodies(&mut schemas, table);
        let mut paths = protocol::paths();
        for resource in table {
            operations::add(&mut paths, resource, registry, &self);
        }
        for name in named(&paths) {
            assert!(schemas.contains_key(&name), "the schema {name} is not among those that were added");
        }
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": self.host.title,
                "version": offline_protocol::PROTOCOL.to_string(),
                "description": "Generated from the Rust types; docs/protocol.md tells what it means.",
            },
            "security": [{ "bearer": [] }],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
                },
            },
        })
    }

    /// Where the path names the record, the payload need not.
    fn add_bodies(&self, schemas: &mut Map<String, Value>, table: &[Resource]) {
        for resource in table {
            for operation in resource.operations.iter().filter(|operation| operation.verb != Verb::Create) {
                let name = (self.host.payload)(operation.command_type);
                let Some(mut body) = schemas.get(&name).cloned() else { continue };
                if let Some(fields) = body.get_mut("properties").and_then(Value::as_object_mut) {
                    fields.remove(resource.id);
                }
                if let Some(required) = body.get_mut("required").and_then(Value::as_array_mut) {
                    required.retain(|field| field != resource.id);
                }
                schemas.insert(format!("{name}Body"), body);
            }
        }
    }
}

/// The names of the schemas that a part of the document refers to.
fn named(part: &impl serde::Serialize) -> Vec<String> {
    let text = serde_json::to_string(part).expect("BUG: JSON always serializes");
    let after = text.split("#/components/schemas/").skip(1);
    after.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

pub(crate) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A response of JSON, with the headers that every one has and `headers` beside them.
pub(crate) fn answer(description: &str, schema: &Value, headers: &[(&str, Value)]) -> Value {
    let content = json!({ "application/json": { "schema": schema } });
    json!({ "description": description, "headers": all_headers(headers), "content": content })
}

/// The problems that an operation may answer, by their status.
pub(crate) fn problems(codes: &[(u16, &str)]) -> Map<String, Value> {
    let problem = |(status, description): &(u16, &str)| {
        let schema = schema(if [409, 412].contains(status) { "ConflictProblem" } else { "Problem" });
        // While the first request runs, there is no record to show.
        let schema =
            if *status == 409 { json!({ "anyOf": [schema, self::schema("Problem")] }) } else { schema };
        let content = json!({ "application/problem+json": { "schema": schema } });
        let response = json!({ "description": description, "headers": all_headers(&[]), "content": content });
        (status.to_string(), response)
    };
    codes.iter().map(problem).collect()
}

fn all_headers(headers: &[(&str, Value)]) -> Value {
    let protocol = json!({ "required": true, "schema": { "type": "integer", "minimum": 1 } });
    let mut all = Map::from_iter([("Sync-Protocol".to_owned(), protocol)]);
    all.extend(headers.iter().map(|(name, schema)| ((*name).to_owned(), json!({ "schema": schema }))));
    Value::Object(all)
}

pub(crate) fn parameter(name: &str, place: &str, required: bool, about: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": place, "required": required, "description": about, "schema": schema })
}

/// What every operation with a token may answer.
pub(crate) const EVERY: [(u16, &str); 5] = [
    (401, "No token, or not a valid one."),
    (404, "The workspace or the record does not exist, or not for this token."),
    (429, "Too many requests."),
    (500, "The server failed."),
    (503, "The server takes no requests of this sort now; after Retry-After the same again."),
];
