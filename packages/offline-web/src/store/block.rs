//! The rows of unsettled commands. A row is a block: commands that were added together, so that a burst costs few requests.
//!
//! - A row's key is the seq of the last command that was put into it, whatever has left it since. So keys are in the order of the seqs, and
//!   a command stands in the first row whose key is not below its seq.
//! - The browser's key generator numbers the first command of every append. Its body is the command's JSON, and its seq is the key; every other
//!   body has a line, begun with a line break, for each command, which knows its seq. (Up to version 2 of the layout that was a JSON list.)
//! - That a command is IN_FLIGHT follows from the flights, not from the body: taking off and landing do not write rows.

use std::{borrow::Cow, ops::Range};

use offline_core::{OutboxCommand, Status, StoreError, TOGETHER};
use offline_protocol::{
    CommandId, FromJson, RecordKey, RecordVersion, Seq, ToJson, from_json, joined, json_items,
};

use super::runs::Runs;
use crate::{
    idb::{Index, NewRow, Plan, Request, Row, Store, Want},
    words::parts,
};

/// From this size on a row takes no further command, in bytes.
const FULL_ROW: usize = 64 * 1024;

/// The keys of unsettled commands.
pub(super) const UNSETTLED: (i64, i64) = (1, i64::MAX);

/// Up to how many ids are looked up one by one.
const FEW: usize = 4;

const CORRUPT: StoreError = StoreError::Corrupt { what: "command" };

/// JSON for a store.
pub(super) fn encode<T: ToJson>(value: &T) -> String {
    value.to_text()
}

/// Adds a line.
pub(super) fn add_line(lines: &mut String, line: &str) {
    if !lines.is_empty() {
        lines.push('\n');
    }
    lines.push_str(line);
}

/// A row that is being written.
#[derive(Default)]
pub(super) struct NewBlock {
    row: NewRow,
}

impl NewBlock {
    /// The row of one command that the browser numbers.
    pub(super) fn numbered(command: &OutboxCommand) -> NewRow {
        let mut block = Self::default();
        block.push(command, "");
        NewRow { key: 0, body: encode(command), ..block.row }
    }

    /// Adds a command that knows its seq, `line` being its JSON.
    pub(super) fn push(&mut self, command: &OutboxCommand, line: &str) {
        let row = &mut self.row;
        add_line(&mut row.ids, &joined![command.command_id]);
        command.touches.iter().for_each(|key| add_line(&mut row.touches, &joined![key]));
        row.parked |= command.status.is_parked();
        row.body.push('\n');
        row.body.push_str(line);
        row.key = command.seq.get() as i64;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.row.key == 0
    }

    /// Whether it should take no further command: what is applied together is to stand in rows of its own.
    pub(super) fn is_full(&self) -> bool {
        self.row.key % TOGETHER as i64 == 0 || self.row.body.len() >= FULL_ROW
    }

    /// The row, under the seq of its last command.
    pub(super) fn finish(self) -> NewRow {
        self.row
    }
}

/// A row as it was read.
pub(super) struct Block {
    pub(super) key: i64,
    /// In the order of their seqs.
    pub(super) items: Vec<Item>,
    text: String,
}

/// A command of a block.
pub(super) struct Item {
    pub(super) id: CommandId,
    pub(super) seq: Seq,
    /// As it is stored, PENDING while it is in a flight; it may be taken out and is read again when it is needed.
    command: Option<OutboxCommand>,
    /// The records it touches, once it was taken out.
    touches: Vec<RecordKey>,
    line: Range<usize>,
}

/// What becomes of a command of a block.
#[expect(clippy::large_enum_variant, reason = "it is looked at at once")]
pub(super) enum Fate {
    Stays,
    Becomes(OutboxCommand),
    Leaves,
}

impl Item {
    fn new(mut command: OutboxCommand, line: Range<usize>) -> Self {
        if command.status == Status::InFlight {
            command.status = Status::Pending;
        }
        let (id, seq, touches) = (command.command_id, command.seq, Vec::new());
        Self { id, seq, command: Some(command), touches, line }
    }

    /// Takes the command out, `line` being its JSON.
    pub(super) fn take(&mut self, line: &str) -> Result<OutboxCommand, StoreError> {
        if let Some(command) = self.command.take() {
            self.touches = command.touches.clone();
            return Ok(command);
        }
        let mut command: OutboxCommand = from_json(line).ok_or(CORRUPT)?;
        command.seq = self.seq;
        Self::new(command, 0..0).command.ok_or(CORRUPT)
    }

    /// Whether it touches all records of which the server tells a new version.
    pub(super) fn touches(&self, versions: &[RecordVersion]) -> bool {
        let touches = self.command.as_ref().map_or(&self.touches, |command| &command.touches);
        versions.iter().all(|new| touches.iter().any(|key| key.kind == new.kind && key.id == new.id))
    }

    /// A copy of the command, while it was not taken out.
    pub(super) fn copy(&self) -> Option<OutboxCommand> {
        self.command.clone()
    }
}

