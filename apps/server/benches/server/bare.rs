//! The stores without HTTP, tokens, JSON and the domain: the same rows by the same statements.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use offline_domain::Record;
use offline_protocol::{
    ChangeSeq, CommandId, Fingerprint, IdempotencyKey, RecordId, RecordKey, RecordKind, RecordVersion,
    Timestamp, UserId, Verdict, Version, WorkspaceId,
};
use offline_server::{
    Change, ChangeLog, ChangesQuery, Folded, Identity, Loaded, Membership, Memberships, Receipt, Role, Since,
    Store, StoreError, StoredRecord, StoredVerdict, Wanted, Work,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Everybody is a member of everything.
struct Open;

impl Memberships for Open {
    fn role<'a>(
        &'a self,
        _: &'a WorkspaceId,
        _: &'a UserId,
    ) -> BoxFuture<'a, Result<Option<Role>, StoreError>> {
        Box::pin(async { Ok(Some(Role::member())) })
    }
}

/// Ana's membership of a workspace.
pub(crate) async fn member(workspace: &str) -> Membership {
    let identity =
        Identity { workspace_id: WorkspaceId::new(workspace).unwrap(), user_id: UserId::new("ana").unwrap() };
    Membership::verify(&Open, &identity, &identity.workspace_id).await.unwrap().unwrap()
}

/// What the handler of `EXPENSE_CREATE_V1` makes of the payload that the clients send.
fn data() -> Value {
    json!({ "amountMinor": 4990, "category": "travel", "createdBy": "ana", "currency": "CHF",
        "description": "Train to Basel, second class, with the half-fare card", "spentOn": "2026-11-20", "state": "draft" })
}

/// Creates as many expenses as one transaction is to hold, with ids from `first` on.
pub(crate) async fn create(store: &dyn Store, membership: &Membership, first: u64, many: u64) {
    let key = |number: u64| {
        RecordKey::new(RecordKind::new("expense").unwrap(), RecordId::new(format!("e{number}")).unwrap())
    };
    let idempotency = |number: u64| IdempotencyKey::new(format!("key-{number}")).unwrap();
    let command = |number: u64| {
        let bits = 0x0193_0000_0000_7000_8000_0000_0000_0000 | u128::from(number);
        CommandId::from_uuid(Uuid::from_u128(bits))
    };
    let numbers = first..first + many;
    let wanted = Wanted {
        records: numbers.clone().map(key).collect(),
        keys: numbers.clone().map(idempotency).collect(),
        commands: numbers.clone().map(command).collect(),
        ..Wanted::default()
    };
    let user = membership.user_id().clone();
    let fold = move |loaded: Loaded| {
        let mut folded = Folded::default();
        let mut seq = loaded.change_seq.unwrap_or(ChangeSeq::FIRST);
        for number in numbers.clone() {
            seq = seq.next();
            add(&mut folded, key(number), idempotency(number), command(number), seq, &user);
        }
        folded
    };
    let work = Work { membership: membership.clone(), wanted, fold: Arc::new(fold) };
    assert_eq!(store.run(work).await.unwrap().len() as u64, many);
}

fn add(
    folded: &mut Folded,
    key: RecordKey,
    idempotency_key: IdempotencyKey,
    command_id: CommandId,
    seq: ChangeSeq,
    user: &UserId,
) {
    let (version, now) = (Version::FIRST, Timestamp::from_millis(1_795_370_400_000));
    let versions = vec![RecordVersion { kind: key.kind.clone(), id: key.id.clone(), version }];
    folded.changes.receipts.push(Receipt {
        idempotency_key,
        command_id,
        fingerprint: Fingerprint([7; 32]),
        verdict: StoredVerdict::Applied { versions: versions.clone(), change_seq: seq },
        result: Value::Null,
        received_at: now,
    });
    let record = Record { version, data: Some(data()), updated_by: user.clone(), updated_at: now };
    folded.changes.records.push(StoredRecord { key: key.clone(), record, change_seq: seq });
    folded.changes.log.push(Change { seq, key, version, command_id, changed_at: now });
    folded.verdicts.push(Verdict::Applied {
        versions,
        result: Value::Null,
        replayed: false,
        change_seq: seq,
    });
}

/// Reads all that changed in a workspace since its beginning, in pages like the client's; how many records there were.
pub(crate) async fn catch_up(log: &dyn ChangeLog, membership: &Membership, limit: u32) -> u64 {
    let (mut after, mut records) = (ChangeSeq::FIRST, 0);
    loop {
        let query = ChangesQuery {
            kinds: Vec::new(),
            since: Since::Log { after },
            limit,
            max_bytes: 4 * 1024 * 1024,
        };
        let page = log.changed(membership, &query).await.unwrap();
        records += page.records.len() as u64;
        match page.records.last() {
            Some(last) if page.more => after = last.change_seq,
            _ => return records,
        }
    }
}
