//! The journal's rows. A row holds up to 64 entries, a line each, in the order of settling; its key is the number of its last entry, counted from
//! the first one that ever was, and negative: so the latest come first, and what is too old is one range.
//!
//! A block whose commands were all applied stays where it is: index entries are the most of what a settlement costs. Its row in the journal then has
//! the head `@<first seq>-<key>`, and its lines only what the server said. Everything else leaves its block and has its entry here.
//!
//! All stand in one store, for the index of the ids is one for all: a command that has left is refused like one that is there.

use offline_core::{Applied, JournalEntry, JournalOutcome, JournalQuery, OutboxCommand, StoreError};
use offline_protocol::{
    ChangeSeq, CommandId, Fields, FromJson, RecordKey, RecordVersion, Seq, Timestamp, Version, from_json,
    joined, to_json, whole_number,
};

use super::{
    block::{Block, Item, add_line, ask_rows, encode, lines, read_lines, rows_missing, rows_of_ids},
    meta::Tally,
    runs::Runs,
    sorted::Sorted,
};
use crate::{
    idb::{Answer, Index, NewRow, Plan, Request, Row, Seen, Step, Store, Want},
    words::{cut, parts},
};

/// Entries in a row: enough that a large batch needs few requests, few enough that one entry is read quickly.
const ENTRIES_PER_ROW: usize = 64;

/// How many entries are forgotten in one transaction, for which an enqueue has to wait.
pub(super) const FORGOTTEN_AT_ONCE: u64 = 1024;

/// The keys of the journal.
const JOURNALED: (i64, i64) = (i64::MIN, -1);

/// What the server said of an applied command.
struct Said<'a> {
    seq: Seq,
    versions: &'a [RecordVersion],
    change_seq: ChangeSeq,
    replayed: bool,
    attempts: u32,
    settled_at: Timestamp,
}

to_json!(
    Said<'_>: "seq" seq, "versions" versions, "changeSeq" change_seq, "replayed" replayed, "attempts" attempts,
    "settledAt" settled_at
);

/// The same as it was read.
struct Verdict {
    seq: Seq,
    applied: Applied,
    settled_at: Timestamp,
}

/// An entry as it is stored by itself: whole, or an applied command as it stood in the outbox with what the server said of it.
struct Line(JournalEntry);

impl FromJson for Verdict {
    fn from_json(fields: &Fields<'_>) -> Self {
        let applied = Applied {
            versions: fields.objects("versions"),
            change_seq: fields.checked("changeSeq", ChangeSeq::of),
            replayed: fields.flag("replayed"),
            attempts: fields.number_u32("attempts"),
        };
        Self { seq: fields.checked("seq", Seq::of), applied, settled_at: fields.named("settledAt") }
    }
}

impl FromJson for Line {
    fn from_json(fields: &Fields<'_>) -> Self {
        if fields.has("outcome") {
            return Self(JournalEntry::from_json(fields));
        }
        let Verdict { seq, applied, settled_at } = Verdict::from_json(fields);
        let mut command: OutboxCommand = fields.object("command");
        command.seq = seq;
        Self(JournalEntry::applied(command, applied, settled_at))
    }
}

const CORRUPT: StoreError = StoreError::Corrupt { what: "journal entry" };

/// The seqs of the settled block that a row tells of, and its lines.
fn settled_block(row: &Row) -> Option<((i64, i64), &str)> {
    let (head, lines) = cut(row.text.strip_prefix('@')?, b'\n')?;
    Some((Runs::parse(head)?.iter().next()?, lines))
}

/// The text without its oldest lines.
fn without(mut lines: &str, skipped: usize) -> &str {
    for _ in 0..skipped {
        lines = cut(lines, b'\n').map_or("", |(_, rest)| rest);
    }
    lines
}

/// The entries of a row but for the oldest `skipped`; `blocks` are the settled ones.
pub(super) fn entries(
    row: &Row,
    skipped: usize,
    blocks: &[Vec<Row>],
) -> Result<Vec<JournalEntry>, StoreError> {
    let block = settled_block(row);
    let text = lines(block.map_or(&*row.text, |(_, lines)| lines)).ok_or(CORRUPT)?;
    let lines = without(&text, skipped);
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let Some(((_, key), _)) = block else {
        let mut entries = Vec::new();
        for line in parts(lines, b'\n') {
            entries.push(from_json::<Line>(line).ok_or(CORRUPT)?.0);
        }
        return Ok(entries);
    };
    let block = blocks.iter().flatten().find(|block| block.key == key).ok_or(CORRUPT)?;
    let mut verdicts = read_lines::<Verdict>(lines).ok_or(CORRUPT)?.into_iter().peekable();
    let mut entries = Vec::new();
    for (item, line) in Block::of(block)?.iter_mut() {
        if let Some(Verdict { applied, settled_at, .. }) = verdicts.next_if(|verdict| verdict.seq == item.seq)
        {
            entries.push(JournalEntry::applied(item.take(line)?, applied, settled_at));
        }
    }
    if verdicts.peek().is_some() { Err(CORRUPT) } else { Ok(entries) }
}

