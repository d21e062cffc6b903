use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, form, read_form,
};
use offline_protocol::{FieldError, RecordId};
use serde_json::Value;

use crate::{
    check::{Checks, field_error, key},
    expense::{EXPENSE, ExpenseSubmitV1, submit},
};

/// The most expenses that are handed in at once.
const MAX_EXPENSES: usize = 100;

form! {
    /// The payload of `EXPENSE_SUBMIT_V2`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct ExpenseSubmitV2 {
        /// Which expenses, 1 to 100, none of them twice. All are handed in, or none.
        pub expense_ids as "expenseIds": Vec<RecordId>,
    }
}

/// Hands draft expenses in, all or none.
pub struct ExpenseSubmitAll;

impl CommandHandler for ExpenseSubmitAll {
    type Payload = ExpenseSubmitV2;
    const TYPE: &'static str = "EXPENSE_SUBMIT_V2";
    const POLICY: ConflictPolicy = ConflictPolicy::CheckedWhenGiven;

    fn read(&self, payload: &Value) -> Result<ExpenseSubmitV2, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &ExpenseSubmitV2) -> Vec<FieldError> {
        let mut checks = Checks::new();
        let ids = &payload.expense_ids;
        if ids.is_empty() {
            checks.fail("/expenseIds", "empty", "must not be empty");
        }
        checks.count("/expenseIds", ids.len(), MAX_EXPENSES);
        for (index, id) in ids.iter().take(MAX_EXPENSES).enumerate() {
            if ids[..index].contains(id) {
                checks.fail(&format!("/expenseIds/{index}"), "duplicate", "must not be named twice");
            }
        }
        checks.finish()
    }

    fn touches(&self, payload: &ExpenseSubmitV2) -> Vec<Touch> {
        payload.expense_ids.iter().map(|id| Touch::update(key(EXPENSE, id))).collect()
    }

    fn handle(&self, _: &Context, records: &Records, payload: ExpenseSubmitV2) -> Result<Effect, Rejection> {
        let mut all = Effect::default();
        let many = payload.expense_ids.len() > 1;
        for (index, id) in payload.expense_ids.iter().enumerate() {
            let one = submit(records, key(EXPENSE, id)).map_err(|refused| match many {
                true => at(index, refused),
                false => refused,
            })?;
            all.writes.extend(one.writes);
        }
        Ok(all)
    }
}

/// The refusal of one among several says which. That of a single one says no more than it did in version 1.
fn at(index: usize, refused: Rejection) -> Rejection {
    let error = field_error(&format!("/expenseIds/{index}"), "refused", refused.title.clone());
    Rejection { title: refused.title, errors: vec![error] }
}

/// Version 1 handed in one expense.
#[allow(clippy::needless_pass_by_value, reason = "an upcaster is given the old payload for good")]
pub(crate) fn from_v1(payload: Value) -> Result<Value, Vec<FieldError>> {
    let old: ExpenseSubmitV1 = read_form(&payload)?;
    Ok(ExpenseSubmitV2 { expense_ids: vec![old.expense_id] }.to_json())
}
