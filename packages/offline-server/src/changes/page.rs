use offline_protocol::{ChangeSeq, Cursor, RecordId, RecordKind, Timestamp, UserId, Version};
use serde::Serialize;

use super::{
    cursor::{At, Place},
    log::{Changed, ChangedRecord, Since},
};

/// The cursor leads nowhere: too old, of another life of the database, or ahead of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expired;

/// How a page goes on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Whether it belongs to a snapshot.
    pub(crate) snapshot: bool,
    /// Where the next one begins.
    pub(crate) next: Place,
}

impl Page {
    /// Whether what was found can be told to somebody who has everything up to `since`, and where he is afterwards.
    pub(crate) fn of(since: Since, place: Option<Place>, found: &Changed) -> Result<Self, Expired> {
        let extent = found.extent;
        if place.is_some_and(|place| place.lineage != extent.lineage) {
            return Err(Expired);
        }
        let (snapshot, until) = match since {
            Since::Start => (true, extent.head),
            // What was deleted since the snapshot was begun has still to be told of.
            Since::Snapshot { after, until }
                if extent.pruned <= after.max(until) && after.max(until) <= extent.head =>
            {
                (true, until)
            }
            Since::Log { after } if extent.pruned <= after && after <= extent.head => (false, after),
            Since::Snapshot { .. } | Since::Log { .. } => return Err(Expired),
        };
        let at = match found.records.last() {
            Some(last) if found.more && snapshot => At::Snapshot { after: last.change_seq, until },
            Some(last) if found.more => At::Log { after: last.change_seq },
            _ => At::Log { after: extent.head },
        };
        Ok(Self { snapshot, next: Place { lineage: extent.lineage, at } })
    }

    /// The page as JSON, the wire's `ChangesPage`. The contents are put in as they are stored, unread.
    pub(crate) fn write(&self, found: &Changed, next: &Cursor) -> Vec<u8> {
        let contents: usize =
            found.records.iter().map(|record| record.data.as_ref().map_or(0, String::len)).sum();
        let mut out = Vec::with_capacity(contents + found.records.len() * 256 + 256);
        out.extend(br#"{"changes":["#);
        for (index, record) in found.records.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_record(&mut out, record);
        }
        out.extend(
            format!(r#"],"snapshot":{},"more":{},"next":"{next}"}}"#, self.snapshot, found.more).bytes(),
        );
        out
    }
}

/// All of a `RecordChange` but its content.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    kind: &'a RecordKind,
    id: &'a RecordId,
    version: Version,
    change_seq: ChangeSeq,
    updated_at: Timestamp,
    updated_by: &'a UserId,
    deleted: bool,
}

