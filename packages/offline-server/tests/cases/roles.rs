//! Row 24 of the decision table, and how fast a membership or a role ends.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use offline_domain::{CommandHandler, ConflictPolicy, Context, Effect, Records, Rejection, Touch};
use offline_protocol::{RecordId, RecordKey, RecordKind, Timestamp, UserId, WorkspaceId};
use offline_server::{CachedMembers, Members, Memberships, Role, StoreError};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    place::Place,
    support::{START, TestServer, assert_problem, body, code, statuses},
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealV1 {
    seal: RecordId,
}

/// What only a manager or an auditor may do.
struct Seal;

impl CommandHandler for Seal {
    type Payload = SealV1;
    const TYPE: &'static str = "SEAL_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::LastWriteWins;
    const ROLES: &'static [&'static str] = &["manager", "auditor"];

    fn touches(&self, payload: &SealV1) -> Vec<Touch> {
        vec![Touch::upsert(RecordKey::new(RecordKind::new("seal").unwrap(), payload.seal.clone()))]
    }

    fn handle(&self, _: &Context, _: &Records, payload: SealV1) -> Result<Effect, Rejection> {
        Ok(Effect::write(RecordKey::new(RecordKind::new("seal").unwrap(), payload.seal), json!({})))
    }
}

async fn server() -> TestServer {
    TestServer::adapted(async |server| server.registry = erp::registry().with(Seal).unwrap()).await
}

fn seal(server: &TestServer) -> Value {
    server.command("SEAL_V1", json!({ "seal": "s1" }))
}

fn acme() -> WorkspaceId {
    WorkspaceId::new("acme").unwrap()
}

fn ben() -> UserId {
    UserId::new("ben").unwrap()
}

fn manager() -> Role {
    Role::new("manager").unwrap()
}

#[tokio::test]
async fn row_24_what_the_role_does_not_allow_is_refused_and_not_stored() {
    let server = server().await;
    let token = server.token("ben", "acme");
    let command = seal(&server);
    let mut after = server.create("e1");
    after["dependsOn"] = json!([command["commandId"]]);
    let outcomes = server.send_as(&token, &[command.clone(), after, server.create("e2")]).await;
    assert_eq!(statuses(&outcomes), ["rejected", "held", "applied"]);
    assert_eq!(code(&outcomes[0]), "forbidden");
    assert_eq!(outcomes[0]["problem"]["status"], 403);
    assert_eq!(outcomes[0]["problem"]["detail"], "it takes one of the roles: manager, auditor");
    assert_eq!((server.count("receipt").await, server.count("record").await), (1, 1));
    assert_eq!(server.send(&[seal(&server)]).await[0]["status"], "applied", "ana is a manager");

    // The same command and key, once he may.
    server.members.put_member(&acme(), &ben(), &manager()).await.unwrap();
    let outcomes = server.send_as(&token, std::slice::from_ref(&command)).await;
    assert_eq!((statuses(&outcomes), &outcomes[0]["replayed"]), (vec!["applied"], &json!(false)));
}

#[tokio::test]
async fn row_24_single_what_the_role_does_not_allow_is_403_and_not_stored() {
    let server = server().await;
    let post = || {
        let path = "/workspaces/acme/seals";
        let post =
            server.write_as(&server.token("ben", "acme"), Method::POST, path, &json!({ "seal": "s1" }));
        post.header("idempotency-key", "k1").send()
    };
    assert_problem(post().await.unwrap(), 403, "forbidden").await;
    assert_eq!(server.count("receipt").await, 0);
    server.members.put_member(&acme(), &ben(), &manager()).await.unwrap();
    assert_eq!(post().await.unwrap().status(), 201);
}

#[tokio::test]
async fn row_24_what_was_applied_is_said_again_to_one_who_has_lost_the_role() {
    let server = server().await;
    let token = server.token("ben", "acme");
    server.members.put_member(&acme(), &ben(), &manager()).await.unwrap();
    let command = seal(&server);
    assert_eq!(server.send_as(&token, std::slice::from_ref(&command)).await[0]["status"], "applied");
    server.members.put_member(&acme(), &ben(), &Role::member()).await.unwrap();
    let outcomes = server.send_as(&token, &[command, seal(&server)]).await;
    assert_eq!((statuses(&outcomes), &outcomes[0]["replayed"]), (vec!["applied", "rejected"], &json!(true)));
    assert_eq!(code(&outcomes[1]), "forbidden");
}

