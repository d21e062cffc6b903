use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, form, read_form,
};
use offline_protocol::{FieldError, RecordId, RecordKey, UserId};
use serde_json::Value;

use crate::{
    check::{Checks, key, stored},
    expense::{EXPENSE, ExpenseData, ExpenseState},
};

/// Who decides on expenses.
const DECIDERS: &[&str] = &["manager"];

/// The most characters of a reason.
const MAX_REASON: usize = 500;

form! {
    /// What a decided expense holds beside [`ExpenseData`], as `decision`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct ExpenseDecision {
        /// Who decided.
        pub by as "by": UserId,
        /// Why it was rejected.
        pub reason as "reason": Option<String>,
    }
}

form! {
    /// The payload of `EXPENSE_APPROVE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct ExpenseApproveV1 {
        /// Which expense; a submitted one of somebody else.
        pub expense_id as "expenseId": RecordId,
    }
}

form! {
    /// The payload of `EXPENSE_REJECT_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct ExpenseRejectV1 {
        /// Which expense; a submitted one of somebody else.
        pub expense_id as "expenseId": RecordId,
        /// Why, 1 to 500 characters.
        pub reason as "reason": String,
    }
}

/// Approves a submitted expense.
pub struct ExpenseApprove;

impl CommandHandler for ExpenseApprove {
    type Payload = ExpenseApproveV1;
    const TYPE: &'static str = "EXPENSE_APPROVE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;
    const ROLES: &'static [&'static str] = DECIDERS;

    fn read(&self, payload: &Value) -> Result<ExpenseApproveV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn touches(&self, payload: &ExpenseApproveV1) -> Vec<Touch> {
        vec![Touch::update(key(EXPENSE, &payload.expense_id))]
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: ExpenseApproveV1,
    ) -> Result<Effect, Rejection> {
        let key = key(EXPENSE, &payload.expense_id);
        decide(context, records, key, ExpenseState::Approved, None)
    }
}

/// Rejects a submitted expense, for good.
pub struct ExpenseReject;

impl CommandHandler for ExpenseReject {
    type Payload = ExpenseRejectV1;
    const TYPE: &'static str = "EXPENSE_REJECT_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;
    const ROLES: &'static [&'static str] = DECIDERS;

    fn read(&self, payload: &Value) -> Result<ExpenseRejectV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &ExpenseRejectV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        checks.text("/reason", &payload.reason, MAX_REASON);
        checks.finish()
    }

    fn touches(&self, payload: &ExpenseRejectV1) -> Vec<Touch> {
        vec![Touch::update(key(EXPENSE, &payload.expense_id))]
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: ExpenseRejectV1,
    ) -> Result<Effect, Rejection> {
        let key = key(EXPENSE, &payload.expense_id);
        decide(context, records, key, ExpenseState::Rejected, Some(payload.reason))
    }
}

fn decide(
    context: &Context,
    records: &Records,
    key: RecordKey,
    state: ExpenseState,
    reason: Option<String>,
) -> Result<Effect, Rejection> {
    let expense: ExpenseData = stored(records, &key)?;
    match expense.state {
        ExpenseState::Submitted => {}
        ExpenseState::Draft => return Err(Rejection::new("The expense has not been submitted yet")),
        ExpenseState::Approved => return Err(Rejection::new("The expense has been approved already")),
        ExpenseState::Rejected => return Err(Rejection::new("The expense has been rejected already")),
    }
    if expense.created_by == context.user_id {
        return Err(Rejection::new("Nobody decides on an expense of his own"));
    }
    let decision = ExpenseDecision { by: context.user_id.clone(), reason };
    let mut data = ExpenseData { state, ..expense }.to_json();
    data["decision"] = decision.to_json();
    Ok(Effect::write(key, data))
}
