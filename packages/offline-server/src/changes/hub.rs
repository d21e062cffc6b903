//! The hints of one process: who listens to a workspace learns that something changed in it, soon after it was committed, here or elsewhere.
//!
//! A commit leaves its workspace and place ([`Hub::tell`]); nothing waits for that. One task asks the log once for each workspace that
//! somebody listens to, whatever the number of listeners and of commits meanwhile, and every listener is woken with what is known then.
//! Nothing is queued: a listener who was slow finds the last state of each kind. A hint that got lost is made up for by asking for the places
//! of all these workspaces now and then.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures_util::{
    StreamExt as _,
    future::{Either, select},
    stream,
};
use offline_protocol::{ChangeSeq, RecordKind, WorkspaceId};
use tokio::sync::{Notify, watch};

use super::log::ChangeLog;
use crate::StoreError;

/// How often the places of all workspaces that are listened to are asked for: the longest that a lost hint delays what it was about.
const SAFETY: Duration = Duration::from_secs(5);

/// How many workspaces are asked about at once.
const AT_ONCE: usize = 4;

/// What the listeners of a workspace are told.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// The place from which on `kinds` is complete.
    since: ChangeSeq,
    /// The place up to which it is.
    pub(crate) head: ChangeSeq,
    /// The kinds that changed between the two, with the place of the last change of each.
    pub(crate) kinds: BTreeMap<RecordKind, ChangeSeq>,
}

/// Wakes the listeners of one process.
pub struct Hub {
    state: Mutex<State>,
    wake: Notify,
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    topics: HashMap<WorkspaceId, Topic>,
    /// Those about which the log has to be asked.
    dirty: HashSet<WorkspaceId>,
    /// Whether hints may have been lost.
    in_doubt: bool,
    /// Whether a task asks.
    served: bool,
}

struct Topic {
    listeners: usize,
    heard: watch::Sender<Heard>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), closed: watch::Sender::new(false) }
    }
}

impl Hub {
    /// Something was committed: a hint, soon followed by a look at the log when anybody listens. Never waits.
    pub(crate) fn tell(&self, workspace: &WorkspaceId, place: ChangeSeq) {
        let mut state = self.state();
        if state.topics.get(workspace).is_some_and(|topic| topic.heard.borrow().head < place) {
            state.dirty.insert(workspace.clone());
            self.wake.notify_one();
        }
    }

    /// Hints may have been lost.
    pub(crate) fn doubt(&self) {
        self.state().in_doubt = true;
        self.wake.notify_one();
    }

    /// Ends all streams of events, and lets no new one begin: the process is to end.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Tells when [`Hub::close`] has been called.
    pub(crate) fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    /// Listens to what changes in the workspace behind `place`, which has been read from the log **after** `announce` returned.
    pub(crate) fn listen(self: &Arc<Self>, announced: Announced, place: ChangeSeq) -> Listener {
        let mut state = self.state();
        let workspace = announced.workspace.clone();
        let topic = state.topics.get_mut(&workspace).expect("BUG: an announced workspace is there");
        let mut set_back = false;
        topic.heard.send_if_modified(|heard| {
            // The first one; or the others began at a later place.
            set_back = place < heard.since;
            if set_back {
                (heard.since, heard.head) = (place, place);
            }
            false
        });
        let mut heard = topic.heard.subscribe();
        // What was heard between the place and now is news to this one.
        heard.mark_changed();
        if set_back {
            state.dirty.insert(workspace);
            self.wake.notify_one();
        }
        Listener { heard, _announced: announced }
    }

