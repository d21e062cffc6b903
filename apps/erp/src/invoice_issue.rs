use offline_domain::{
    CommandHandler, ConflictPolicy, Context, Effect, Form, Records, Rejection, Touch, Write, form, read_form,
};
use offline_protocol::{FieldError, RecordId, RecordKey, UserId};
use serde_json::Value;

use crate::{
    check::{Checks, code_key, key, refusal, stored},
    invoice::{INVOICE, InvoiceData, InvoiceState, draft},
};

/// The kind of the records that count the invoices' numbers. Their ids are the series' codes.
pub const INVOICE_SERIES: &str = "invoice-series";

/// The most characters of a prefix.
const MAX_PREFIX: usize = 20;

/// The last number that a series gives.
const MAX_NUMBER: i64 = 999_999_999_999;

/// The digits of a number when nobody says otherwise.
const DIGITS: i64 = 5;

/// The most series of a workspace: all of them are read when one is opened and when a number is given.
const MAX_SERIES: usize = 1000;

form! {
    /// A series of invoice numbers. Commands of one workspace are executed one after the other, so that a number is given once and none is left out.
    ///
    /// No two series may be opened that could come to the same number. Some that were opened before this rule have one prefix: they count on
    /// together, each beginning behind the number that any of them has come to.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct InvoiceSeriesData {
        /// What stands before the number.
        pub prefix as "prefix": String,
        /// How many digits a number has at least.
        pub digits as "digits": i64,
        /// The number that the next invoice gets.
        pub next_number as "nextNumber": i64,
    }
}

form! {
    /// What an issued invoice holds beside [`InvoiceData`], as `issue`.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct InvoiceIssueData {
        /// The number as it is printed.
        pub number as "number": String,
        /// The series it is from.
        pub series as "series": String,
        /// Its place in the series.
        pub sequence as "sequence": i64,
        /// The day on which it was issued, `YYYY-MM-DD`.
        pub issued_on as "issuedOn": String,
        /// The day until which it is to be paid, `YYYY-MM-DD`.
        pub due_on as "dueOn": Option<String>,
        /// Who issued it.
        pub issued_by as "issuedBy": UserId,
    }
}

form! {
    /// The payload of `INVOICE_SERIES_OPEN_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct InvoiceSeriesOpenV1 {
        /// The new series' code, 1 to 32 characters of a-z, 0-9, - and _.
        pub series as "series": String,
        /// What stands before the number, 1 to 20 characters; nothing when absent. No other series may have it, nor one that is the same but for
        /// digits at the end of either: `A` and `A1` both come to `A10001`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub prefix as "prefix": Option<String>,
        /// How many digits a number has at least, 1 to 12; 5 when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub digits as "digits": Option<i64>,
        /// The first number, 1 to 999,999,999,999; 1 when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        pub first_number as "firstNumber": Option<i64>,
    }
}

form! {
    /// The payload of `INVOICE_ISSUE_V1`.
    #[derive(Debug, Clone)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub closed struct InvoiceIssueV1 {
        /// Which invoice; a draft with lines.
        pub invoice_id as "invoiceId": RecordId,
        /// The series that its number is from, which must be open.
        pub series as "series": String,
        /// The day on which it is issued, `YYYY-MM-DD`.
        pub issued_on as "issuedOn": String,
        /// The day until which it is to be paid, `YYYY-MM-DD`, not before that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional = nullable))]
        pub due_on as "dueOn": Option<String>,
    }
}

form! {
    /// What `INVOICE_ISSUE_V1` comes to. Only the server knows it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
    pub struct InvoiceIssueResult {
        /// The number as it is printed.
        pub number as "number": String,
        /// Its place in the series.
        pub sequence as "sequence": i64,
    }
}

/// Opens a series of invoice numbers.
pub struct InvoiceSeriesOpen;

impl CommandHandler for InvoiceSeriesOpen {
    type Payload = InvoiceSeriesOpenV1;
    const TYPE: &'static str = "INVOICE_SERIES_OPEN_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::CreateOnly;
    const READS_ALL: &'static [&'static str] = &[INVOICE_SERIES];

    fn read(&self, payload: &Value) -> Result<InvoiceSeriesOpenV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &InvoiceSeriesOpenV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        checks.code("/series", &payload.series);
        payload.prefix.as_ref().inspect(|text| checks.text("/prefix", text, MAX_PREFIX));
        payload.digits.inspect(|digits| checks.range("/digits", *digits, 1, 12));
        payload.first_number.inspect(|number| checks.range("/firstNumber", *number, 1, MAX_NUMBER));
        checks.finish()
    }

    fn touches(&self, payload: &InvoiceSeriesOpenV1) -> Vec<Touch> {
        vec![Touch::create(code_key(INVOICE_SERIES, &payload.series))]
    }

    fn handle(
        &self,
        _: &Context,
        records: &Records,
        payload: InvoiceSeriesOpenV1,
    ) -> Result<Effect, Rejection> {
        let series = InvoiceSeriesData {
            prefix: payload.prefix.unwrap_or_default(),
            digits: payload.digits.unwrap_or(DIGITS),
            next_number: payload.first_number.unwrap_or(1),
        };
        let others = all_series(records)?;
        if others.len() >= MAX_SERIES {
            return Err(Rejection::new("The workspace has as many series as it may have"));
        }
        if others.iter().any(|other| other.may_print_numbers_of(&series)) {
            let title = "Another series could come to the same numbers";
            let message = "must not be that of another series, nor the same but for digits at the end";
            return Err(refusal(title, "/prefix", "taken", message));
        }
        Ok(Effect::write(code_key(INVOICE_SERIES, &payload.series), series.to_json()))
    }
}

