//! Which idempotency keys are being worked on in this process, so that a second request with one of them waits for the first.
//!
//! It spares work and says 409 in place of a long wait. It is not what makes a retry safe: the receipt is, in the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use offline_protocol::{IdempotencyKey, UserId, WorkspaceId};
use tokio::sync::OwnedMutexGuard;

use crate::Membership;

type Key = (WorkspaceId, UserId, IdempotencyKey);
type Turn = Arc<tokio::sync::Mutex<()>>;

/// The keys that somebody works on or waits for.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashMap<Key, Turn>>);

/// The right to work on a key, until it is dropped.
pub(crate) struct Claim {
    // Released before the place is given up: fields are dropped in this order.
    _turn: OwnedMutexGuard<()>,
    _place: Place,
}

/// Keeps a key's entry as long as somebody works on it or waits for it.
struct Place {
    keys: Arc<InFlight>,
    key: Key,
    turn: Turn,
}

impl InFlight {
    /// Waits for whoever works on the key; `None` when that takes longer than `wait`.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        member: &Membership,
        key: &IdempotencyKey,
        wait: Duration,
    ) -> Option<Claim> {
        let key = (member.workspace_id().clone(), member.user_id().clone(), key.clone());
        let turn =
            Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
        let place = Place { keys: Arc::clone(self), key, turn: Arc::clone(&turn) };
        let turn = tokio::time::timeout(wait, turn.lock_owned()).await.ok()?;
        Some(Claim { _turn: turn, _place: place })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut keys = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and this one: nobody else is there.
        if Arc::strong_count(&self.turn) == 2 {
            keys.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_one_workers_at_a_time_and_forgotten_after_the_last_one() {
        let keys = Arc::new(InFlight::default());
        let ana = Membership::for_test(WorkspaceId::new("acme").unwrap(), UserId::new("ana").unwrap());
        let ben = Membership::for_test(WorkspaceId::new("acme").unwrap(), UserId::new("ben").unwrap());
        let key = IdempotencyKey::new("k").unwrap();
        let first = keys.claim(&ana, &key, Duration::ZERO).await.unwrap();
        assert!(keys.claim(&ana, &key, Duration::ZERO).await.is_none());
        assert!(keys.claim(&ben, &key, Duration::ZERO).await.is_some(), "another user's key is another one");
        let waiting = keys.claim(&ana, &key, Duration::from_secs(3600));
        let (second, ()) = tokio::join!(waiting, async { drop(first) });
        assert_eq!(keys.0.lock().unwrap().len(), 1);
        drop(second);
        assert!(keys.0.lock().unwrap().is_empty());
    }
}
