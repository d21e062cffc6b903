use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, form, read_form,
};
use offline_protocol::{FieldError, RecordId, RecordKey, UserId};
use serde_json::Value;

use crate::check::{Checks, field_error, key, present};

/// The kind of the records of expenses.
pub const EXPENSE: &str = "expense";

/// The most characters of an expense's description.
const MAX_DESCRIPTION: usize = 500;

/// The most characters of an expense's category.
const MAX_CATEGORY: usize = 64;

form! {
    /// An expense as the server stores it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct ExpenseData {
        /// What the money was spent for.
        pub description as "description": String,
        /// How much, in the currency's minor unit; more than zero.
        pub amount_minor as "amountMinor": i64,
        /// The ISO 4217 code of the currency.
        pub currency as "currency": String,
        /// The day on which it was spent, `YYYY-MM-DD`.
        pub spent_on as "spentOn": String,
        /// What sort of expense, in the user's words.
        pub category as "category": Option<String>,
        /// Where it stands.
        pub state as "state": ExpenseState,
        /// Who made it.
        pub created_by as "createdBy": UserId,
    }
}

form! {
    /// Where an expense stands.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub enum ExpenseState {
        /// Can be changed.
        Draft as "draft",
        /// Handed in; fixed.
        Submitted as "submitted",
        /// To be paid out.
        Approved as "approved",
        /// Refused for good.
        Rejected as "rejected",
    }
}

form! {
    /// The payload of `EXPENSE_CREATE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct ExpenseCreateV1 {
        /// The new expense's id, made by the client.
        pub expense_id as "expenseId": RecordId,
        /// What the money was spent for, 1 to 500 characters.
        pub description as "description": String,
        /// How much, in the currency's minor unit; more than zero.
        pub amount_minor as "amountMinor": i64,
        /// The ISO 4217 code of the currency.
        pub currency as "currency": String,
        /// The day on which it was spent, `YYYY-MM-DD`.
        pub spent_on as "spentOn": String,
        /// What sort of expense, 1 to 64 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional = nullable))]
        pub category as "category": Option<String>,
    }
}

form! {
    /// The payload of `EXPENSE_UPDATE_V1`: what is absent stays as it is.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct ExpenseUpdateV1 {
        /// Which expense.
        pub expense_id as "expenseId": RecordId,
        /// What the money was spent for, 1 to 500 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub description as "description": Option<String>,
        /// How much, in the currency's minor unit; more than zero.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub amount_minor as "amountMinor": Option<i64>,
        /// The ISO 4217 code of the currency.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub currency as "currency": Option<String>,
        /// The day on which it was spent, `YYYY-MM-DD`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub spent_on as "spentOn": Option<String>,
        /// What sort of expense, 1 to 64 characters; null clears it.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional, type = "string | null"))]
        pub category as "category": Option<Option<String>>,
    }
}

form! {
    /// The payload of `EXPENSE_SUBMIT_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct ExpenseSubmitV1 {
        /// Which expense.
        pub expense_id as "expenseId": RecordId,
    }
}

/// Makes a draft expense.
pub struct ExpenseCreate;

impl CommandHandler for ExpenseCreate {
    type Payload = ExpenseCreateV1;
    const TYPE: &'static str = "EXPENSE_CREATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;

    fn read(&self, payload: &Value) -> Result<ExpenseCreateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &ExpenseCreateV1) -> Vec<FieldError> {
        check_fields(Fields {
            description: Some(&payload.description),
            amount_minor: Some(payload.amount_minor),
            currency: Some(&payload.currency),
            spent_on: Some(&payload.spent_on),
            category: payload.category.as_deref(),
        })
    }

    fn touches(&self, payload: &ExpenseCreateV1) -> Vec<Touch> {
        vec![Touch::create(key(EXPENSE, &payload.expense_id))]
    }

    fn handle(&self, context: &Context, _: &Records, payload: ExpenseCreateV1) -> Result<Effect, Rejection> {
        let expense = ExpenseData {
            description: payload.description,
            amount_minor: payload.amount_minor,
            currency: payload.currency,
            spent_on: payload.spent_on,
            category: payload.category,
            state: ExpenseState::Draft,
            created_by: context.user_id.clone(),
        };
        store(key(EXPENSE, &payload.expense_id), &expense)
    }
}