    /// Says that somebody is going to listen: from now on commits in this workspace are noticed.
    pub(crate) fn announce(self: &Arc<Self>, log: &Arc<dyn ChangeLog>, workspace: &WorkspaceId) -> Announced {
        let mut state = self.state();
        let topic = state.topics.entry(workspace.clone()).or_insert_with(|| {
            let last = ChangeSeq::new(u64::MAX >> 11).expect("BUG: 2^53 - 1 is a place");
            Topic {
                listeners: 0,
                heard: watch::Sender::new(Heard { since: last, head: last, kinds: BTreeMap::new() }),
            }
        });
        topic.listeners += 1;
        if !std::mem::replace(&mut state.served, true) {
            tokio::spawn(Arc::clone(self).serve(Arc::downgrade(log)));
        }
        Announced { hub: Arc::clone(self), workspace: workspace.clone() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the log until nobody listens any more.
    async fn serve(self: Arc<Self>, log: Weak<dyn ChangeLog>) {
        let mut safety = tokio::time::interval(SAFETY);
        safety.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        safety.tick().await;
        loop {
            let due = {
                let woken = std::pin::pin!(self.wake.notified());
                matches!(select(woken, std::pin::pin!(safety.tick())).await, Either::Right(_))
            };
            let Some(log) = log.upgrade() else { return };
            let doubtful = {
                let mut state = self.state();
                if state.topics.is_empty() {
                    state.dirty.clear();
                    state.served = false;
                    return;
                }
                std::mem::take(&mut state.in_doubt) || due
            };
            if doubtful && let Err(error) = self.compare(&*log).await {
                tracing::warn!(%error, "the places of the workspaces could not be read; again soon");
            }
            let dirty: Vec<_> = self.state().dirty.drain().collect();
            let asked =
                stream::iter(dirty).for_each_concurrent(AT_ONCE, |workspace| self.ask(&*log, workspace));
            asked.await;
        }
    }

    /// Finds those that have changed without a hint.
    async fn compare(&self, log: &dyn ChangeLog) -> Result<(), StoreError> {
        let watched: Vec<_> = self.state().topics.keys().cloned().collect();
        for (workspace, head) in log.heads(&watched).await? {
            self.tell(&workspace, head);
        }
        Ok(())
    }

    /// Learns what changed in a workspace, and wakes its listeners.
    async fn ask(&self, log: &dyn ChangeLog, workspace: WorkspaceId) {
        let known = self.state().topics.get(&workspace).map(|topic| topic.heard.borrow().head);
        let Some(known) = known else { return };
        let found = match log.kinds_since(&workspace, known).await {
            Ok(found) => found,
            Err(error) => {
                // The next look at all places finds it.
                tracing::warn!(%error, "what changed could not be read; again soon");
                return;
            }
        };
        let state = self.state();
        let Some(topic) = state.topics.get(&workspace) else { return };
        topic.heard.send_if_modified(|heard| {
            // A listener who began earlier has set it back meanwhile: it has been marked, and is asked about again.
            if heard.head < known || found.head <= heard.head {
                return false;
            }
            heard.head = found.head;
            for (kind, place) in found.kinds {
                heard.kinds.insert(kind, place);
            }
            true
        });
    }
}

/// Somebody is going to listen, or does.
pub(crate) struct Announced {
    hub: Arc<Hub>,
    workspace: WorkspaceId,
}

impl Drop for Announced {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        if let Some(topic) = state.topics.get_mut(&self.workspace) {
            topic.listeners -= 1;
            if topic.listeners == 0 {
                state.topics.remove(&self.workspace);
                self.hub.wake.notify_one();
            }
        }
    }
}

/// One who listens to a workspace.
pub(crate) struct Listener {
    heard: watch::Receiver<Heard>,
    _announced: Announced,
}

impl Listener {
    /// Waits until something has changed since the last call, then gives what is known: the kinds behind `told`, and how far that reaches.
    pub(crate) async fn changed(&mut self, told: ChangeSeq) -> (Vec<(RecordKind, ChangeSeq)>, ChangeSeq) {
        if self.heard.changed().await.is_err() {
            // The hub keeps the sender as long as this one is announced.
            std::future::pending::<()>().await;
        }
        let heard = self.heard.borrow_and_update();
        let behind = heard.kinds.iter().filter(|(_, place)| **place > told);
        (behind.map(|(kind, place)| (kind.clone(), *place)).collect(), heard.head.max(told))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::{FutureExt as _, future::BoxFuture};
    use offline_protocol::Timestamp;

    use super::*;
    use crate::{Changed, ChangesQuery, CursorKey, Extent, Kinds, Membership};

    /// A log whose place the test moves, and that counts what it is asked.
    #[derive(Default)]
    struct Moved {
        head: AtomicU64,
        asked: AtomicU64,
        hub: Arc<Hub>,
    }

    fn seq(number: u64) -> ChangeSeq {
        ChangeSeq::new(number).unwrap()
    }

    fn acme() -> WorkspaceId {
        WorkspaceId::new("acme").unwrap()
    }

    impl ChangeLog for Moved {
        fn changed<'a>(
            &'a self,
            _: &'a Membership,
            _: &'a ChangesQuery,
        ) -> BoxFuture<'a, Result<Changed, StoreError>> {
            unreachable!("the hub reads no records")
        }