impl Block {
    /// Reads a row.
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        let is_numbered = row.text.starts_with('{');
        let text = lines(&row.text).ok_or(CORRUPT)?.into_owned();
        let (mut start, mut items) = (0, Vec::new());
        for line in parts(&text, b'\n') {
            let mut command: OutboxCommand = from_json(line).ok_or(CORRUPT)?;
            if is_numbered {
                command.seq = Seq::of(row.key as u64).ok_or(CORRUPT)?;
            }
            items.push(Item::new(command, start..start + line.len()));
            start += line.len() + 1;
        }
        Ok(Self { key: row.key, items, text })
    }

    /// Reads rows.
    pub(super) fn all(rows: &mut dyn Iterator<Item = &Row>) -> Result<Vec<Self>, StoreError> {
        let mut all = Vec::new();
        for row in rows {
            all.push(Self::of(row)?);
        }
        Ok(all)
    }

    /// Its commands with their JSON.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&mut Item, &str)> {
        let text = &self.text;
        self.items.iter_mut().map(|item| {
            let line = text.get(item.line.clone()).unwrap_or_default();
            (item, line)
        })
    }

    /// Puts it back with what is to become of each command; when nothing changes it stays as it is, and when all leave it goes to `gone`.
    pub(super) fn rewrite(
        mut self,
        decide: &mut dyn FnMut(&mut Item, &str) -> Result<Fate, StoreError>,
        gone: &mut Runs,
        plan: &mut Plan,
    ) -> Result<(), StoreError> {
        let mut rest = NewBlock::default();
        let mut changed = false;
        for (item, line) in self.iter_mut() {
            let fate = decide(item, line)?;
            changed |= !matches!(fate, Fate::Stays);
            match fate {
                Fate::Stays => rest.push(&item.take(line)?, line),
                Fate::Becomes(command) => rest.push(&command, &encode(&command)),
                Fate::Leaves => {}
            }
        }
        if changed && rest.is_empty() {
            gone.add(self.key);
        } else if changed {
            plan.0.push(Request::Put(NewRow { key: self.key, ..rest.finish() }));
        }
        Ok(())
    }
}

/// Deletes rows.
pub(super) fn delete(keys: &Runs, plan: &mut Plan) {
    keys.iter().for_each(|run| plan.delete(Store::Commands, run));
}

/// A row's lines. Up to version 2 of the layout they were a JSON list.
pub(super) fn lines(text: &str) -> Option<Cow<'_, str>> {
    if !text.starts_with('[') {
        return Some(Cow::Borrowed(text.trim_start_matches('\n')));
    }
    let mut lines = String::new();
    json_items(text)?.into_iter().for_each(|item| add_line(&mut lines, item));
    Some(Cow::Owned(lines))
}

/// One `T` a line.
pub(super) fn read_lines<T: FromJson>(text: &str) -> Option<Vec<T>> {
    let mut all = Vec::new();
    for line in parts(text, b'\n') {
        all.push(from_json(line)?);
    }
    Some(all)
}

/// How many of these answers hold what is wanted, or all there is; else how many more rows are to be read. `first` rows were asked for at first, and
/// `wanted` things are to be found. From what rows hold follows how many more are needed.
pub(super) fn rows_missing(answers: &[Vec<Row>], (first, wanted): (usize, usize)) -> Result<usize, usize> {
    let (mut asked, mut rows, mut found) = (first, 0, 0);
    for (place, page) in answers.iter().enumerate() {
        rows += page.len();
        found += page.iter().map(|row| row.size).sum::<usize>();
        if page.len() < asked || found >= wanted {
            return Ok(place + 1);
        }
        asked = (wanted - found) / (found / rows.max(1)).max(1) + 1;
    }
    Err(asked)
}

/// The rows, of unsettled and settled commands and of the journal, that hold these ids, as far as they are there, in the order of their keys, and
/// the answers that follow. Nothing when there is more to ask for first.
pub(super) fn rows_of_ids<'a>(
    ids: &[CommandId],
    answers: &'a [Vec<Row>],
    plan: &mut Plan,
) -> Option<(Vec<&'a Row>, &'a [Vec<Row>])> {
    let by_id = (Store::Commands, Index::Id);
    let one_by_one = |plan: &mut Plan| {
        for id in ids {
            let id = joined![id];
            plan.read(Want::Keys, by_id, (&*id, &*id), 1);
        }
    };
    let few = ids.len() <= FEW;
    // Ids that are asked for together are likely neighbours; if they are not, too many are found between them.
    let neighbours = ids.len() * 2 + TOGETHER as usize;
    if answers.is_empty() {
        if few {
            one_by_one(plan);
        } else if let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) {
            plan.read(Want::Keys, by_id, (joined![first], joined![last]), neighbours);
        }
        return ids.is_empty().then_some((Vec::new(), answers));
    }
    if ids.is_empty() {
        return Some((Vec::new(), answers));
    }
    let (mut keys, mut rows) = answers.split_at(if few { ids.len() } else { 1 });
    if !few && keys.iter().any(|keys| keys.len() >= neighbours) {
        if rows.is_empty() {
            one_by_one(plan);
            return None;
        }
        (keys, rows) = rows.split_at(ids.len());
    }
    let mut runs = Runs::default();
    keys.iter().flatten().for_each(|row| runs.add(row.key));
    if rows.is_empty() && runs.len() > 0 {
        ask_rows(&runs, plan);
        return None;
    }
    let (rows, rest) = rows.split_at(runs.iter().count());
    Some((rows.iter().flatten().collect(), rest))
}

/// Asks for the rows of these keys.
pub(super) fn ask_rows(keys: &Runs, plan: &mut Plan) {
    for run in keys.iter() {
        plan.read(Want::Rows, (Store::Commands, Index::Primary), run, usize::MAX);
    }
}
