//! I7: what a person is shown is the server's state with his own commands on top. The commands are read here a second time, by code that
//! shares nothing with the handlers.

use std::collections::BTreeMap;

use offline_core::{OutboxCommand, OutboxEntry, overlay};
use offline_domain::Registry;
use offline_protocol::{RecordKey, RecordKind, RecordSnapshot};
use serde_json::{Value, json};

use crate::commands::item;

type Contents = BTreeMap<RecordKey, Option<Value>>;

/// The commands as the overlay takes them; what they wait behind makes no difference to the content.
pub(crate) fn entries(outbox: Vec<OutboxCommand>) -> Vec<OutboxEntry> {
    outbox.into_iter().map(|command| OutboxEntry { command, held_by: None }).collect()
}

/// What the overlay shows of the items that commands touch.
pub(crate) fn shown(
    registry: &Registry,
    seen: &[(RecordKey, RecordSnapshot)],
    entries: &[OutboxEntry],
    journal: &[offline_core::JournalEntry],
) -> Contents {
    let kind = RecordKind::new("item").expect("BUG: a kind");
    let records: Vec<_> =
        seen.iter().filter(|(key, _)| key.kind == kind).map(|(_, snapshot)| snapshot.clone()).collect();
    let drawn = overlay(registry, &kind, &records, entries, journal);
    drawn.into_iter().map(|record| (RecordKey::new(kind.clone(), record.id), record.data)).collect()
}

/// What it should show: the contents with the commands on top.
pub(crate) fn expected(seen: &[(RecordKey, RecordSnapshot)], entries: &[OutboxEntry]) -> Contents {
    let content = |(key, snapshot): &(RecordKey, RecordSnapshot)| (key.clone(), Some(snapshot.data.clone()));
    let mut contents: Contents = seen.iter().map(content).collect();
    for OutboxEntry { command, .. } in entries {
        draw(&mut contents, command.command_type.as_str(), &command.payload.value());
    }
    contents
}

fn draw(contents: &mut Contents, what: &str, said: &Value) {
    let Some(key) = said["id"].as_str().map(item) else { return };
    let now = contents.get(&key).cloned().flatten();
    let note = said["note"].as_str();
    let by = said["by"].as_i64().or_else(|| said["delta"].as_i64()).unwrap_or(0);
    let content = |note: &str, amount: i64| Some(json!({ "note": note, "amount": amount }));
    let read =
        |now: &Value| (now["note"].as_str().unwrap_or("").to_owned(), now["amount"].as_i64().unwrap_or(0));
    let next = match (what, now) {
        ("ITEM_CREATE_V1", now) if by < 0 => match now {
            // What the handler refuses is shown as it was made, unless it stands there already.
            None if !contents.contains_key(&key) => Some(said.clone()),
            now => now,
        },
        ("ITEM_CREATE_V1", _) => content(note.unwrap_or(""), by),
        ("ITEM_NOTE_V1", now) => content(note.unwrap_or(""), now.as_ref().map_or(0, |now| read(now).1)),
        ("ITEM_DELETE_V1", _) => None,
        (_, None) => return,
        // A creation that was refused is no item.
        (_, Some(now)) if now["amount"].is_null() => return,
        ("ITEM_SET_V1", Some(_)) if by < 0 => return,
        ("ITEM_SET_V1", Some(now)) => content(note.unwrap_or(&read(&now).0), by),
        ("ITEM_TAG_V1", Some(now)) => content(note.unwrap_or(""), read(&now).1),
        ("ITEM_MOVE_V1", Some(now)) => {
            let Some(to) = said["to"].as_str().map(item).filter(|to| *to != key) else { return };
            let other = contents.get(&to).cloned().flatten().filter(|other| !other["amount"].is_null());
            let Some(other) = other else { return };
            let ((note, from), (other_note, other)) = (read(&now), read(&other));
            if from < by || other + by < 0 {
                return;
            }
            contents.insert(to, content(&other_note, other + by));
            content(&note, from - by)
        }
        (_, Some(now)) => {
            let (note, amount) = read(&now);
            if amount + by < 0 {
                return;
            }
            content(&note, amount + by)
        }
    };
    contents.insert(key, next);
}
