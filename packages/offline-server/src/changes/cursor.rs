use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use offline_protocol::{ChangeSeq, Cursor, RecordKind, WorkspaceId};
use sha2::Sha256;
use uuid::Uuid;

use crate::StoreError;

use super::log::{Lineage, Since};

/// A kind of place, two numbers, a lineage.
const BODY_BYTES: usize = 1 + 8 + 8 + 16;

/// Half of HMAC-SHA256: 128 bits.
const MAC_BYTES: usize = 16;

/// Signs the cursors, and knows its own ones again.
#[derive(Clone)]
pub struct CursorKey(pub(crate) [u8; 32]);

/// What a cursor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) lineage: Lineage,
    pub(crate) at: At,
}

/// Where one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Between two pages of a snapshot.
    Snapshot { after: ChangeSeq, until: ChangeSeq },
    /// In the log.
    Log { after: ChangeSeq },
    /// In a stream of events. Says nothing about what has been pulled.
    Event { after: ChangeSeq },
}

impl At {
    const fn parts(self) -> (u8, ChangeSeq, ChangeSeq) {
        match self {
            Self::Snapshot { after, until } => (1, after, until),
            Self::Log { after } => (2, after, ChangeSeq::FIRST),
            Self::Event { after } => (3, after, ChangeSeq::FIRST),
        }
    }

    fn of(parts: (u8, ChangeSeq, ChangeSeq)) -> Option<Self> {
        match parts {
            (1, after, until) => Some(Self::Snapshot { after, until }),
            (2, after, _) => Some(Self::Log { after }),
            (3, after, _) => Some(Self::Event { after }),
            _ => None,
        }
    }

    /// Where a page begins; `None` for a place in a stream of events.
    pub(crate) const fn page(self) -> Option<Since> {
        match self {
            Self::Snapshot { after, until } => Some(Since::Snapshot { after, until }),
            Self::Log { after } => Some(Since::Log { after }),
            Self::Event { .. } => None,
        }
    }
}

impl CursorKey {
    /// A new one, from the operating system's random bytes.
    pub(crate) fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Backend(Box::new(error)))?;
        Ok(Self(bytes))
    }

    /// The cursor of this place, good for this workspace and this selection of kinds alone.
    pub(crate) fn sign(&self, workspace: &WorkspaceId, kinds: &[RecordKind], place: Place) -> Cursor {
        let (kind, after, until) = place.at.parts();
        let mut bytes = Vec::with_capacity(BODY_BYTES + MAC_BYTES);
        bytes.push(kind);
        bytes.extend(after.get().to_be_bytes());
        bytes.extend(until.get().to_be_bytes());
        bytes.extend(place.lineage.0.as_bytes());
        let tag = self.bound(workspace, kinds, &bytes).finalize().into_bytes();
        bytes.extend(&tag[..MAC_BYTES]);
        Cursor::new(URL_SAFE_NO_PAD.encode(bytes)).expect("BUG: base64 is visible ASCII")
    }

    /// What a cursor of this workspace and this selection of kinds says; `None` for whatever is not one of ours.
    pub(crate) fn read(&self, workspace: &WorkspaceId, kinds: &[RecordKind], text: &str) -> Option<Place> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY_BYTES)?;
        if tag.len() != MAC_BYTES {
            return None;
        }
        self.bound(workspace, kinds, body).verify_truncated_left(tag).ok()?;
        let number = |at: usize| {
            let bytes: [u8; 8] = body[at..at + 8].try_into().ok()?;
            ChangeSeq::new(u64::from_be_bytes(bytes)).ok()
        };
        let at = At::of((body[0], number(1)?, number(9)?))?;
        Some(Place { lineage: Lineage(Uuid::from_slice(&body[17..]).ok()?), at })
    }

    /// Everything that a cursor is bound to. Names of workspaces and kinds hold neither of the separators.
    fn bound(&self, workspace: &WorkspaceId, kinds: &[RecordKind], body: &[u8]) -> Hmac<Sha256> {
        let mac: Hmac<Sha256> = Hmac::new_from_slice(&self.0).expect("BUG: HMAC takes keys of any length");
        let mut mac = mac.chain_update(workspace.as_str()).chain_update([0]);
        for kind in kinds {
            mac = mac.chain_update(kind.as_str()).chain_update(b",");
        }
        mac.chain_update([0]).chain_update(body)
    }
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(name: &str) -> WorkspaceId {
        WorkspaceId::new(name).unwrap()
    }

    fn kinds(names: &[&str]) -> Vec<RecordKind> {
        names.iter().map(|name| RecordKind::new(name).unwrap()).collect()
    }

    fn seq(number: u64) -> ChangeSeq {
        ChangeSeq::new(number).unwrap()
    }

    fn places() -> [Place; 3] {
        let lineage = Lineage(Uuid::from_u128(7));
        [
            At::Snapshot { after: seq(3), until: seq(900) },
            At::Log { after: seq(9_007_199_254_740_991) },
            At::Event { after: seq(0) },
        ]
        .map(|at| Place { lineage, at })
    }

    #[test]
    fn a_cursor_says_what_was_signed() {
        let key = CursorKey([7; 32]);
        for place in places() {
            let cursor = key.sign(&workspace("acme"), &kinds(&["a", "b"]), place);
            assert_eq!(key.read(&workspace("acme"), &kinds(&["a", "b"]), cursor.as_str()), Some(place));
        }
    }

    #[test]
    fn a_cursor_is_good_for_one_key_workspace_and_selection_of_kinds() {
        let key = CursorKey([7; 32]);
        let [place, ..] = places();
        let cursor = key.sign(&workspace("acme"), &kinds(&["a", "b"]), place);
        let read = |key: &CursorKey, name: &str, of: &[&str]| {
            key.read(&workspace(name), &kinds(of), cursor.as_str())
        };
        assert!(read(&key, "acme", &["a", "b"]).is_some());
        assert!(read(&CursorKey([8; 32]), "acme", &["a", "b"]).is_none());
        assert!(read(&key, "globex", &["a", "b"]).is_none());
        for of in [&["a"][..], &["b", "a"], &["a", "b", "c"], &["ab"], &[]] {
            assert!(read(&key, "acme", of).is_none(), "{of:?}");
        }
    }

    #[test]
    fn whatever_was_changed_or_is_no_cursor_says_nothing() {
        let key = CursorKey([7; 32]);
        let cursor = key.sign(&workspace("acme"), &[], places()[1]);
        let good = cursor.as_str();
        let bytes = URL_SAFE_NO_PAD.decode(good).unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert!(key.read(&workspace("acme"), &[], &URL_SAFE_NO_PAD.encode(bad)).is_none());
            }
        }
        for cut in 0..bytes.len() {
            assert!(key.read(&workspace("acme"), &[], &URL_SAFE_NO_PAD.encode(&bytes[..cut])).is_none());
        }
        for bad in
            ["", "7", "ä", "\0", &good[1..], &format!("{good}A"), &format!("{good}="), &good.repeat(1000)]
        {
            assert!(key.read(&workspace("acme"), &[], bad).is_none());
        }
    }
}
