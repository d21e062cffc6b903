//! The journal's rows. A row holds up to 64 entries, a line each, in the order of settling; its key is the number of its last entry, counted from
//! the first one that ever was, and negative: so the latest come first, and what is too old is one range.
//!
//! They stand in the store of the unsettled commands, for the index of the ids is one for both: a command that has left is refused like one that is there.

use offline_core::{Applied, JournalEntry, JournalOutcome, JournalQuery, OutboxCommand, StoreError};
use offline_protocol::{ChangeSeq, CommandId, RecordKey, RecordVersion, Seq, Timestamp, Version};
use serde::Serialize;

use super::{
    block::Item,
    block::{add_line, encode, read_lines, rows_missing, rows_of_ids},
    meta::Tally,
    sorted::Sorted,
};
use crate::{
    idb::{Index, NewRow, Plan, Request, Row, Seen, Step, Store, Want},
    read::{Fields, FromJson, read_list},
};

/// Entries in a row: enough that a large batch needs few requests, few enough that one entry is read quickly.
const ENTRIES_PER_ROW: usize = 64;

/// The keys of the journal.
const JOURNALED: (i64, i64) = (i64::MIN, -1);

/// An entry as it is stored: as it is, or an applied command as it stood in the outbox with what the server said of it.
struct Line(JournalEntry);

/// What stands behind the command in a line of the second sort.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    seq: Seq,
    versions: &'a [RecordVersion],
    change_seq: ChangeSeq,
    replayed: bool,
    attempts: u32,
    settled_at: Timestamp,
}

impl FromJson for Line {
    fn from_json(fields: &Fields<'_>) -> Self {
        if fields.has("outcome") {
            return Self(JournalEntry::from_json(fields));
        }
        let mut command: OutboxCommand = fields.object("command");
        command.seq = fields.checked("seq", Seq::new);
        let applied = Applied {
            versions: fields.objects("versions"),
            change_seq: fields.checked("changeSeq", ChangeSeq::new),
            replayed: fields.flag("replayed"),
            attempts: fields.number_u32("attempts"),
        };
        Self(JournalEntry::applied(command, applied, fields.named("settledAt")))
    }
}

/// The entries of a row but for the oldest `skipped`.
fn entries(row: &Row, skipped: usize) -> Result<Vec<JournalEntry>, StoreError> {
    let corrupt = StoreError::Corrupt { what: "journal entry" };
    // Up to version 2 of the layout a row's body was a JSON list.
    if row.text.starts_with('[') {
        let mut entries = read_list::<JournalEntry>(&row.text).ok_or(corrupt)?;
        entries.drain(..skipped.min(entries.len()));
        return Ok(entries);
    }
    let mut text = &*row.text;
    for _ in 0..skipped {
        text = text.split_once('\n').map_or("", |(_, rest)| rest);
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let lines = read_lines::<Line>(text).ok_or(corrupt)?;
    Ok(lines.into_iter().map(|line| line.0).collect())
}

/// Entries on their way into the journal.
#[derive(Default)]
pub(super) struct Entries {
    rows: Vec<(NewRow, usize)>,
}

impl Entries {
    /// Adds an entry.
    pub(super) fn push(&mut self, entry: &JournalEntry) {
        let versions = match &entry.outcome {
            JournalOutcome::Applied { versions, .. } => &**versions,
            JournalOutcome::Discarded { .. } => &[],
        };
        self.add(entry.command.command_id, versions, &encode(entry));
    }

    /// Adds the entry of an applied command, `line` being its JSON.
    pub(super) fn applied(&mut self, item: &Item, line: &str, applied: &Applied, settled_at: Timestamp) {
        let Applied { versions, change_seq, replayed, attempts } = applied;
        let said = Said {
            seq: item.seq,
            versions,
            change_seq: *change_seq,
            replayed: *replayed,
            attempts: *attempts,
            settled_at,
        };
        let said = encode(&said);
        let fields = said.strip_prefix('{').unwrap_or_default();
        self.add(item.id, versions, &["{\"command\":", line, ",", fields].concat());
    }

    fn add(&mut self, id: CommandId, versions: &[RecordVersion], line: &str) {
        if self.rows.last().is_none_or(|(_, count)| *count >= ENTRIES_PER_ROW) {
            self.rows.push((NewRow::default(), 0));
        }
        let Some((row, count)) = self.rows.last_mut() else { return };
        let id = id.to_string();
        for RecordVersion { kind, id: record, version } in versions {
            add_line(&mut row.versions, &format!("{kind}/{record} {:016} {id}", version.get()));
        }
        add_line(&mut row.ids, &id);
        add_line(&mut row.body, line);
        *count += 1;
    }

    /// Writes them at the end.
    pub(super) fn write(self, tally: &mut Tally, plan: &mut Plan) {
        for (row, count) in self.rows {
            tally.journaled += count as u64;
            tally.last_journaled += count as u64;
            plan.add(NewRow { key: -(tally.last_journaled as i64), ..row });
        }
    }
}

/// Asks for the applied command that gave a record its highest version.
pub(super) fn ask_highest(record: &RecordKey, plan: &mut Plan) {
    let range = (format!("{record} "), format!("{record} \u{7f}"));
    plan.read(Want::LastKey, (Store::Commands, Index::Versions), range, 1);
}

/// The answer to [`ask_highest`].
pub(super) fn highest_in(row: &Row) -> Option<(CommandId, Version)> {
    let mut parts = row.text.split(' ').skip(1);
    let version = Version::new(parts.next()?.parse().ok()?).ok()?;
    Some((CommandId::new(parts.next()?).ok()?, version))
}

/// The entries of rows of the journal by command.
pub(super) fn by_command<'r>(
    rows: impl Iterator<Item = &'r Row>,
) -> Result<Sorted<CommandId, JournalEntry>, StoreError> {
    let mut found = Sorted::new();
    for row in rows.filter(|row| row.key < 0) {
        entries(row, 0)?.into_iter().for_each(|entry| found.insert(entry.command.command_id, entry));
    }
    Ok(found)
}

