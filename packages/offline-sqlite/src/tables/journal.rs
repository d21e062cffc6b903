use offline_core::{
    Applied, JournalEntry, JournalOutcome, JournalQuery, OutboxCommand, StoreError, store_rules,
};
use offline_protocol::{
    ChangeSeq, CommandId, Fields, FromJson, Json, RecordKey, RecordVersion, Timestamp, ToJson, Version,
    from_json, to_json,
};
use rusqlite::{Row, params};

use super::{
    outbox,
    runs::{self, Run},
};
use crate::transaction::{Transaction, signed};

/// How many entries are forgotten in one transaction, for which an enqueue has to wait.
pub(crate) const FORGOTTEN_AT_ONCE: u64 = 1024;

const CORRUPT: StoreError = StoreError::Corrupt { what: "journal entry" };

/// A row of the journal: what became of a run of commands.
struct Settled {
    run: Run,
    entry: i64,
    body: String,
}

/// What the server said of an applied command.
#[derive(PartialEq)]
pub(crate) struct Said {
    versions: Vec<RecordVersion>,
    change_seq: ChangeSeq,
    replayed: bool,
    attempts: u32,
    settled_at: Timestamp,
}

to_json!(
    Said: "versions" versions, "changeSeq" change_seq, "replayed" replayed, "attempts" attempts,
    "settledAt" settled_at
);

/// A line of a row.
#[derive(PartialEq)]
pub(crate) enum Line {
    /// What the server said of a command that stands in the outbox.
    Applied(Said),
    /// The entry of a command of which nothing else is left there.
    Whole(Box<JournalEntry>),
}

impl FromJson for Line {
    fn from_json(fields: &Fields<'_>) -> Self {
        if fields.has("outcome") {
            return Self::Whole(Box::new(JournalEntry::from_json(fields)));
        }
        Self::Applied(Said {
            versions: fields.objects("versions"),
            change_seq: fields.checked("changeSeq", ChangeSeq::of),
            replayed: fields.flag("replayed"),
            attempts: fields.number_u32("attempts"),
            settled_at: fields.named("settledAt"),
        })
    }
}

impl ToJson for Line {
    fn write(&self, json: &mut Json) {
        match self {
            Self::Applied(said) => said.write(json),
            Self::Whole(entry) => entry.write(json),
        }
    }
}

impl Line {
    pub(crate) fn read(line: &str) -> Result<Self, StoreError> {
        from_json(line).ok_or(CORRUPT)
    }

    /// Of an applied command that stays where it is.
    fn of(entry: JournalEntry) -> Self {
        let JournalEntry { command: OutboxCommand { attempts, .. }, outcome, settled_at } = &entry;
        match outcome {
            JournalOutcome::Applied { versions, change_seq, replayed } => Self::Applied(Said {
                versions: versions.clone(),
                change_seq: *change_seq,
                replayed: *replayed,
                attempts: *attempts,
                settled_at: *settled_at,
            }),
            JournalOutcome::Discarded { .. } => Self::Whole(Box::new(entry)),
        }
    }

    /// The entry, `seq` being its command's place in the outbox.
    fn entry(self, transaction: &Transaction<'_>, seq: i64) -> Result<JournalEntry, StoreError> {
        match self {
            Self::Whole(entry) => Ok(*entry),
            Self::Applied(Said { versions, change_seq, replayed, attempts, settled_at }) => {
                let applied = Applied { versions, change_seq, replayed, attempts };
                Ok(JournalEntry::applied(command(transaction, seq)?, applied, settled_at))
            }
        }
    }

    /// The version that it gave to a record.
    fn version_of(&self, key: &RecordKey) -> Option<Version> {
        match self {
            Self::Whole(entry) => store_rules::version_given(entry, key),
            Self::Applied(said) => {
                let ours = said.versions.iter().filter(|new| new.kind == key.kind && new.id == key.id);
                ours.map(|new| new.version).max()
            }
        }
    }
}

