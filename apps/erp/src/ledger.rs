use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, Write, form, read_form,
};
use offline_protocol::{FieldError, RecordId, UserId};
use serde_json::Value;

use crate::check::{Checks, key, more_than_zero, refusal, stored, sum};

/// The kind of the records of the ledger's entries. They are never written twice.
pub const LEDGER_ENTRY: &str = "ledger-entry";

/// The kind of the records that say what reverses an entry. Their ids are those of the reversed entries.
pub const LEDGER_REVERSAL: &str = "ledger-reversal";

/// The most lines of an entry.
const MAX_LINES: usize = 500;

/// The most characters of a description.
const MAX_DESCRIPTION: usize = 500;

form! {
    /// An entry of the ledger. It never changes.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct LedgerEntryData {
        /// The day it counts for, `YYYY-MM-DD`.
        pub posted_on as "postedOn": String,
        /// The ISO 4217 code of the currency of all lines.
        pub currency as "currency": String,
        /// What happened.
        pub description as "description": String,
        /// What went where: the debits come to as much as the credits.
        pub lines as "lines": Vec<LedgerLine>,
        /// The entry that this one takes back.
        pub reverses as "reverses": Option<RecordId>,
        /// Who posted it.
        pub posted_by as "postedBy": UserId,
    }
}

form! {
    /// A line of an entry.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct LedgerLine {
        /// The account, 1 to 32 characters of a-z, 0-9, - and _.
        pub account as "account": String,
        /// On which side.
        pub side as "side": LedgerSide,
        /// How much, in the currency's minor unit; more than zero.
        pub amount_minor as "amountMinor": i64,
    }
}

form! {
    /// A side of the ledger.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum LedgerSide {
        /// To the account.
        Debit as "debit",
        /// From the account.
        Credit as "credit",
    }
}

form! {
    /// What reverses an entry.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct LedgerReversalData {
        /// The entry that takes it back.
        pub entry_id as "entryId": RecordId,
    }
}

form! {
    /// The payload of `LEDGER_POST_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct LedgerPostV1 {
        /// The new entry's id, made by the client.
        pub entry_id as "entryId": RecordId,
        /// The day it counts for, `YYYY-MM-DD`.
        pub posted_on as "postedOn": String,
        /// The ISO 4217 code of the currency of all lines.
        pub currency as "currency": String,
        /// What happened, 1 to 500 characters.
        pub description as "description": String,
        /// What went where, 2 to 500 lines, debits and credits in balance.
        pub lines as "lines": Vec<LedgerLine>,
    }
}

form! {
    /// The payload of `LEDGER_REVERSE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct LedgerReverseV1 {
        /// The new entry's id, made by the client.
        pub entry_id as "entryId": RecordId,
        /// The entry to take back. Once, and no reversal itself.
        pub reverses as "reverses": RecordId,
        /// The day it counts for, `YYYY-MM-DD`.
        pub posted_on as "postedOn": String,
        /// Why, 1 to 500 characters.
        pub description as "description": String,
    }
}

/// Appends an entry to the ledger.
pub struct LedgerPost;

impl CommandHandler for LedgerPost {
    type Payload = LedgerPostV1;
    const TYPE: &'static str = "LEDGER_POST_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn read(&self, payload: &Value) -> Result<LedgerPostV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &LedgerPostV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        check_entry(&mut checks, &payload.posted_on, &payload.description);
        checks.currency("/currency", &payload.currency);
        checks.count("/lines", payload.lines.len(), MAX_LINES);
        for (index, line) in payload.lines.iter().take(MAX_LINES).enumerate() {
            checks.code(&format!("/lines/{index}/account"), &line.account);
            checks.amount(&format!("/lines/{index}/amountMinor"), line.amount_minor);
        }
        checks.finish()
    }

    fn touches(&self, payload: &LedgerPostV1) -> Vec<Touch> {
        vec![Touch::create(key(LEDGER_ENTRY, &payload.entry_id))]
    }

    fn handle(&self, context: &Context, _: &Records, payload: LedgerPostV1) -> Result<Effect, Rejection> {
        balanced(&payload.lines)?;
        let entry = LedgerEntryData {
            posted_on: payload.posted_on,
            currency: payload.currency,
            description: payload.description,
            lines: payload.lines,
            reverses: None,
            posted_by: context.user_id.clone(),
        };
        Ok(Effect::write(key(LEDGER_ENTRY, &payload.entry_id), entry.to_json()))
    }
}

