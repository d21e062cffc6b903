use std::time::Duration;

use offline_core::{Fence, Lease, StoreError, Takeover};
use offline_protocol::Timestamp;
use serde::Serialize;
use wasm_bindgen::JsValue;

use super::{
    keys::{decode, encode},
    meta::{ask_text, put_text},
};
use crate::{
    idb::{DbError, Failure, Pending, Transaction},
    read::{Fields, FromJson},
};

const LEASE: &str = "lease";

/// The partition's lease as it is stored. The fence stays when the lease is given back, for the next one must be greater.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeaseRow {
    fence: u64,
    held: Option<Held>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    by: String,
    until_millis: i64,
}

impl FromJson for LeaseRow {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { fence: fields.number("fence"), held: fields.maybe_object("held") }
    }
}

impl FromJson for Held {
    fn from_json(fields: &Fields<'_>) -> Self {
        Self { by: fields.text("by").to_owned(), until_millis: fields.number("untilMillis") as i64 }
    }
}

/// What somebody wants who wants the lease.
pub(super) struct Wanted<'a> {
    pub(super) holder: &'a str,
    pub(super) now: Timestamp,
    pub(super) ttl: Duration,
    pub(super) takeover: Takeover,
}

impl LeaseRow {
    /// Reads it; ask first, await later.
    pub(super) fn ask(tx: &Transaction) -> Result<Pending<'_>, DbError> {
        ask_text(tx, LEASE)
    }

    /// The answer to [`LeaseRow::ask`].
    pub(super) fn from_answer(answer: &JsValue) -> Result<Self, Failure> {
        match answer.as_string() {
            Some(text) => Ok(decode(&text, "lease")?),
            None => Ok(Self::default()),
        }
    }

    /// Whether this is the fence of the current lease.
    pub(super) fn check(&self, fence: Fence) -> Result<(), StoreError> {
        if self.is_current(fence) { Ok(()) } else { Err(StoreError::Fenced) }
    }

    fn is_current(&self, fence: Fence) -> bool {
        self.held.is_some() && self.fence == fence.0
    }

    fn is_free_for(&self, wanted: &Wanted<'_>) -> bool {
        let Some(held) = &self.held else { return true };
        let until = Timestamp::from_millis(held.until_millis);
        let expired = until <= wanted.now || until > wanted.now.plus(wanted.ttl);
        expired || held.by == wanted.holder || wanted.takeover == Takeover::Always
    }

    fn put(&self, tx: &Transaction) -> Result<(), DbError> {
        put_text(tx, LEASE, &encode(self))
    }
}

pub(super) async fn acquire(tx: &Transaction, wanted: &Wanted<'_>) -> Result<Option<Lease>, Failure> {
    let row = LeaseRow::from_answer(&LeaseRow::ask(tx)?.await?)?;
    if !row.is_free_for(wanted) {
        return Ok(None);
    }
    let expires_at = wanted.now.plus(wanted.ttl);
    let held = Held { by: wanted.holder.to_owned(), until_millis: expires_at.as_millis() };
    let row = LeaseRow { fence: row.fence + 1, held: Some(held) };
    row.put(tx)?;
    Ok(Some(Lease { holder: wanted.holder.to_owned(), fence: Fence(row.fence), expires_at }))
}

pub(super) async fn renew(
    tx: &Transaction,
    lease: &Lease,
    now: Timestamp,
    ttl: Duration,
) -> Result<bool, Failure> {
    let mut row = LeaseRow::from_answer(&LeaseRow::ask(tx)?.await?)?;
    let current = row.is_current(lease.fence);
    if let (true, Some(held)) = (current, &mut row.held) {
        held.until_millis = now.plus(ttl).as_millis();
        row.put(tx)?;
    }
    Ok(current)
}

pub(super) async fn release(tx: &Transaction, lease: &Lease) -> Result<bool, Failure> {
    let mut row = LeaseRow::from_answer(&LeaseRow::ask(tx)?.await?)?;
    let current = row.is_current(lease.fence);
    if current {
        row.held = None;
        row.put(tx)?;
    }
    Ok(current)
}