/// The keys of the settled blocks that these rows tell of.
fn blocks_of<'r>(rows: impl Iterator<Item = &'r Row>) -> Runs {
    let mut keys = Runs::default();
    rows.filter_map(settled_block).for_each(|((_, key), _)| keys.add(key));
    keys
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
        let said = said(item, applied, settled_at);
        let fields = said.strip_prefix('{').unwrap_or_default();
        self.add(item.id, &applied.versions, &joined!["{\"command\":", line, ",", fields]);
    }

    /// Adds the entries of a block that stays where it is.
    pub(super) fn block(&mut self, block: &Block, applied: &[&Applied], settled_at: Timestamp) {
        let first = block.items.first().map_or(block.key, |item| item.seq.get() as i64);
        let mut body = joined!["@", first, "-", block.key];
        for (item, applied) in block.items.iter().zip(applied) {
            add_line(&mut body, &said(item, applied, settled_at));
        }
        let row = NewRow { versions: joined!["@", block.key], body, ..NewRow::default() };
        self.rows.push((row, block.items.len()));
    }

    fn add(&mut self, id: CommandId, versions: &[RecordVersion], line: &str) {
        if self.rows.last().is_none_or(|(row, count)| row.ids.is_empty() || *count >= ENTRIES_PER_ROW) {
            self.rows.push((NewRow::default(), 0));
        }
        let Some((row, count)) = self.rows.last_mut() else { return };
        let id = joined![id];
        for RecordVersion { kind, id: record, version } in versions {
            let digits = joined![version.get()];
            let zeros = "0000000000000000".get(digits.len()..).unwrap_or_default();
            add_line(&mut row.versions, &joined![kind, "/", record, " ", zeros, digits, " ", id]);
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

fn said(item: &Item, applied: &Applied, settled_at: Timestamp) -> String {
    let Applied { versions, change_seq, replayed, attempts } = applied;
    encode(&Said {
        seq: item.seq,
        versions,
        change_seq: *change_seq,
        replayed: *replayed,
        attempts: *attempts,
        settled_at,
    })
}

/// Asks for what the journal says of a settled block.
pub(super) fn ask_verdicts(key: i64, plan: &mut Plan) {
    let name = joined!["@", key];
    plan.read(Want::Rows, (Store::Commands, Index::Versions), (&*name, &*name), 1);
}

/// The command of a settled block that gave a record its highest version, in the answer to [`ask_verdicts`].
pub(super) fn highest_of(
    block: &Block,
    verdicts: &[Row],
    record: &RecordKey,
) -> Result<Option<(CommandId, Version)>, StoreError> {
    let mut highest: Option<(CommandId, Version)> = None;
    for (_, lines) in verdicts.iter().filter_map(settled_block) {
        for Verdict { seq, applied, .. } in read_lines::<Verdict>(lines).ok_or(CORRUPT)? {
            let ours = applied.versions.iter().filter(|new| new.kind == record.kind && new.id == record.id);
            let (version, item) =
                (ours.map(|new| new.version).max(), block.items.iter().find(|item| item.seq == seq));
            if let (Some(version), Some(item)) = (version, item)
                && highest.is_none_or(|(_, highest)| version > highest)
            {
                highest = Some((item.id, version));
            }
        }
    }
    Ok(highest)
}

/// Asks for the applied command that gave a record its highest version.
pub(super) fn ask_highest(record: &RecordKey, plan: &mut Plan) {
    let range = (joined![record, " "], joined![record, " \u{7f}"]);
    plan.read(Want::LastKey, (Store::Commands, Index::Versions), range, 1);
}

/// The answer to [`ask_highest`].
pub(super) fn highest_in(row: &Row) -> Option<(CommandId, Version)> {
    let mut parts = parts(&row.text, b' ');
    let _record = parts.next();
    let version = Version::of(whole_number(parts.next()?)?)?;
    Some((CommandId::of(parts.next()?)?, version))
}

/// The entries of rows of the journal by command; `blocks` are the settled ones.
pub(super) fn by_command(
    rows: &mut dyn Iterator<Item = &Row>,
    blocks: &[Vec<Row>],
) -> Result<Sorted<CommandId, JournalEntry>, StoreError> {
    let mut found = Sorted::new();
    for row in rows.filter(|row| row.key < 0) {
        let entries = entries(row, 0, blocks)?;
        entries.into_iter().for_each(|entry| found.insert(entry.command.command_id, entry));
    }
    Ok(found)
}

/// Answers [`offline_core::OutboxStore::journal`].
pub(super) fn journal(
    query: &JournalQuery,
    seen: &Seen<'_>,
    plan: &mut Plan,
) -> Result<Step<Vec<JournalEntry>>, StoreError> {
    match query {
        JournalQuery::Latest { limit } => latest(*limit, seen.answers, plan),
        JournalQuery::Ids(ids) => of_ids(ids, seen.answers, plan),
    }
}

fn latest(limit: usize, answers: &[Answer], plan: &mut Plan) -> Result<Step<Vec<JournalEntry>>, StoreError> {
    let asked = (limit / ENTRIES_PER_ROW + 1, limit);
    let (pages, blocks) = match rows_missing(answers, asked) {
        Ok(pages) => answers.split_at(pages),
        Err(missing) => {
            let first = answers.iter().flatten().last().map_or(JOURNALED.0, |row| row.key + 1);
            let rest = (first, JOURNALED.1.max(first));
            plan.read(Want::Rows, (Store::Commands, Index::Primary), rest, missing);
            return Ok(Step::More);
        }
    };
    let keys = blocks_of(pages.iter().flatten());
    if blocks.is_empty() && keys.len() > 0 {
        ask_rows(&keys, plan);
        return Ok(Step::More);
    }
    let mut found = Vec::new();
    for row in pages.iter().flatten() {
        let left = limit - found.len();
        if left == 0 {
            break;
        }
        found.extend(entries(row, row.size.saturating_sub(left), blocks)?.into_iter().rev());
    }
    Ok(Step::Done(found))
}

fn of_ids(
    ids: &[CommandId],
    answers: &[Answer],
    plan: &mut Plan,
) -> Result<Step<Vec<JournalEntry>>, StoreError> {
    let [tally, rest @ ..] = answers else {
        Tally::ask(plan);
        _ = rows_of_ids(ids, &[], plan);
        return Ok(Step::More);
    };
    let Some((rows, verdicts)) = rows_of_ids(ids, rest, plan) else { return Ok(Step::More) };
    let settled = Tally::of(tally)?.settled;
    let blocks: Vec<Row> = rows.iter().copied().filter(|row| settled.contains(row.key)).cloned().collect();
    if verdicts.is_empty() && !blocks.is_empty() {
        blocks.iter().for_each(|block| ask_verdicts(block.key, plan));
        return Ok(Step::More);
    }
    let mut known = by_command(&mut rows.into_iter().chain(verdicts.iter().flatten()), &[blocks])?;
    Ok(Step::Done(ids.iter().filter_map(|id| known.take(id)).collect()))
}

/// Answers [`offline_core::OutboxStore::prune_journal`], a part at a time.
pub(super) fn prune(keep: usize, seen: &Seen<'_>, plan: &mut Plan) -> Result<Step<u64>, StoreError> {
    let [tally, rest @ ..] = seen.answers else {
        Tally::ask(plan);
        return Ok(Step::More);
    };
    let mut tally = Tally::of(tally)?;
    let excess = tally.journaled.saturating_sub(keep as u64).min(FORGOTTEN_AT_ONCE);
    if excess == 0 {
        return Ok(Step::Done(0));
    }
    // The number of the latest entry that is forgotten.
    let forgotten = (tally.last_journaled - tally.journaled + excess) as i64;
    let [too_old, last] = rest else {
        let primary = (Store::Commands, Index::Primary);
        plan.read(Want::Rows, primary, (-forgotten, -1), usize::MAX);
        // What follows it may stand in one row with it.
        plan.read(Want::LastRow, primary, (JOURNALED.0, -forgotten - 1), 1);
        return Ok(Step::More);
    };
    plan.delete(Store::Commands, (-forgotten, -1));
    for (seqs, _) in too_old.iter().filter_map(settled_block) {
        plan.delete(Store::Commands, (seqs.1, seqs.1));
        tally.settled.remove(seqs);
    }
    if let Some(row) = last.first() {
        let too_old = row.size as i64 - (-row.key - forgotten);
        if too_old > 0 {
            plan.0.push(Request::Put(shortened(row, too_old as usize)?));
        }
    }
    tally.journaled -= excess;
    tally.put(plan);
    Ok(Step::Done(excess))
}

/// A row of the journal without its oldest entries.
fn shortened(row: &Row, skipped: usize) -> Result<NewRow, StoreError> {
    if let Some(((first, key), lines)) = settled_block(row) {
        let mut body = joined!["@", first, "-", key];
        add_line(&mut body, without(lines, skipped));
        return Ok(NewRow { key: row.key, versions: joined!["@", key], body, ..NewRow::default() });
    }
    let mut rest = Entries::default();
    entries(row, skipped, &[])?.iter().for_each(|entry| rest.push(entry));
    let (rest, _) = rest.rows.pop().ok_or(CORRUPT)?;
    Ok(NewRow { key: row.key, ..rest })
}
