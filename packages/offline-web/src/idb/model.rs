//! IndexedDB as far as the stores need it, in memory: with it the folds are tested without a browser.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use offline_core::{BoxFuture, StoreError};

use super::{Answer, Fold, Index, Key, Mode, NewRow, Plan, Request, Row, Seen, Step, Store, Want};

/// What is stored. A deleted database is another one from then on.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Content>>);

#[derive(Clone, Default)]
struct Content {
    incarnation: u64,
    commands: BTreeMap<i64, NewRow>,
    texts: BTreeMap<(Store, String), String>,
    highest: i64,
}

/// One opener's way to a disk.
#[derive(Clone)]
pub(crate) struct Database {
    disk: Disk,
    incarnation: u64,
}

/// The key or an id is there already.
struct Constraint;

impl Disk {
    pub(crate) fn open(&self) -> Database {
        Database { disk: self.clone(), incarnation: self.content().incarnation }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().expect("BUG: no test goes on after a panic")
    }
}

impl Database {
    pub(crate) async fn delete(&self) -> Result<(), StoreError> {
        let mut content = self.disk.content();
        *content = Content { incarnation: content.incarnation + 1, ..Content::default() };
        Ok(())
    }

    pub(crate) fn run<T: Send + 'static>(
        &self,
        scope: &[Store],
        mode: Mode,
        mut fold: Fold<T>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let (this, scope) = (self.clone(), scope.to_vec());
        Box::pin(async move {
            let first = this.attempt(&scope, mode, &mut fold, false)?;
            let Some(value) = first else {
                let second = this.attempt(&scope, mode, &mut fold, true)?;
                return second.ok_or_else(|| StoreError::backend("the key or an id is there already"));
            };
            Ok(value)
        })
    }

    /// One transaction; nothing when it was refused for a key or an id.
    fn attempt<T>(
        &self,
        scope: &[Store],
        mode: Mode,
        fold: &mut Fold<T>,
        again: bool,
    ) -> Result<Option<T>, StoreError> {
        let mut content = self.disk.content();
        if content.incarnation != self.incarnation {
            return Err(StoreError::Closed);
        }
        let mut changed = content.clone();
        let mut answers: Vec<Answer> = Vec::new();
        let mut coming: VecDeque<Answer> = VecDeque::new();
        let mut sealed = false;
        loop {
            let mut plan = Plan::default();
            let step = fold(Seen { answers: &answers, again }, &mut plan)?;
            let mut additions = 0;
            for request in plan.0 {
                assert!(!sealed, "a request after the seal");
                additions += usize::from(matches!(request, Request::Add(_)));
                match changed.perform(scope, mode, request) {
                    Ok(answer) => coming.extend(answer),
                    Err(Constraint) => return Ok(None),
                }
            }
            match step {
                Step::Each => answers.push(coming.pop_front().expect("it waits for something")),
                Step::More => {
                    assert!(!coming.is_empty(), "waits for nothing");
                    answers.extend(coming.drain(..));
                }
                Step::Seal => {
                    assert!((coming.len(), additions) == (1, 1), "sealed with more than one");
                    answers.extend(coming.drain(..));
                    sealed = true;
                }
                Step::Done(value) => {
                    *content = changed;
                    return Ok(Some(value));
                }
            }
        }
    }
}

impl Content {
    fn perform(
        &mut self,
        scope: &[Store],
        mode: Mode,
        request: Request,
    ) -> Result<Option<Answer>, Constraint> {
        let store = match &request {
            Request::Add(_) | Request::Put(_) => Store::Commands,
            Request::Read { store, .. } | Request::Text { store, .. } | Request::Delete { store, .. } => {
                *store
            }
        };
        assert!(scope.contains(&store), "{store:?} is not of the transaction");
        assert!(mode != Mode::Read || matches!(request, Request::Read { .. }), "a write in a read");
        match request {
            Request::Read { want, store, index, from, to, limit } => {
                assert!(from <= to, "no range");
                return Ok(Some(self.read(want, store, index, &(from, to), limit as usize)));
            }
            Request::Add(row) => return self.add(row).map(Some),
            Request::Put(row) => {
                self.check_ids(&row)?;
                self.commands.insert(row.key, row);
            }
            Request::Text { store, name, text } => _ = self.texts.insert((store, name), text),
            Request::Delete { store: Store::Commands, from, to } => {
                self.commands.retain(|key, _| !within(&(from.clone(), to.clone()), &Key::Number(*key)));
            }
            Request::Delete { store, from, to } => self.texts.retain(|(of, name), _| {
                *of != store || !within(&(from.clone(), to.clone()), &Key::Text(name.clone()))
            }),
        }
        Ok(None)
    }