fn write_record(out: &mut Vec<u8>, record: &ChangedRecord) {
    let frame = Frame {
        kind: &record.key.kind,
        id: &record.key.id,
        version: record.version,
        change_seq: record.change_seq,
        updated_at: record.updated_at,
        updated_by: &record.updated_by,
        deleted: record.data.is_none(),
    };
    serde_json::to_writer(&mut *out, &frame).expect("BUG: names, numbers and a time always serialize");
    if let Some(data) = &record.data {
        let closed = out.pop();
        debug_assert_eq!(closed, Some(b'}'));
        out.extend(br#","data":"#);
        out.extend(data.as_bytes());
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use offline_protocol::{ChangesPage, RecordChange, RecordKey};
    use serde_json::json;

    use super::*;
    use crate::{Extent, Lineage};

    const LIFE: Lineage = Lineage(uuid::Uuid::from_u128(1));

    fn seq(number: u64) -> ChangeSeq {
        ChangeSeq::new(number).unwrap()
    }

    fn record(change_seq: u64, data: Option<&str>) -> ChangedRecord {
        ChangedRecord {
            key: RecordKey::new(RecordKind::new("note").unwrap(), RecordId::new(r#"a"\b"#).unwrap()),
            version: Version::FIRST.next(),
            change_seq: seq(change_seq),
            updated_at: Timestamp::from_millis(1_795_370_400_000),
            updated_by: UserId::new(r#"o"brien"#).unwrap(),
            data: data.map(Into::into),
        }
    }

    fn found(pruned: u64, head: u64, last: Option<u64>) -> Changed {
        let extent = Extent { lineage: LIFE, pruned: seq(pruned), head: seq(head) };
        Changed {
            extent,
            records: last.map(|last| record(last, Some("{}"))).into_iter().collect(),
            more: last.is_some(),
        }
    }

    fn of(since: Since, found: &Changed) -> Result<At, Expired> {
        Page::of(since, Some(Place { lineage: LIFE, at: At::Log { after: seq(0) } }), found)
            .map(|page| page.next.at)
    }

    #[test]
    fn a_snapshot_remembers_where_it_was_begun_and_ends_in_the_log() {
        let started = of(Since::Start, &found(0, 100, Some(10))).unwrap();
        assert_eq!(started, At::Snapshot { after: seq(10), until: seq(100) });
        let on = Since::Snapshot { after: seq(10), until: seq(100) };
        assert_eq!(of(on, &found(0, 150, Some(20))), Ok(At::Snapshot { after: seq(20), until: seq(100) }));
        assert_eq!(of(on, &found(0, 150, None)), Ok(At::Log { after: seq(150) }));
        let beyond = Since::Snapshot { after: seq(110), until: seq(100) };
        assert_eq!(
            of(beyond, &found(0, 150, Some(120))),
            Ok(At::Snapshot { after: seq(120), until: seq(100) })
        );
        assert_eq!(of(Since::Start, &found(0, 0, None)), Ok(At::Log { after: seq(0) }));
    }

    #[test]
    fn whoever_is_behind_the_log_ahead_of_it_or_from_another_life_begins_anew() {
        for (pruned, head, expired) in [(50, 100, false), (51, 100, true), (0, 50, false), (0, 49, true)] {
            let log = of(Since::Log { after: seq(50) }, &found(pruned, head, None));
            assert_eq!(log.is_err(), expired, "{pruned} {head}");
            let snapshot = of(Since::Snapshot { after: seq(7), until: seq(50) }, &found(pruned, head, None));
            assert_eq!(snapshot.is_err(), expired, "a snapshot, {pruned} {head}");
        }
        let other = Place { lineage: Lineage(uuid::Uuid::from_u128(2)), at: At::Log { after: seq(1) } };
        assert_eq!(Page::of(Since::Log { after: seq(1) }, Some(other), &found(0, 1, None)), Err(Expired));
    }

    #[test]
    fn what_is_written_is_what_the_wire_types_say() {
        let data = r#"{"text":"\u0000 ä","list":[1,{}]}"#;
        let mut found = found(0, 9, None);
        found.records = vec![record(8, Some(data)), record(9, None)];
        let page = Page::of(Since::Log { after: seq(3) }, None, &found).unwrap();
        let next = Cursor::new("next").unwrap();
        let read: ChangesPage = serde_json::from_slice(&page.write(&found, &next)).unwrap();
        let change = |change_seq, data: Option<serde_json::Value>| RecordChange {
            kind: RecordKind::new("note").unwrap(),
            id: RecordId::new(r#"a"\b"#).unwrap(),
            version: Version::FIRST.next(),
            change_seq: seq(change_seq),
            updated_at: Timestamp::from_millis(1_795_370_400_000),
            updated_by: UserId::new(r#"o"brien"#).unwrap(),
            deleted: data.is_none(),
            data,
        };
        let content = json!({ "text": "\u{0} ä", "list": [1, {}] });
        let changes = vec![change(8, Some(content)), change(9, None)];
        assert_eq!(read, ChangesPage { changes, snapshot: false, more: false, next });
    }
}
