//! A memory for signatures that were checked: one of an elliptic curve costs half as much as all the rest of a request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use offline_protocol::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::Identity;

use super::{ISSUER_AHEAD, key::Key, seconds};

/// How many tokens are remembered at most, some 200 bytes each. When they are that many, all are forgotten.
const MOST: usize = 20_000;

/// What a token says once its signature has been checked. Only the clock can still speak against it, and a key that is no longer there.
#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) identity: Identity,
    /// In seconds since 1970.
    pub(crate) expires: u64,
    /// In seconds since 1970.
    pub(crate) begins: Option<u64>,
    /// The set that its key is from, and the name that it gives that key.
    pub(crate) by: Option<(Arc<[Key]>, Option<String>)>,
}

/// The tokens whose signatures were checked, by their SHA-256. Those of strangers take up no room.
#[derive(Default)]
pub(crate) struct Memory(Mutex<HashMap<[u8; 32], Checked>>);

impl Checked {
    /// Who speaks, when the token is good now.
    pub(crate) fn now(&self, now: Timestamp) -> Option<Identity> {
        let begun = self.begins.is_none_or(|begins| begins <= seconds(now.plus(ISSUER_AHEAD)));
        (seconds(now) < self.expires && begun).then(|| self.identity.clone())
    }
}

impl Memory {
    pub(crate) fn name(token: &str) -> [u8; 32] {
        Sha256::digest(token.as_bytes()).into()
    }

    pub(crate) fn get(&self, name: &[u8; 32]) -> Option<Checked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn put(&self, name: [u8; 32], checked: Checked) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(name, checked);
    }

    pub(crate) fn forget(&self, name: &[u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use offline_protocol::{UserId, WorkspaceId};

    use super::*;

    #[test]
    fn what_was_checked_once_is_still_judged_by_the_clock() {
        let (workspace_id, user_id) = (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
        let identity = Identity { workspace_id, user_id };
        let checked = Checked { identity, expires: 200, begins: Some(100), by: None };
        for (second, good) in
            [(89, false), (90, true), (100, true), (199, true), (200, false), (9_999, false)]
        {
            assert_eq!(checked.now(Timestamp::from_millis(second * 1000)).is_some(), good, "{second}");
        }
    }

    #[test]
    fn however_many_tokens_there_are_only_so_many_are_remembered() {
        let (workspace_id, user_id) = (WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
        let checked =
            Checked { identity: Identity { workspace_id, user_id }, expires: 1, begins: None, by: None };
        let memory = Memory::default();
        for number in 0..=MOST {
            memory.put(Memory::name(&number.to_string()), checked.clone());
        }
        assert_eq!(memory.0.lock().unwrap().len(), 1);
        assert!(memory.get(&Memory::name(&MOST.to_string())).is_some());
    }
}