    fn add(&mut self, mut row: NewRow) -> Result<Answer, Constraint> {
        if row.key == 0 {
            row.key = self.highest + 1;
        }
        if self.commands.contains_key(&row.key) {
            return Err(Constraint);
        }
        self.check_ids(&row)?;
        self.highest = self.highest.max(row.key);
        let answer = Row { key: row.key, text: String::new(), size: 0 };
        self.commands.insert(row.key, row);
        Ok(vec![answer])
    }

    fn check_ids(&self, row: &NewRow) -> Result<(), Constraint> {
        let new: BTreeSet<&str> = row.ids.lines().collect();
        let mut others = self.commands.values().filter(|other| other.key != row.key);
        let known = others.any(|other| other.ids.lines().any(|id| new.contains(id)));
        if known { Err(Constraint) } else { Ok(()) }
    }

    fn read(&self, want: Want, store: Store, index: Index, range: &(Key, Key), limit: usize) -> Answer {
        let mut found = self.entries(store, index);
        found.retain(|(key, _)| within(range, key));
        let last = found.pop();
        let row = |(_, row): (Key, Row)| row;
        match want {
            Want::Rows => found.into_iter().chain(last).map(row).take(limit).collect(),
            Want::Keys => {
                let keys = found.into_iter().chain(last).take(limit).map(row);
                keys.map(|row| Row { text: String::new(), size: 0, ..row }).collect()
            }
            Want::LastRow => last.into_iter().map(row).collect(),
            Want::LastKey => last
                .into_iter()
                .map(|(key, row)| {
                    let text = match key {
                        Key::Number(number) => number.to_string(),
                        Key::Text(text) => text,
                    };
                    Row { text, size: 0, ..row }
                })
                .collect(),
        }
    }

    /// What an index holds, in its order.
    fn entries(&self, store: Store, index: Index) -> Vec<(Key, Row)> {
        if store != Store::Commands {
            let texts = self.texts.iter().filter(|((of, _), _)| *of == store);
            let entry = |((_, name), text): (&(Store, String), &String)| {
                (Key::Text(name.clone()), Row { key: 0, text: text.clone(), size: 0 })
            };
            return texts.map(entry).collect();
        }
        let mut entries = Vec::new();
        for row in self.commands.values() {
            let keys: Vec<Key> = match index {
                Index::Primary => vec![Key::Number(row.key)],
                Index::Id => row.ids.lines().map(Key::from).collect(),
                Index::Touches => row.touches.lines().map(Key::from).collect(),
                Index::Parked => row.parked.then_some(Key::Number(1)).into_iter().collect(),
                Index::Versions => version_keys(&row.versions),
            };
            let unique: BTreeSet<Key> = keys.into_iter().collect();
            let found = Row { key: row.key, text: row.body.clone(), size: size(row) };
            entries.extend(unique.into_iter().map(|key| (key, found.clone())));
        }
        entries.sort_by(|(a, one), (b, other)| (a, one.key).cmp(&(b, other.key)));
        entries
    }
}

/// How many commands a row is about.
fn size(row: &NewRow) -> usize {
    if row.ids.is_empty() { row.body.lines().count() - 1 } else { row.ids.lines().count() }
}

fn within((from, to): &(Key, Key), key: &Key) -> bool {
    from <= key && key <= to
}

fn version_keys(lines: &str) -> Vec<Key> {
    lines.lines().map(Key::from).collect()
}