/// Changes a draft expense.
pub struct ExpenseUpdate;

impl CommandHandler for ExpenseUpdate {
    type Payload = ExpenseUpdateV1;
    const TYPE: &'static str = "EXPENSE_UPDATE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;

    fn read(&self, payload: &Value) -> Result<ExpenseUpdateV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &ExpenseUpdateV1) -> Vec<FieldError> {
        check_fields(Fields {
            description: payload.description.as_deref(),
            amount_minor: payload.amount_minor,
            currency: payload.currency.as_deref(),
            spent_on: payload.spent_on.as_deref(),
            category: payload.category.as_ref().and_then(|category| category.as_deref()),
        })
    }

    fn touches(&self, payload: &ExpenseUpdateV1) -> Vec<Touch> {
        vec![Touch::update(key(EXPENSE, &payload.expense_id))]
    }

    fn handle(&self, _: &Context, records: &Records, payload: ExpenseUpdateV1) -> Result<Effect, Rejection> {
        let key = key(EXPENSE, &payload.expense_id);
        let old = draft(records, &key)?;
        let expense = ExpenseData {
            description: payload.description.unwrap_or(old.description),
            amount_minor: payload.amount_minor.unwrap_or(old.amount_minor),
            currency: payload.currency.unwrap_or(old.currency),
            spent_on: payload.spent_on.unwrap_or(old.spent_on),
            category: payload.category.unwrap_or(old.category),
            state: ExpenseState::Draft,
            created_by: old.created_by,
        };
        store(key, &expense)
    }
}

/// Hands a draft expense in.
pub struct ExpenseSubmit;

impl CommandHandler for ExpenseSubmit {
    type Payload = ExpenseSubmitV1;
    const TYPE: &'static str = "EXPENSE_SUBMIT_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CheckedWhenGiven;

    fn read(&self, payload: &Value) -> Result<ExpenseSubmitV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn touches(&self, payload: &ExpenseSubmitV1) -> Vec<Touch> {
        vec![Touch::update(key(EXPENSE, &payload.expense_id))]
    }

    fn handle(&self, _: &Context, records: &Records, payload: ExpenseSubmitV1) -> Result<Effect, Rejection> {
        submit(records, key(EXPENSE, &payload.expense_id))
    }
}

/// What handing in does to one expense.
pub(crate) fn submit(records: &Records, key: RecordKey) -> Result<Effect, Rejection> {
    let old = draft(records, &key)?;
    store(key, &ExpenseData { state: ExpenseState::Submitted, ..old })
}

#[derive(Clone, Copy)]
struct Fields<'a> {
    description: Option<&'a str>,
    amount_minor: Option<i64>,
    currency: Option<&'a str>,
    spent_on: Option<&'a str>,
    category: Option<&'a str>,
}

fn check_fields(fields: Fields<'_>) -> Vec<FieldError> {
    let mut checks = Checks::new();
    fields.description.inspect(|text| checks.text("/description", text, MAX_DESCRIPTION));
    fields.amount_minor.inspect(|amount| checks.amount("/amountMinor", *amount));
    fields.currency.inspect(|code| checks.currency("/currency", code));
    fields.spent_on.inspect(|date| checks.date("/spentOn", date));
    fields.category.inspect(|text| checks.text("/category", text, MAX_CATEGORY));
    checks.finish()
}

fn draft(records: &Records, key: &RecordKey) -> Result<ExpenseData, Rejection> {
    let expense: Option<ExpenseData> = records.data(key).and_then(|data| read_form(data).ok());
    // One way out for both refusals: the browser loads this.
    let title = match expense {
        Some(expense) if expense.state == ExpenseState::Draft => return Ok(expense),
        Some(_) => "A submitted expense can no longer be changed",
        None => "The stored expense cannot be read by this version",
    };
    Err(Rejection::new(title))
}

fn store(key: RecordKey, expense: &ExpenseData) -> Result<Effect, Rejection> {
    if expense.amount_minor <= 0 {
        let code = if expense.amount_minor < 0 { "negative" } else { "zero" };
        return Err(Rejection {
            title: "The amount of an expense must be more than zero".into(),
            errors: vec![field_error("/amountMinor", code, "must be more than zero")],
        });
    }
    Ok(Effect::write(key, expense.to_json()))
}
