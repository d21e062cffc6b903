//! What is shown of a command that writes two records, of which the server has shown one already.

use offline_conformance::{
    fakes::{pair_move, things},
    samples::{at, command, thing, version},
};
use offline_core::{Applied, JournalEntry, overlay};
use offline_protocol::{ChangeSeq, CommandType, Expected, RecordSnapshot, RecordVersion, UserId};
use serde_json::json;

#[test]
fn a_record_that_shows_an_applied_command_does_not_show_it_twice() {
    let mut moved = command(1).command;
    moved.command_type = CommandType::new("PAIR_MOVE_V1").unwrap();
    moved.payload = pair_move("a", "b", 3).into();
    moved.touches = vec![thing("a"), thing("b")];
    let written = |name: &str| {
        let key = thing(name);
        RecordVersion { kind: key.kind, id: key.id, version: version(2) }
    };
    let applied = Applied {
        versions: vec![written("a"), written("b")],
        change_seq: ChangeSeq::FIRST,
        replayed: false,
        attempts: 1,
    };
    let entry = JournalEntry::applied(moved, applied, at(0));
    let snapshot = |name: &str, at_version: u64, amount: i64| RecordSnapshot {
        id: thing(name).id,
        version: version(at_version),
        data: json!({ "name": name, "amount": amount }),
        updated_at: at(0),
        updated_by: UserId::new("ana").unwrap(),
    };
    // The page with `a` was read after the command, the one with `b` before.
    let records = [snapshot("a", 2, 7), snapshot("b", 1, 0)];
    let shown = overlay(&things(), &thing("a").kind, &records, &[], std::slice::from_ref(&entry));
    let amounts: Vec<_> =
        shown.iter().map(|record| record.data.as_ref().unwrap()["amount"].clone()).collect();
    assert_eq!(amounts, [json!(3)], "b with the command, and nothing of a, which has it");
    assert_eq!(shown[0].expected, Expected::After(entry.command.command_id));
}