/// Issues a draft invoice with the next number of a series.
///
/// A client has no series beside its invoices, so its overlay shows the draft, pending, until the server has said the number: one that is made up
/// would be a lie.
pub struct InvoiceIssue;

impl CommandHandler for InvoiceIssue {
    type Payload = InvoiceIssueV1;
    const TYPE: &'static str = "INVOICE_ISSUE_V1";
    const POLICY: ConflictPolicy = ConflictPolicy::Guarded;
    const READS_ALL: &'static [&'static str] = &[INVOICE_SERIES];

    fn read(&self, payload: &Value) -> Result<InvoiceIssueV1, Vec<FieldError>> {
        read_form(payload)
    }

    fn check(&self, payload: &InvoiceIssueV1) -> Vec<FieldError> {
        let mut checks = Checks::new();
        checks.code("/series", &payload.series);
        checks.date("/issuedOn", &payload.issued_on);
        if let Some(due_on) = &payload.due_on {
            checks.date("/dueOn", due_on);
            // Days of the calendar of one length compare like their texts.
            if *due_on < payload.issued_on {
                checks.fail("/dueOn", "before-issue", "must not be before the day of issue");
            }
        }
        checks.finish()
    }

    fn touches(&self, payload: &InvoiceIssueV1) -> Vec<Touch> {
        vec![
            Touch::update(key(INVOICE, &payload.invoice_id)),
            Touch::advance(code_key(INVOICE_SERIES, &payload.series)),
        ]
    }

    fn handle(
        &self,
        context: &Context,
        records: &Records,
        payload: InvoiceIssueV1,
    ) -> Result<Effect, Rejection> {
        let (invoice_key, series_key) =
            (key(INVOICE, &payload.invoice_id), code_key(INVOICE_SERIES, &payload.series));
        let invoice = draft(records, &invoice_key)?;
        if invoice.lines.is_empty() {
            return Err(Rejection::new("An invoice without lines cannot be issued"));
        }
        if invoice.total_minor < 0 {
            return Err(Rejection::new("An invoice whose total is negative cannot be issued"));
        }
        let series: InvoiceSeriesData = stored(records, &series_key)?;
        let (sequence, number) = next(&series, &all_series(records)?)?;
        let issue = InvoiceIssueData {
            number: number.clone(),
            series: payload.series,
            sequence,
            issued_on: payload.issued_on,
            due_on: payload.due_on,
            issued_by: context.user_id.clone(),
        };
        let mut data = InvoiceData { state: InvoiceState::Issued, ..invoice }.to_json();
        data["issue"] = issue.to_json();
        let series = InvoiceSeriesData { next_number: sequence + 1, ..series };
        let writes = vec![
            Write { key: invoice_key, data: Some(data) },
            Write { key: series_key, data: Some(series.to_json()) },
        ];
        Ok(Effect { writes, result: InvoiceIssueResult { number, sequence }.to_json() })
    }
}

impl InvoiceSeriesData {
    /// A number as it is printed.
    fn print(&self, sequence: i64) -> String {
        let width = usize::try_from(self.digits).unwrap_or_default();
        format!("{}{sequence:0width$}", self.prefix)
    }

    /// Whether some number may be one of either series: what one prefix has more than the other are digits.
    fn may_print_numbers_of(&self, other: &Self) -> bool {
        let rest =
            self.prefix.strip_prefix(&other.prefix).or_else(|| other.prefix.strip_prefix(&self.prefix));
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Whether the number is behind what the series has come to.
    fn has_printed(&self, number: &str) -> bool {
        let sequence = number.strip_prefix(&self.prefix).and_then(|digits| digits.parse().ok());
        sequence.is_some_and(|sequence| sequence < self.next_number && self.print(sequence) == number)
    }
}

/// All series of the workspace.
fn all_series(records: &Records) -> Result<Vec<InvoiceSeriesData>, Rejection> {
    let of_series = |key: &&RecordKey| key.kind.as_str() == INVOICE_SERIES && records.data(key).is_some();
    records.iter().map(|(key, _)| key).filter(of_series).map(|key| stored(records, key)).collect()
}

/// The next number of a series, its place and as it is printed, that no other one has given.
fn next(series: &InvoiceSeriesData, all: &[InvoiceSeriesData]) -> Result<(i64, String), Rejection> {
    let of_this_prefix = all.iter().filter(|other| other.prefix == series.prefix);
    let sequence = of_this_prefix.fold(series.next_number, |next, twin| next.max(twin.next_number));
    if sequence > MAX_NUMBER {
        let title = "The series has no more numbers";
        return Err(refusal(title, "/series", "exhausted", "has no more numbers"));
    }
    let number = series.print(sequence);
    if all.iter().any(|other| other.has_printed(&number)) {
        let title = "The series' next number is one of another series";
        return Err(refusal(title, "/series", "taken", "has come to the numbers of another series"));
    }
    Ok((sequence, number))
}