#[tokio::test]
async fn row_24_a_role_in_the_token_or_the_payload_is_nobodys_role() {
    let server = server().await;
    let token = server.token("ben", "acme");
    let mut inside = seal(&server);
    inside["payload"]["role"] = json!("manager");
    let mut beside = seal(&server);
    beside["role"] = json!("manager");
    let outcomes = server.send_as(&token, &[inside, beside]).await;
    assert_eq!((code(&outcomes[0]), code(&outcomes[1])), ("invalid-payload", "invalid-command"));
    assert_eq!(server.count("receipt").await, 0);
}

#[tokio::test]
async fn a_role_is_one_of_a_workspace_and_not_of_another() {
    let server = server().await;
    let mut elsewhere = seal(&server);
    elsewhere["workspaceId"] = json!("globex");
    server.members.put_member(&acme(), &ben(), &manager()).await.unwrap();
    let outcomes = server.send_as(&server.token("ben", "globex"), &[elsewhere]).await;
    assert_eq!(code(&outcomes[0]), "forbidden");
}

#[tokio::test]
async fn a_membership_that_ends_on_another_node_ends_here_within_thirty_seconds() {
    let server = server().await;
    let elsewhere = server.place.open().await.members;
    let token = server.token("ben", "acme");
    let list = || async { server.get(&token, "/workspaces/acme/records/expense").await };
    assert_eq!(list().await.status(), 200);
    elsewhere.remove_member(&acme(), &ben()).await.unwrap();
    server.advance(Duration::from_secs(30));
    assert_problem(list().await, 404, "workspace-not-found").await;
    // One who comes back is let in at once: that he was no member is not remembered.
    elsewhere.put_member(&acme(), &ben(), &Role::member()).await.unwrap();
    assert!(body(list().await).await["records"].is_array());
}

/// Counts how often the list is asked.
struct Counted {
    members: Arc<dyn Members>,
    asked: AtomicU32,
}

impl Memberships for Counted {
    fn role<'a>(
        &'a self,
        workspace: &'a WorkspaceId,
        user: &'a UserId,
    ) -> BoxFuture<'a, Result<Option<Role>, StoreError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.members.role(workspace, user)
    }
}

impl Members for Counted {
    fn put_member<'a>(
        &'a self,
        workspace: &'a WorkspaceId,
        user: &'a UserId,
        role: &'a Role,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.members.put_member(workspace, user, role)
    }

    fn remove_member<'a>(
        &'a self,
        workspace: &'a WorkspaceId,
        user: &'a UserId,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.members.remove_member(workspace, user)
    }
}

#[tokio::test]
async fn a_membership_is_asked_for_once_in_thirty_seconds_and_after_each_change() {
    let place = Place::new().await;
    let counted = Arc::new(Counted { members: place.open().await.members, asked: AtomicU32::new(0) });
    let millis = Arc::new(std::sync::atomic::AtomicI64::new(START));
    let ticking = Arc::clone(&millis);
    let clock = Arc::new(move || Timestamp::from_millis(ticking.load(Ordering::SeqCst)));
    let cached = CachedMembers::new(counted.clone(), clock);
    let (acme, ben) = (acme(), ben());
    let ask = || async { (cached.role(&acme, &ben).await.unwrap(), counted.asked.load(Ordering::SeqCst)) };
    assert_eq!(ask().await, (None, 1));
    assert_eq!(ask().await, (None, 2), "that he is no member is not remembered");
    cached.put_member(&acme, &ben, &Role::member()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask().await, (Some(Role::member()), 3));
    }
    cached.put_member(&acme, &ben, &manager()).await.unwrap();
    assert_eq!(ask().await, (Some(manager()), 4));
    millis.store(START + 29_999, Ordering::SeqCst);
    assert_eq!(ask().await, (Some(manager()), 4));
    millis.store(START + 30_000, Ordering::SeqCst);
    assert_eq!(ask().await, (Some(manager()), 5));
    millis.store(START, Ordering::SeqCst);
    assert_eq!(ask().await.1, 6, "a clock that was set back does not make an answer last");
    cached.remove_member(&acme, &ben).await.unwrap();
    assert_eq!(ask().await, (None, 7));
}