impl Settled {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { run: Run::read(row)?, entry: row.get(2)?, body: row.get(3)? })
    }

    /// The row that a seq is in.
    fn of(transaction: &Transaction<'_>, seq: i64) -> Result<Option<Self>, StoreError> {
        let sql = "SELECT first_seq, last_seq, entry, body FROM settled WHERE first_seq <= ?1 ORDER BY first_seq DESC LIMIT 1";
        let found = transaction.row(sql, [seq], Self::read)?;
        Ok(found.filter(|settled| seq <= settled.run.last))
    }

    /// The row with the latest entries of those before this one.
    fn before(transaction: &Transaction<'_>, entry: i64) -> Result<Option<Self>, StoreError> {
        let sql = "SELECT first_seq, last_seq, entry, body FROM settled WHERE entry < ?1 ORDER BY entry DESC LIMIT 1";
        transaction.row(sql, [entry], Self::read)
    }

    /// The row with the first entries.
    fn first(transaction: &Transaction<'_>) -> Result<Option<Self>, StoreError> {
        let sql = "SELECT first_seq, last_seq, entry, body FROM settled ORDER BY entry LIMIT 1";
        transaction.row(sql, [], Self::read)
    }

    /// Its lines with the seqs of their commands.
    fn lines(&self) -> impl DoubleEndedIterator<Item = (i64, &str)> {
        let lines: Vec<_> = self.body.split('\n').collect();
        let first = self.run.first;
        lines.into_iter().enumerate().map(move |(place, line)| (first + place as i64, line))
    }

    fn line(&self, seq: i64) -> Result<Line, StoreError> {
        let place = (seq - self.run.first).unsigned_abs() as usize;
        Line::read(self.body.split('\n').nth(place).ok_or(CORRUPT)?)
    }
}

fn command(transaction: &Transaction<'_>, seq: i64) -> Result<OutboxCommand, StoreError> {
    let sql = "SELECT body FROM outbox WHERE seq = ?1";
    let body: Option<String> = transaction.row(sql, [seq], |row| row.get(0))?;
    outbox::read(&body.ok_or(CORRUPT)?).map_err(|_| CORRUPT)
}

pub(crate) fn journal(
    transaction: &Transaction<'_>,
    query: &JournalQuery,
) -> Result<Vec<JournalEntry>, StoreError> {
    match query {
        JournalQuery::Latest { limit } => latest(transaction, *limit),
        JournalQuery::Ids(ids) => ids.iter().filter_map(|id| get(transaction, id).transpose()).collect(),
    }
}

fn latest(transaction: &Transaction<'_>, limit: usize) -> Result<Vec<JournalEntry>, StoreError> {
    let (mut found, mut before) = (Vec::new(), i64::MAX);
    while found.len() < limit
        && let Some(settled) = Settled::before(transaction, before)?
    {
        before = settled.entry;
        for (seq, line) in settled.lines().rev().take(limit - found.len()) {
            found.push(Line::read(line)?.entry(transaction, seq)?);
        }
    }
    Ok(found)
}

/// Forgets some of the entries that are too old. Returns how many.
pub(crate) fn prune(transaction: &Transaction<'_>, keep: usize) -> Result<u64, StoreError> {
    let last = transaction.partition.last_entry.saturating_sub(keep as u64);
    let mut forgotten = 0;
    while forgotten < FORGOTTEN_AT_ONCE
        && let Some(settled) = Settled::first(transaction)?
    {
        let count = settled.run.len();
        let known = settled.entry.unsigned_abs().saturating_sub(count);
        let gone = last.saturating_sub(known).min(count).min(FORGOTTEN_AT_ONCE - forgotten);
        if gone == 0 {
            break;
        }
        forget(transaction, &settled, gone)?;
        forgotten += gone;
    }
    Ok(forgotten)
}

/// Forgets the first entries of a row, with all that is left of their commands.
fn forget(transaction: &Transaction<'_>, settled: &Settled, gone: u64) -> Result<(), StoreError> {
    for (seq, line) in settled.lines().take(gone as usize) {
        // What cannot be read is forgotten, too; what it may have touched stays, and stands for nothing.
        let Ok(entry) = Line::read(line).and_then(|line| line.entry(transaction, seq)) else { continue };
        outbox::untouch(transaction, &entry.command)?;
        for key in written(&entry) {
            outbox::untouch_one(transaction, &key, seq)?;
        }
    }
    let Run { first, last } = settled.run;
    let rest = first + signed(gone);
    transaction.execute("DELETE FROM outbox WHERE seq BETWEEN ?1 AND ?2", [first, rest - 1])?;
    if rest > last {
        transaction.execute("DELETE FROM settled WHERE entry = ?1", [settled.entry])?;
        return Ok(());
    }
    let lines: Vec<_> = settled.lines().skip(gone as usize).map(|(_, line)| line).collect();
    let sql = "UPDATE settled SET first_seq = ?2, body = ?3 WHERE entry = ?1";
    transaction.execute(sql, params![settled.entry, rest, lines.join("\n")]).map(drop)
}