/// Appends the entry that takes another one back: the same lines on the other sides.
pub struct LedgerReverse;

impl CommandHandler for LedgerReverse {
    type Payload = LedgerReverseV1;
    const TYPE: &'static str = "LEDGER_REVERSE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn read(&self, payload: &Value) -> Result<LedgerReverseV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &LedgerReverseV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        check_entry(&mut checks, &payload.posted_on, &payload.description);
        if payload.entry_id == payload.reverses {
            checks.fail("/reverses", "itself", "must be another entry");
        }
        checks.finish()
    }

    fn touches(&self, payload: &LedgerReverseV1) -> Vec<Touch> {
        vec![
            Touch::create(key(LEDGER_ENTRY, &payload.entry_id)),
            Touch::upsert(key(LEDGER_REVERSAL, &payload.reverses)),
            Touch::require(key(LEDGER_ENTRY, &payload.reverses)),
        ]
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: LedgerReverseV1,
    ) -> Result<Effect, Rejection> {
        let reversal = key(LEDGER_REVERSAL, &payload.reverses);
        if records.data(&reversal).is_some() {
            let title = "The entry has been reversed already";
            return Err(refusal(title, "/reverses", "reversed", "has been reversed already"));
        }
        let original: LedgerEntryData = stored(records, &key(LEDGER_ENTRY, &payload.reverses))?;
        if original.reverses.is_some() {
            let title = "A reversal cannot be reversed";
            return Err(refusal(title, "/reverses", "is-reversal", "is a reversal: post the entry anew"));
        }
        let lines = original.lines.into_iter().map(LedgerLine::on_the_other_side).collect();
        let entry = LedgerEntryData {
            posted_on: payload.posted_on,
            currency: original.currency,
            description: payload.description,
            lines,
            reverses: Some(payload.reverses),
            posted_by: context.user_id.clone(),
        };
        let reversed_by = LedgerReversalData { entry_id: payload.entry_id.clone() };
        let writes = vec![
            Write { key: key(LEDGER_ENTRY, &payload.entry_id), data: Some(entry.to_json()) },
            Write { key: reversal, data: Some(reversed_by.to_json()) },
        ];
        Ok(Effect { writes, result: Value::Null })
    }
}

impl LedgerLine {
    fn on_the_other_side(self) -> Self {
        let side = match self.side {
            LedgerSide::Debit => LedgerSide::Credit,
            LedgerSide::Credit => LedgerSide::Debit,
        };
        Self { side, ..self }
    }
}

fn check_entry(checks: &mut Checks, posted_on: &str, description: &str) {
    checks.date("/postedOn", posted_on);
    checks.text("/description", description, MAX_DESCRIPTION);
}

/// Sees that there is something on both sides, and as much on one as on the other.
fn balanced(lines: &[LedgerLine]) -> Result<(), Rejection> {
    let (mut debit, mut credit) = (Some(0), Some(0));
    for (index, line) in lines.iter().enumerate() {
        let pointer = format!("/lines/{index}/amountMinor");
        more_than_zero("The amount of a line must be more than zero", &pointer, line.amount_minor)?;
        let side = match line.side {
            LedgerSide::Debit => &mut debit,
            LedgerSide::Credit => &mut credit,
        };
        *side = side.and_then(|side| sum(side, line.amount_minor));
    }
    match (debit, credit) {
        (Some(0), Some(0)) => {
            Err(refusal("An entry needs lines", "/lines", "empty", "must have a debit and a credit"))
        }
        (Some(debit), Some(credit)) if debit == credit => Ok(()),
        (Some(_), Some(_)) => Err(refusal(
            "The entry is not balanced",
            "/lines",
            "unbalanced",
            "must have debits that come to as much as its credits",
        )),
        _ => Err(refusal(
            "The entry's amounts are too large",
            "/lines",
            "overflow",
            "comes to more than an amount can hold",
        )),
    }
}