        fn extent<'a>(&'a self, _: &'a WorkspaceId) -> BoxFuture<'a, Result<Extent, StoreError>> {
            unreachable!("the hub is given the place")
        }

        fn kinds_since<'a>(
            &'a self,
            _: &'a WorkspaceId,
            after: ChangeSeq,
        ) -> BoxFuture<'a, Result<Kinds, StoreError>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let head = seq(self.head.load(Ordering::SeqCst));
            let kinds = (after < head).then(|| (RecordKind::new("note").unwrap(), head));
            Box::pin(async move { Ok(Kinds { head, kinds: kinds.into_iter().collect() }) })
        }

        fn heads<'a>(
            &'a self,
            workspaces: &'a [WorkspaceId],
        ) -> BoxFuture<'a, Result<Vec<(WorkspaceId, ChangeSeq)>, StoreError>> {
            let head = seq(self.head.load(Ordering::SeqCst));
            Box::pin(
                async move { Ok(workspaces.iter().map(|workspace| (workspace.clone(), head)).collect()) },
            )
        }

        fn hub(&self) -> &Arc<Hub> {
            &self.hub
        }

        fn cursors(&self) -> &CursorKey {
            unreachable!("the hub signs nothing")
        }

        fn prune_log(&self, _: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
            unreachable!("the hub prunes nothing")
        }
    }

    impl Moved {
        fn commit(&self) {
            let place = self.head.fetch_add(1, Ordering::SeqCst) + 1;
            self.hub.tell(&acme(), seq(place));
        }
    }

    async fn listen(log: &Arc<Moved>, place: u64) -> Listener {
        let port: Arc<dyn ChangeLog> = log.clone();
        let mut listener = log.hub.listen(log.hub.announce(&port, &acme()), seq(place));
        assert!(listener.changed(seq(u64::MAX >> 11)).await.0.is_empty());
        listener
    }

    #[tokio::test]
    async fn a_listener_who_was_slow_is_told_once_what_came_of_a_thousand_commits() {
        let log = Arc::new(Moved::default());
        let mut slow = listen(&log, 0).await;
        let mut quick = listen(&log, 0).await;
        for number in 1..=1000 {
            log.commit();
            let (kinds, head) = quick.changed(seq(number - 1)).await;
            assert_eq!((kinds[0].1, head), (seq(number), seq(number)));
        }
        let (kinds, head) = slow.changed(seq(0)).await;
        assert_eq!((kinds, head), (vec![(RecordKind::new("note").unwrap(), seq(1000))], seq(1000)));
        assert!(slow.changed(seq(1000)).now_or_never().is_none());
    }

    #[tokio::test]
    async fn the_log_is_asked_for_a_workspace_and_not_for_a_listener_or_a_commit() {
        let log = Arc::new(Moved::default());
        let mut listeners = Vec::new();
        for _ in 0..100 {
            listeners.push(listen(&log, 0).await);
        }
        for _ in 0..100 {
            log.commit();
        }
        for listener in &mut listeners {
            assert_eq!(listener.changed(seq(0)).await.1, seq(100));
        }
        let asked = log.asked.load(Ordering::SeqCst);
        assert!(asked <= 4, "asked {asked} times");
    }

    #[tokio::test]
    async fn a_listener_hears_of_what_was_committed_before_another_one_began() {
        let log = Arc::new(Moved::default());
        log.head.store(7, Ordering::SeqCst);
        let later = listen(&log, 7).await;
        // He has read his place before that.
        let port: Arc<dyn ChangeLog> = log.clone();
        let mut early = log.hub.listen(log.hub.announce(&port, &acme()), seq(5));
        loop {
            let (kinds, _) = early.changed(seq(5)).await;
            if let Some((_, place)) = kinds.first() {
                assert_eq!(*place, seq(7));
                break;
            }
        }
        drop(later);
    }

    #[tokio::test]
    async fn a_commit_without_a_hint_is_found_when_there_is_doubt() {
        let log = Arc::new(Moved::default());
        let mut listener = listen(&log, 0).await;
        log.head.store(3, Ordering::SeqCst);
        log.hub.doubt();
        assert_eq!(listener.changed(seq(0)).await.1, seq(3));
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_workspace_that_nobody_listens_to() {
        let log = Arc::new(Moved::default());
        let listener = listen(&log, 0).await;
        drop(listener);
        log.commit();
        while log.hub.state().served {
            tokio::task::yield_now().await;
        }
        let state = log.hub.state();
        assert!(state.topics.is_empty() && state.dirty.is_empty());
    }
}