/// The records that the server told versions of, and the command did not name.
fn written(entry: &JournalEntry) -> impl Iterator<Item = RecordKey> {
    let versions = match &entry.outcome {
        JournalOutcome::Applied { versions, .. } => &**versions,
        JournalOutcome::Discarded { .. } => &[],
    };
    let touches = |new: &&RecordVersion| {
        entry.command.touches.iter().any(|key| key.kind == new.kind && key.id == new.id)
    };
    let others = versions.iter().filter(move |new| !touches(new));
    others.map(|new| RecordKey::new(new.kind.clone(), new.id.clone()))
}

/// An entry of the journal.
pub(super) fn get(transaction: &Transaction<'_>, id: &CommandId) -> Result<Option<JournalEntry>, StoreError> {
    let sql = "SELECT seq FROM outbox WHERE command_id = ?1";
    let seq: Option<i64> = transaction.row(sql, [id.as_uuid().as_bytes()], |row| row.get(0))?;
    let Some(seq) = seq else { return Ok(None) };
    let Some(settled) = Settled::of(transaction, seq)? else { return Ok(None) };
    settled.line(seq)?.entry(transaction, seq).map(Some)
}

/// The command of the journal that gave a record its highest version.
pub(super) fn highest(
    transaction: &Transaction<'_>,
    key: &RecordKey,
) -> Result<Option<(CommandId, Version)>, StoreError> {
    let sql = "SELECT seq FROM touches WHERE kind = ?1 AND id = ?2 ORDER BY seq";
    let seqs: Vec<i64> = transaction.rows(sql, [key.kind.as_str(), key.id.as_str()], |row| row.get(0))?;
    let mut seqs = seqs.into_iter().peekable();
    let mut highest: Option<(Version, i64)> = None;
    while let Some(first) = seqs.next() {
        let Some(settled) = Settled::of(transaction, first)? else { continue };
        let mut wanted = Some(first);
        for (seq, line) in settled.lines() {
            if wanted == Some(seq) {
                let version = Line::read(line)?.version_of(key);
                highest = highest.max(version.map(|version| (version, seq)));
                wanted = seqs.next_if(|seq| *seq <= settled.run.last);
            }
        }
    }
    let Some((version, seq)) = highest else { return Ok(None) };
    Ok(outbox::id_of(transaction, seq)?.map(|id| (id, version)))
}

/// Adds the entries of a run of applied commands, which stay where they are.
pub(super) fn applied(
    transaction: &mut Transaction<'_>,
    run: Run,
    entries: impl Iterator<Item = JournalEntry>,
) -> Result<(), StoreError> {
    let mut lines = String::new();
    for entry in entries {
        for key in written(&entry) {
            outbox::touch_one(transaction, &key, entry.command.seq)?;
        }
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(&Line::of(entry).to_text());
    }
    add(transaction, run, &lines)
}

/// Adds the entry of a command that was discarded. In the outbox only its id stays.
pub(super) fn discarded(transaction: &mut Transaction<'_>, entry: &JournalEntry) -> Result<(), StoreError> {
    let seq = signed(entry.command.seq.get());
    transaction.execute("UPDATE outbox SET status = 'PENDING', body = '' WHERE seq = ?1", [seq])?;
    transaction.partition.edits += 1;
    add(transaction, Run { first: seq, last: seq }, &entry.to_text())?;
    runs::advance_head(transaction)
}

fn add(transaction: &mut Transaction<'_>, run: Run, lines: &str) -> Result<(), StoreError> {
    transaction.partition.last_entry += run.len();
    let sql = "INSERT INTO settled (entry, first_seq, last_seq, body) VALUES (?1, ?2, ?3, ?4)";
    let entry = signed(transaction.partition.last_entry);
    transaction.execute(sql, params![entry, run.first, run.last, lines]).map(drop)
}