/// Answers [`offline_core::OutboxStore::journal`].
pub(super) fn journal(
    query: &JournalQuery,
    seen: &Seen<'_>,
    plan: &mut Plan,
) -> Result<Step<Vec<JournalEntry>>, StoreError> {
    let mut found = Vec::new();
    match query {
        JournalQuery::Latest { limit } => {
            let missing = rows_missing(seen.answers, limit / ENTRIES_PER_ROW + 1, *limit);
            let rows = || seen.answers.iter().flatten();
            if let Some(missing) = missing {
                let first = rows().last().map_or(JOURNALED.0, |row| row.key + 1);
                plan.read(
                    Want::Rows,
                    (Store::Commands, Index::Primary),
                    (first, JOURNALED.1.max(first)),
                    missing,
                );
                return Ok(Step::More);
            }
            for row in rows() {
                let left = limit - found.len();
                found.extend(entries(row, row.size.saturating_sub(left))?.into_iter().rev());
            }
        }
        JournalQuery::Ids(ids) => {
            let Some(rows) = rows_of_ids(ids, seen.answers, plan) else { return Ok(Step::More) };
            let known = by_command(rows.into_iter())?;
            found.extend(ids.iter().filter_map(|id| known.get(id).cloned()));
        }
    }
    Ok(Step::Done(found))
}

/// Answers [`offline_core::OutboxStore::prune_journal`].
pub(super) fn prune(keep: usize, seen: &Seen<'_>, plan: &mut Plan) -> Result<Step<u64>, StoreError> {
    let [tally, rest @ ..] = seen.answers else {
        Tally::ask(plan);
        return Ok(Step::More);
    };
    let mut tally = Tally::of(tally)?;
    let excess = tally.journaled.saturating_sub(keep as u64);
    if excess == 0 {
        return Ok(Step::Done(0));
    }
    // The number of the latest entry that is forgotten.
    let forgotten = tally.last_journaled as i64 - keep as i64;
    let [last] = rest else {
        // What follows it may stand in one row with it.
        let later = (JOURNALED.0, -forgotten - 1);
        plan.read(Want::LastRow, (Store::Commands, Index::Primary), later, 1);
        return Ok(Step::More);
    };
    plan.delete(Store::Commands, (-forgotten, -1));
    if let Some(row) = last.first() {
        let too_old = row.size as i64 - (-row.key - forgotten);
        if too_old > 0 {
            let mut rest = Entries::default();
            entries(row, too_old as usize)?.iter().for_each(|entry| rest.push(entry));
            for (rest, _) in rest.rows {
                plan.0.push(Request::Put(NewRow { key: row.key, ..rest }));
            }
        }
    }
    tally.journaled = keep as u64;
    tally.put(plan);
    Ok(Step::Done(excess))
}
