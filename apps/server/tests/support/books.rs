//! What a database holds, checked against what was sent and what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A row of the log of changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) command_id: String,
}

/// A row of the records.
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) change_seq: i64,
    pub(crate) data: String,
}

/// All that a database holds of one workspace, read at one moment.
pub(crate) struct Books {
    /// In their order.
    pub(crate) changes: Vec<Change>,
    pub(crate) records: Vec<Row>,
    /// The commands of the receipts, all of which were applied.
    pub(crate) receipts: Vec<String>,
}

/// What a client was told of a command: the versions it made, and the place of its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) versions: BTreeSet<(String, String, i64)>,
    pub(crate) change_seq: i64,
}

impl Books {
    pub(crate) fn on_sqlite(file: &std::path::Path) -> Self {
        let mut connection = rusqlite::Connection::open(file).unwrap();
        let moment = connection.transaction().unwrap();
        let changes = "SELECT seq, kind, id, version, command_id FROM change ORDER BY seq";
        let change = |row: &rusqlite::Row<'_>| {
            Ok(Change {
                seq: row.get(0)?,
                kind: row.get(1)?,
                id: row.get(2)?,
                version: row.get(3)?,
                command_id: row.get(4)?,
            })
        };
        let records = "SELECT kind, id, version, change_seq, data FROM record";
        let record = |row: &rusqlite::Row<'_>| {
            Ok(Row {
                kind: row.get(0)?,
                id: row.get(1)?,
                version: row.get(2)?,
                change_seq: row.get(3)?,
                data: row.get(4)?,
            })
        };
        let all = "SELECT command_id FROM receipt";
        Self {
            changes: rows(&moment, changes, change),
            records: rows(&moment, records, record),
            receipts: rows(&moment, all, |row| row.get(0)),
        }
    }

    /// Reads at one moment: a transaction that a dead server had begun may still be committed meanwhile.
    pub(crate) async fn on_postgres(client: &tokio_postgres::Client) -> Self {
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        let query = async |sql: &str| client.query(sql, &[]).await.unwrap();
        let changes =
            query("SELECT seq, kind, id, version, command_id::text FROM offline.change ORDER BY seq").await;
        let records = query("SELECT kind, id, version, change_seq, data FROM offline.record").await;
        let receipts = query("SELECT command_id::text FROM offline.receipt").await;
        client.batch_execute("COMMIT").await.unwrap();
        let change = |row: &tokio_postgres::Row| Change {
            seq: row.get(0),
            kind: row.get(1),
            id: row.get(2),
            version: row.get(3),
            command_id: row.get(4),
        };
        let record = |row: &tokio_postgres::Row| Row {
            kind: row.get(0),
            id: row.get(1),
            version: row.get(2),
            change_seq: row.get(3),
            data: row.get(4),
        };
        Self {
            changes: changes.iter().map(change).collect(),
            records: records.iter().map(record).collect(),
            receipts: receipts.iter().map(|row| row.get(0)).collect(),
        }
    }

    /// Every acknowledged effect is there once, nothing is there that was not sent, receipts, effects and changes are the same, no version
    /// is missing, and the sums are those of the commands.
    pub(crate) fn check(&self, sent: &BTreeMap<String, Value>, acknowledged: &BTreeMap<String, Effect>) {
        let mut effects: BTreeMap<&str, Effect> = BTreeMap::new();
        let mut last: BTreeMap<(&str, &str), (i64, i64)> = BTreeMap::new();
        for (change, seq) in self.changes.iter().zip(1..) {
            assert_eq!(change.seq, seq, "the log has a gap");
            let record = last.entry((&change.kind, &change.id)).or_default();
            assert_eq!(change.version, record.0 + 1, "{change:?}");
            *record = (change.version, change.seq);
            let none = Effect { versions: BTreeSet::new(), change_seq: 0 };
            let effect = effects.entry(&change.command_id).or_insert(none);
            effect.versions.insert((change.kind.clone(), change.id.clone(), change.version));
            effect.change_seq = change.seq;
        }
        let records: BTreeMap<_, _> =
            self.records.iter().map(|row| ((&*row.kind, &*row.id), (row.version, row.change_seq))).collect();
        assert_eq!(records, last, "the records are what the log says");
        let receipts: BTreeSet<&str> = self.receipts.iter().map(String::as_str).collect();
        assert_eq!(receipts.len(), self.receipts.len(), "a command has two receipts");
        assert_eq!(receipts, effects.keys().copied().collect(), "receipts and effects are the same");
        for (command, effect) in acknowledged {
            assert_eq!(effects.get(&**command), Some(effect), "{command} was acknowledged");
        }
        let applied = receipts.iter().map(|id| sent.get(*id).expect("what took effect was sent"));
        assert_eq!(self.sums(), sums(applied));
    }

    /// The quantities in stock, and what stands on the accounts.
    fn sums(&self) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for row in &self.records {
            let data: Value = serde_json::from_str(&row.data).unwrap();
            match &*row.kind {
                "stock" => add(&mut sums, &row.id, &data["quantity"]),
                "ledger-entry" => add_lines(&mut sums, &data["lines"]),
                _ => {}
            }
        }
        let on_accounts = sums.iter().filter(|(name, _)| name.starts_with("account ")).map(|(_, sum)| sum);
        assert_eq!(on_accounts.sum::<i64>(), 0, "the ledger balances");
        sums
    }
}

fn rows<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], read).unwrap().map(Result::unwrap).collect()
}

/// The sums that the commands themselves say: the model.
fn sums<'a>(commands: impl Iterator<Item = &'a Value>) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for command in commands {
        let payload = &command["payload"];
        match command["type"].as_str().unwrap() {
            "INVENTORY_ADJUST_V1" => {
                let (place, product) = (&payload["location"], &payload["productId"]);
                let stock = format!("{}:{}", place.as_str().unwrap(), product.as_str().unwrap());
                add(&mut sums, &stock, &payload["delta"]);
            }
            "LEDGER_POST_V1" => add_lines(&mut sums, &payload["lines"]),
            _ => {}
        }
    }
    sums
}

fn add(sums: &mut BTreeMap<String, i64>, name: &str, amount: &Value) {
    *sums.entry(name.to_owned()).or_default() += amount.as_i64().unwrap();
}

fn add_lines(sums: &mut BTreeMap<String, i64>, lines: &Value) {
    for line in lines.as_array().unwrap() {
        let amount = line["amountMinor"].as_i64().unwrap();
        let signed = if line["side"] == "debit" { amount } else { -amount };
        *sums.entry(format!("account {}", line["account"].as_str().unwrap())).or_default() += signed;
    }
}
