use offline_domain::{Access, Context, Effect, Prepared, Record, Records, Registry, Write};
use offline_protocol::{
    CommandId, Expected, RecordKey, RecordKind, RecordSnapshot, Timestamp, UserId, Version,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{JournalEntry, OutboxCommand, OutboxEntry, Status, store_rules::version_given};

/// A record as it is shown: what the server last said plus the user's own commands on top.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverlaidRecord {
    /// Which one.
    pub id: offline_protocol::RecordId,
    /// Its content with the commands applied; null when they delete it.
    pub data: Option<Value>,
    /// The server's version; zero for a record that the server has not shown yet.
    pub version: Version,
    /// When the server last wrote it.
    pub updated_at: Option<Timestamp>,
    /// Who wrote it last on the server.
    pub updated_by: Option<UserId>,
    /// How it stands.
    pub sync: RecordSyncStatus,
    /// What the next command on it should expect.
    pub expected: Expected,
    /// The unsettled commands in `data`, in the order of `seq`.
    pub command_ids: Vec<CommandId>,
}

impl std::fmt::Debug for OverlaidRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OverlaidRecord({} at {}, {:?})", self.id, self.version, self.sync)
    }
}

/// How a record stands: by the gravest of its commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordSyncStatus {
    /// Nothing of it is unsettled.
    Synced,
    /// A command waits to be sent.
    Pending,
    /// A command is on the wire.
    Syncing,
    /// A command waits behind a parked one.
    Held,
    /// A command was refused.
    Failed,
    /// A command met another version.
    Conflict,
}

impl RecordSyncStatus {
    fn of(entry: &OutboxEntry) -> Self {
        match entry.command.status {
            Status::Conflict => Self::Conflict,
            Status::Failed => Self::Failed,
            Status::InFlight => Self::Syncing,
            Status::Pending if entry.held_by.is_some() => Self::Held,
            Status::Pending => Self::Pending,
            Status::Succeeded => Self::Synced,
        }
    }
}

/// Applies the user's commands to what the server last said, with the server's own handlers. Pure.
///
/// Answers for the records of `kind` that a command touches, and for no other, in the order of their ids. Takes `entries` in the order of
/// `seq`, `journal` in any. An applied command of the journal counts until its record in `records` has the version that it produced, so that
/// nothing flickers between the server's answer and the next read. Parked commands are shown too: they are the user's, until he discards
/// them. A creation that the handler refuses is shown with its payload as content, an update that it refuses changes nothing: the
/// server's word decides, this is display.
pub fn overlay(
    registry: &Registry,
    kind: &RecordKind,
    records: &[RecordSnapshot],
    entries: &[OutboxEntry],
    journal: &[JournalEntry],
) -> Vec<OverlaidRecord> {
    let mut canvas = Canvas::new(kind, records);
    let mut applied: Vec<&JournalEntry> = Vec::new();
    for entry in journal.iter().filter(|entry| canvas.is_news(entry)) {
        let place = applied.partition_point(|other| other.command.seq < entry.command.seq);
        applied.insert(place, entry);
    }
    #[cfg(planted)]
    if offline_protocol::planted::is(offline_protocol::planted::Bug::OverlayForgetsJournal) {
        applied.clear();
    }
    for entry in applied {
        canvas.draw_applied(registry, entry);
    }
    for entry in entries {
        canvas.draw(registry, entry);
    }
    canvas.finish()
}

struct Canvas<'a> {
    kind: &'a RecordKind,
    records: Records,
    /// In the order of the keys.
    standings: Vec<(RecordKey, Standing<'a>)>,
}

/// What is known of one record beside its content.
#[derive(Default)]
struct Standing<'a> {
    /// As the server last said.
    shown: Option<&'a RecordSnapshot>,
    commands: Vec<(CommandId, RecordSyncStatus)>,
    /// The latest own command whose version the server has not shown yet; without one the record is not of interest.
    latest: Option<CommandId>,
}

impl<'a> Canvas<'a> {
    fn new(kind: &'a RecordKind, records: &'a [RecordSnapshot]) -> Self {
        let mut canvas = Self { kind, records: Records::new(), standings: Vec::with_capacity(records.len()) };
        for snapshot in records {
            let key = RecordKey::new(kind.clone(), snapshot.id.clone());
            let record = Record {
                version: snapshot.version,
                data: Some(snapshot.data.clone()),
                updated_by: snapshot.updated_by.clone(),
                updated_at: snapshot.updated_at,
            };
            canvas.standing(&key).shown = Some(snapshot);
            canvas.records.insert(key, record);
        }
        canvas
    }

