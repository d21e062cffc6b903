//! The modules as plain REST resources: one request, one command, through the same handlers, the same fold and the same transaction as a batch.

use std::{collections::HashSet, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{
        Path, Query,
        rejection::{PathRejection, QueryRejection},
    },
    http::HeaderMap,
    response::Response,
    routing::{MethodFilter, MethodRouter},
};
use offline_domain::{ConflictPolicy, Operation, Resource, Verb};
use offline_protocol::{
    Command, CommandType, Expected, Problem, ProblemCode, RecordId, RecordKey, RecordKind, Verdict, Version,
};
use serde_json::Value;

use crate::{
    Membership, Server,
    batch::Item,
    envelope::{invalid_request, judge},
    submit::run,
};

use super::{
    ProblemResponse,
    body::{Bodies, discard},
    identity::member,
    in_flight::InFlight,
    not_found,
    records::{PageParams, page_response, record_not_found, record_response},
    single::{self, Names},
};

/// How long a request waits for an earlier one with the same idempotency key before it is told that it still runs.
pub const KEY_WAIT: Duration = Duration::from_secs(2);

/// Why a table of resources cannot be served. An error of the program, found at its start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResourceError {
    /// A segment of a path is not a plain word, or is taken.
    #[error("{0:?} cannot be a segment of a path: a-z, 0-9 and -, and not records")]
    Segment(&'static str),
    /// A kind is not a valid name.
    #[error("{0:?} is not a record kind")]
    Kind(&'static str),
    /// A command type that the registry does not know.
    #[error("the command type {0} is not registered")]
    UnknownType(&'static str),
    /// Two resources with one path, or two commands for one request.
    #[error("{0} is in the table twice")]
    Twice(&'static str),
}

/// The routes of the resources, for [`Router::merge`] with those of [`super::api`].
pub fn resources(server: Server, table: &[Resource]) -> Result<Router, ResourceError> {
    check(&server, table)?;
    let face = Arc::new(Face { server, keys: Arc::default() });
    let mut router = Router::new();
    for resource in table {
        let place = Arc::new(Place::of(resource)?);
        let all = format!("/workspaces/{{workspace}}/{}", resource.path);
        let mut collection = read_all(&face, &place);
        let mut one = read_one(&face, &place);
        for operation in &resource.operations {
            match operation.verb {
                Verb::Create => collection = write(&face, &place, operation, MethodFilter::POST, collection),
                Verb::Update => one = write(&face, &place, operation, MethodFilter::PATCH, one),
                Verb::Replace => one = write(&face, &place, operation, MethodFilter::PUT, one),
                Verb::Delete => one = write(&face, &place, operation, MethodFilter::DELETE, one),
                Verb::Action(name) => {
                    let action = write(&face, &place, operation, MethodFilter::POST, MethodRouter::new());
                    router = router.route(&format!("{all}/{{id}}/{name}"), action);
                }
            }
        }
        router = router.route(&all, collection).route(&format!("{all}/{{id}}"), one);
    }
    Ok(super::guarded(router))
}

fn check(server: &Server, table: &[Resource]) -> Result<(), ResourceError> {
    let word = |segment: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !segment.is_empty() && segment != "records" && segment.bytes().all(plain)
    };
    let mut paths = HashSet::new();
    for resource in table {
        if !word(resource.path) {
            return Err(ResourceError::Segment(resource.path));
        }
        if !paths.insert(resource.path) {
            return Err(ResourceError::Twice(resource.path));
        }
        let mut verbs = HashSet::new();
        for Operation { verb, command_type } in &resource.operations {
            if let Verb::Action(name) = verb
                && !word(name)
            {
                return Err(ResourceError::Segment(name));
            }
            let known = CommandType::new(command_type).is_ok_and(|known| server.registry.accepts(&known));
            if !known {
                return Err(ResourceError::UnknownType(command_type));
            }
            if !verbs.insert(format!("{verb:?}")) {
                return Err(ResourceError::Twice(command_type));
            }
        }
    }
    Ok(())
}

/// What all resources share.
struct Face {
    server: Server,
    keys: Arc<InFlight>,
}

/// One resource.
struct Place {
    path: &'static str,
    kind: RecordKind,
    id: &'static str,
}

impl Place {
    fn of(resource: &Resource) -> Result<Self, ResourceError> {
        let kind = RecordKind::new(resource.kind).map_err(|_| ResourceError::Kind(resource.kind))?;
        Ok(Self { path: resource.path, kind, id: resource.id })
    }
}

type Ids = Result<Path<Vec<(String, String)>>, PathRejection>;
type Answer = Result<Response, ProblemResponse>;

/// The workspace and, where the path has one, the record.
fn ids(path: Ids) -> Option<(String, Option<String>)> {
    let Path(ids) = path.ok()?;
    let mut ids = ids.into_iter().map(|(_, value)| value);
    Some((ids.next()?, ids.next()))
}

fn read_all(face: &Arc<Face>, place: &Arc<Place>) -> MethodRouter {
    let (face, place) = (Arc::clone(face), Arc::clone(place));
    axum::routing::get(
        move |path: Ids, params: Result<Query<PageParams>, QueryRejection>, headers: HeaderMap| async move {
            let Some((workspace, _)) = ids(path) else { return Err(not_found().await) };
            let membership = member(&face.server, &headers, &workspace).await?;
            page_response(&face.server, &membership, place.kind.clone(), params).await
        },
    )
}

fn read_one(face: &Arc<Face>, place: &Arc<Place>) -> MethodRouter {
    let (face, place) = (Arc::clone(face), Arc::clone(place));
    axum::routing::get(move |path: Ids, headers: HeaderMap| async move {
        let Some((workspace, Some(id))) = ids(path) else { return Err(not_found().await) };
        let membership = member(&face.server, &headers, &workspace).await?;
        let id = RecordId::new(id).map_err(|_| record_not_found())?;
        record_response(&face.server, &membership, &RecordKey::new(place.kind.clone(), id), &headers).await
    })
}

fn write(
    face: &Arc<Face>,
    place: &Arc<Place>,
    operation: &Operation,
    method: MethodFilter,
    routes: MethodRouter,
) -> MethodRouter {
    let command_type = CommandType::new(operation.command_type).expect("BUG: the table has been checked");
    let write = Arc::new(Write {
        face: Arc::clone(face),
        place: Arc::clone(place),
        verb: operation.verb,
        command_type,
    });
    routes.on(method, move |path: Ids, headers: HeaderMap, body: Body| async move {
        write.answer(path, &headers, body).await
    })
}

/// One row of the table.
struct Write {
    face: Arc<Face>,
    place: Arc<Place>,
    verb: Verb,
    command_type: CommandType,
}

impl Write {
    async fn answer(&self, path: Ids, headers: &HeaderMap, body: Body) -> Answer {
        let server = &self.face.server;
        let Some((workspace, id)) = ids(path) else { return Err(not_found().await) };
        let membership = match member(server, headers, &workspace).await {
            Ok(membership) => membership,
            Err(refused) => {
                discard(body).await;
                return Err(refused);
            }
        };
        let id = id.map(RecordId::new).transpose().map_err(|_| record_not_found())?;
        let bodies = Bodies::of(server, &membership);
        let body = match self.verb {
            Verb::Action(_) | Verb::Delete => bodies.optional_json(headers, body).await?,
            Verb::Create | Verb::Update | Verb::Replace => bodies.json(headers, body).await?,
        };
        if body.is_empty() && !matches!(self.verb, Verb::Action(_) | Verb::Delete) {
            return Err(invalid_request("The body must be JSON").into());
        }
        let mut payload = single::payload(&body, &server.limits)?;
        if let Some(id) = &id {
            single::put_id(&mut payload, self.place.id, id)?;
        }
        let begins = single::if_match(headers)?;
        let command = self.command(&membership, headers, payload)?;
        self.run(membership, command, begins).await
    }

    fn command(
        &self,
        membership: &Membership,
        headers: &HeaderMap,
        payload: Value,
    ) -> Result<Command, Problem> {
        let key = single::idempotency_key(headers)?;
        let created_at = single::created_at(headers, self.face.server.clock.now())?;
        let names = Names::of(membership, &key);
        Ok(Command {
            command_id: names.command_id,
            workspace_id: membership.workspace_id().clone(),
            device_id: names.device_id,
            seq: names.seq,
            command_type: self.command_type.clone(),
            payload,
            idempotency_key: key,
            created_at,
            client_trace_id: names.client_trace_id,
            expected: None,
            depends_on: Vec::new(),
        })
    }

    /// `begins` is what [`single::if_match`] says.
    async fn run(&self, membership: Membership, command: Command, begins: Option<Vec<Version>>) -> Answer {
        let Face { server, keys } = &*self.face;
        let key = command.idempotency_key.clone();
        let claim = keys.claim(&membership, &key, server.key_wait).await.ok_or_else(single::in_progress)?;
        let stated = command.payload.get(self.place.id).and_then(Value::as_str);
        let id = stated.and_then(|id| RecordId::new(id).ok());
        let matchless = begins.as_ref().is_some_and(Vec::is_empty);
        let mut verdict = match begins {
            None => self.judged(&membership, command, None).await?,
            Some(versions) => match versions[..] {
                [] => self.judged(&membership, command, Some(single::no_version())).await?,
                [version] => self.judged(&membership, command, Some(version)).await?,
                _ => self.judged_by_list(&membership, command, id.as_ref(), versions).await?,
            },
        };
        drop(claim);
        if let Verdict::Conflict(conflict) = &mut verdict
            && matchless
        {
            conflict.expected_version = None;
        }
        let workspace = membership.workspace_id();
        let created = id
            .as_ref()
            .filter(|_| self.verb == Verb::Create)
            .map(|id| format!("/workspaces/{workspace}/{}/{}", self.place.path, single::segment(id)));
        Ok(single::respond(verdict, self.place.kind.as_str(), id.as_ref(), created))
    }

    /// Of a list, the version to expect is the record's own, so that the write takes place; what happens to the record between this look and the
    /// transaction is a conflict. The others are tried when the key is known with another one: a retry, after which the record has moved on.
    async fn judged_by_list(
        &self,
        membership: &Membership,
        command: Command,
        id: Option<&RecordId>,
        mut versions: Vec<Version>,
    ) -> Result<Verdict, ProblemResponse> {
        if let Some(id) = id {
            let key = RecordKey::new(self.place.kind.clone(), id.clone());
            let record = self.face.server.store.record(membership, &key).await?;
            versions.sort_by_key(|version| record.as_ref().is_none_or(|record| record.version != *version));
        }
        let mut verdict = Verdict::Retry { after_ms: 0 };
        for version in versions {
            verdict = self.judged(membership, command.clone(), Some(version)).await?;
            let reused = matches!(&verdict, Verdict::Rejected { problem, .. } if problem.code == ProblemCode::IdempotencyKeyReused);
            if !reused {
                break;
            }
        }
        Ok(verdict)
    }

    async fn judged(
        &self,
        membership: &Membership,
        command: Command,
        expected: Option<Version>,
    ) -> Result<Verdict, ProblemResponse> {
        let server = &self.face.server;
        let command = Command { expected: expected.map(Expected::Version), ..command };
        let item = judge(command, &server.registry, Some(membership.workspace_id()));
        if let Item::Ready(ready) = &item
            && ready.command.expected.is_some()
            && !matches!(ready.prepared.policy(), ConflictPolicy::Guarded | ConflictPolicy::CheckedWhenGiven)
        {
            return Err(invalid_request(
                "This write does not look at versions, so it takes no If-Match and no If-None-Match",
            )
            .into());
        }
        let outcome = run(server, membership.clone(), vec![item]).await?.pop();
        Ok(outcome.map_or(Verdict::Retry { after_ms: 0 }, |outcome| outcome.verdict))
    }
}