    /// What is known of a record, from now on if not yet.
    fn standing(&mut self, key: &RecordKey) -> &mut Standing<'a> {
        let place = self.standings.partition_point(|(known, _)| known < key);
        if self.standings.get(place).is_none_or(|(known, _)| known != key) {
            self.standings.insert(place, (key.clone(), Standing::default()));
        }
        &mut self.standings[place].1
    }

    /// Whether the server's data lack what this entry says was applied.
    fn is_news(&self, entry: &JournalEntry) -> bool {
        entry.command.touches.iter().any(|key| self.lacks(entry, key))
    }

    /// Whether the server's data lack what this entry says was written to this record.
    fn lacks(&self, entry: &JournalEntry, key: &RecordKey) -> bool {
        let place = self.standings.binary_search_by(|(known, _)| known.cmp(key)).ok();
        let shown = place.and_then(|place| self.standings[place].1.shown);
        let shown = shown.map_or(Version::FIRST, |shown| shown.version);
        key.kind == *self.kind && version_given(entry, key).is_some_and(|written| written > shown)
    }

    /// Draws what is news of an applied command: a record that shows it already would have it twice.
    fn draw_applied(&mut self, registry: &Registry, entry: &JournalEntry) {
        let command = &entry.command;
        for Write { key, data } in self.effect(registry, command).writes {
            if self.lacks(entry, &key) {
                self.write(key, data, command);
            }
        }
        for key in &command.touches {
            if self.lacks(entry, key) {
                self.standing(key).latest = Some(command.command_id);
            }
        }
    }

    fn draw(&mut self, registry: &Registry, entry: &OutboxEntry) {
        let command = &entry.command;
        if !command.touches.iter().any(|key| key.kind == *self.kind) {
            return;
        }
        for Write { key, data } in self.effect(registry, command).writes {
            self.write(key, data, command);
        }
        let sync = RecordSyncStatus::of(entry);
        for key in command.touches.iter().filter(|key| key.kind == *self.kind) {
            let standing = self.standing(key);
            standing.latest = Some(command.command_id);
            standing.commands.push((command.command_id, sync));
        }
    }

    /// What a command does to the records as they are drawn so far. A type that this version of the application no longer knows is still
    /// the user's: shown as pending, without an effect.
    fn effect(&self, registry: &Registry, command: &OutboxCommand) -> Effect {
        let prepared = registry.prepare(&command.command_type, &command.payload.value());
        prepared.map(|prepared| self.handled(&prepared, command)).unwrap_or_default()
    }

    fn handled(&self, prepared: &Prepared, command: &OutboxCommand) -> Effect {
        let context = Context {
            workspace_id: command.workspace_id.clone(),
            user_id: command.user_id.clone(),
            command_id: command.command_id,
            created_at: command.created_at,
        };
        prepared.handle(&context, &self.records).unwrap_or_else(|_| {
            let creates = |key: &RecordKey| self.records.get(key).is_none();
            let stand_in = prepared
                .touches()
                .iter()
                .find(|touch| touch.access == Access::Create && creates(&touch.key))
                .map(|touch| Effect::write(touch.key.clone(), command.payload.value()));
            stand_in.unwrap_or_default()
        })
    }

    fn write(&mut self, key: RecordKey, data: Option<Value>, command: &OutboxCommand) {
        let version = self.records.version(&key).next();
        let (updated_by, updated_at) = (command.user_id.clone(), command.created_at);
        self.records.insert(key, Record { version, data, updated_by, updated_at });
    }

    fn finish(self) -> Vec<OverlaidRecord> {
        self.standings.iter().filter_map(|(key, standing)| self.overlaid(key, standing)).collect()
    }

    fn overlaid(&self, key: &RecordKey, standing: &Standing<'_>) -> Option<OverlaidRecord> {
        let latest = standing.latest?;
        let (drawn, shown) = (self.records.get(key), standing.shown);
        if drawn.is_none() && shown.is_none() {
            return None;
        }
        let commands = &standing.commands;
        let version = shown.map_or(Version::FIRST, |shown| shown.version);
        Some(OverlaidRecord {
            id: key.id.clone(),
            data: drawn.and_then(|record| record.data.clone()),
            version,
            updated_at: shown.map(|shown| shown.updated_at),
            updated_by: shown.map(|shown| shown.updated_by.clone()),
            sync: commands.iter().map(|(_, sync)| *sync).max().unwrap_or(RecordSyncStatus::Synced),
            expected: Expected::After(latest),
            command_ids: commands.iter().map(|(id, _)| *id).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use offline_protocol::{ChangeSeq, RecordId, RecordVersion};
    use serde_json::json;

    use super::*;
    use crate::{
        JournalOutcome,
        test_commands::{id, naming, registry, thing},
    };

    fn snapshot(name: &str, version: u64) -> RecordSnapshot {
        RecordSnapshot {
            id: RecordId::new(name).unwrap(),
            version: Version::new(version).unwrap(),
            data: json!({ "name": "from the server" }),
            updated_at: Timestamp::EPOCH,
            updated_by: UserId::new("ben").unwrap(),
        }
    }

    fn entry(command: OutboxCommand, held_by: Option<u64>) -> OutboxEntry {
        OutboxEntry { command, held_by: held_by.map(id) }
    }

    fn applied(command: OutboxCommand, version: u64) -> JournalEntry {
        let key = command.touches[0].clone();
        let written = RecordVersion { kind: key.kind, id: key.id, version: Version::new(version).unwrap() };
        let outcome = JournalOutcome::Applied {
            versions: vec![written],
            change_seq: ChangeSeq::FIRST,
            replayed: false,
        };
        JournalEntry { command, outcome, settled_at: Timestamp::EPOCH }
    }

    fn show(
        records: &[RecordSnapshot],
        entries: &[OutboxEntry],
        journal: &[JournalEntry],
    ) -> Vec<OverlaidRecord> {
        overlay(&registry(), &thing("x").kind, records, entries, journal)
    }

    fn name(record: &OverlaidRecord) -> &str {
        record.data.as_ref().and_then(|data| data["name"].as_str()).unwrap_or("(deleted)")
    }

    #[test]
    fn pending_commands_stand_on_top_of_what_the_server_said() {
        let entries = [
            entry(naming(1, "THING_CREATE_V1", "a", "A"), None),
            entry(naming(2, "THING_SET_V1", "b", "B"), None),
        ];
        let shown = show(&[snapshot("b", 4), snapshot("c", 9)], &entries, &[]);
        assert_eq!(shown.iter().map(name).collect::<Vec<_>>(), ["A", "B"], "and nothing of the untouched c");
        assert_eq!((shown[0].version.get(), shown[1].version.get()), (0, 4));
        assert_eq!(shown[1].expected, Expected::After(id(2)));
        assert_eq!(shown[1].command_ids, [id(2)]);
    }

    #[test]
    fn the_gravest_command_gives_the_status() {
        let mut parked = naming(1, "THING_SET_V1", "b", "B");
        parked.status = Status::Conflict;
        let held = naming(2, "THING_SET_V1", "b", "B2");
        let shown = show(&[snapshot("b", 4)], &[entry(parked, None), entry(held, Some(1))], &[]);
        assert_eq!((shown[0].sync, name(&shown[0])), (RecordSyncStatus::Conflict, "B2"));
    }

    #[test]
    fn an_applied_command_stays_visible_until_the_server_shows_its_version() {
        let journal = [applied(naming(1, "THING_SET_V1", "b", "B"), 5)];
        let behind = show(&[snapshot("b", 4)], &[], &journal);
        assert_eq!((name(&behind[0]), behind[0].sync), ("B", RecordSyncStatus::Synced));
        assert_eq!(behind[0].expected, Expected::After(id(1)));
        assert_eq!(show(&[snapshot("b", 5)], &[], &journal), []);
    }

    #[test]
    fn a_creation_that_the_handler_refuses_is_shown_as_it_was_made() {
        let refused = entry(naming(1, "THING_CREATE_V1", "a", ""), None);
        let shown = show(&[], &[refused], &[]);
        assert_eq!(shown[0].data, Some(json!({ "id": "a", "name": "" })));
    }

    #[test]
    fn a_type_that_is_no_longer_known_leaves_the_record_marked() {
        let unknown = entry(naming(1, "THING_PAINT_V7", "b", "B"), None);
        let shown = show(&[snapshot("b", 4)], &[unknown], &[]);
        assert_eq!((name(&shown[0]), shown[0].sync), ("from the server", RecordSyncStatus::Pending));
    }
}
