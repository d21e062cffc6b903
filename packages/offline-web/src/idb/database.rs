use std::{cell::RefCell, rc::Rc};

use js_sys::{Array, Promise};
use offline_core::{BoxFuture, StoreError};
use wasm_bindgen::{JsCast, JsValue, prelude::*};
use wasm_bindgen_futures::JsFuture;

use super::{Answer, Fold, Key, Mode, NewRow, Plan, Request, Row, Seen, Step, Store};
use crate::global::Global;

type OnStep = dyn FnMut(bool, Array, Array) -> u32;

#[wasm_bindgen(module = "/src/idb/driver.js")]
extern "C" {
    #[wasm_bindgen(js_name = Database)]
    type Raw;

    #[wasm_bindgen(constructor, js_class = "Database")]
    fn new(name: &str, new_identity: &str) -> Raw;
    #[wasm_bindgen(method, getter)]
    fn identity(this: &Raw) -> String;
    #[wasm_bindgen(method)]
    fn open(this: &Raw) -> Promise;
    #[wasm_bindgen(method)]
    fn transact(this: &Raw, scope: u32, durability: &str, step: &Closure<OnStep>) -> Promise;
    #[wasm_bindgen(method)]
    fn close(this: &Raw);
    #[wasm_bindgen(method)]
    fn delete(this: &Raw) -> Promise;

    fn read(todo: &Array, want: u32, store: u32, index: u32, from: JsValue, to: JsValue, limit: u32);
    #[expect(clippy::too_many_arguments, reason = "the fields of a row, which cross one by one")]
    fn write(
        todo: &Array,
        is_new: bool,
        key: f64,
        ids: &str,
        touches: &str,
        versions: &str,
        parked: bool,
        body: &str,
    );
    fn text(todo: &Array, store: u32, name: &str, text: &str);
    fn remove(todo: &Array, store: u32, from: JsValue, to: JsValue);
}

/// A database of the browser. Clones share the handle.
#[derive(Clone)]
pub(crate) struct Database(Rc<Raw>);

/// How IndexedDB failed: its exception's name, which says all that is to be known.
#[derive(Debug, thiserror::Error)]
#[error("IndexedDB: {0}")]
struct DbError(String);

impl Database {
    /// Names a database; it is opened, and made if need be, when it is first used.
    pub(crate) fn new(name: &str) -> Self {
        let identity = uuid::Builder::from_random_bytes(Global::random_bytes()).into_uuid().to_string();
        Self(Rc::new(Raw::new(name, &identity)))
    }

    /// Opens it if it is not open, and tells what was made with it and tells it from the next one of its name.
    pub(crate) async fn identity(&self) -> Result<String, StoreError> {
        ended(self.0.open()).await?;
        Ok(self.0.identity())
    }

    /// Closes it for ever.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Deletes it.
    pub(crate) async fn delete(&self) -> Result<(), StoreError> {
        ended(self.0.delete()).await
    }

    /// Lets a fold work on one transaction: what it wrote is there when this resolves with `Ok`, else nothing of it.
    pub(crate) fn run<T: 'static>(
        &self,
        scope: &[Store],
        mode: Mode,
        mut fold: Fold<T>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let told = Rc::new(RefCell::new(None));
        let tell = Rc::clone(&told);
        let ended = self.perform(
            scope,
            mode,
            Box::new(move |seen, plan| match fold(seen, plan) {
                Ok(Step::More) => 0,
                Ok(Step::Seal) => 1,
                Ok(Step::Done(value)) => {
                    *tell.borrow_mut() = Some(Ok(value));
                    2
                }
                Err(error) => {
                    *tell.borrow_mut() = Some(Err(error));
                    3
                }
            }),
        );
        Box::pin(async move {
            let ended = ended.await;
            match (ended, told.take()) {
                (_, Some(Err(error))) => Err(error),
                (Ok(()), Some(Ok(value))) => Ok(value),
                (Ok(()), None) => Err(StoreError::Backend(Box::new(DbError("no answer".to_owned())))),
                (Err(error), _) => Err(error),
            }
        })
    }

    /// Compiled once, whatever comes of it.
    fn perform(
        &self,
        scope: &[Store],
        mode: Mode,
        mut step: Box<dyn FnMut(Seen<'_>, &mut Plan) -> u32>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let scope = scope.iter().fold(0, |scope, store| scope | 1 << *store as u32);
        let durability = match mode {
            Mode::Read => "",
            Mode::Relaxed => "relaxed",
            Mode::Strict => "strict",
        };
        let mut answers: Vec<Answer> = Vec::new();
        let on_step = Closure::<OnStep>::new(move |again: bool, told: Array, todo: Array| {
            if told.length() == 0 {
                answers.clear();
            }
            answers.extend(told.iter().map(|answer| read_answer(answer.unchecked_ref())));
            let mut plan = Plan::default();
            let end = step(Seen { answers: &answers, again }, &mut plan);
            plan.0.into_iter().for_each(|request| hand_over(&todo, request));
            end
        });
        let raw = Rc::clone(&self.0);
        Box::pin(async move { ended(raw.transact(scope, durability, &on_step)).await })
    }
}

/// Waits for what the driver says of an end.
async fn ended(promise: Promise) -> Result<(), StoreError> {
    // The driver catches everything itself.
    let said = JsFuture::from(promise).await.unwrap_or_default().as_string().unwrap_or_default();
    match said.as_str() {
        "" => Ok(()),
        "Closed" => Err(StoreError::Closed),
        "QuotaExceededError" => Err(StoreError::Full),
        _ => match said.strip_prefix("TooNew ").and_then(|versions| versions.split_once(' ')) {
            Some((found, known)) => {
                let version = |text: &str| text.parse().unwrap_or_default();
                Err(StoreError::TooNew { found: version(found), known: version(known) })
            }
            None => Err(StoreError::Backend(Box::new(DbError(said)))),
        },
    }
}

/// An answer crosses as a flat list: key, text and size of each row.
fn read_answer(flat: &Array) -> Answer {
    let number = |place: u32| flat.get(place).as_f64().unwrap_or_default();
    let row = |place: u32| Row {
        key: number(place) as i64,
        text: flat.get(place + 1).as_string().unwrap_or_default(),
        size: number(place + 2) as usize,
    };
    (0..flat.length() / 3).map(|place| row(place * 3)).collect()
}

fn hand_over(todo: &Array, request: Request) {
    match request {
        Request::Read { want, store, index, from, to, limit } => {
            read(todo, want as u32, store as u32, index as u32, value(from), value(to), limit);
        }
        Request::Add(row) => write_row(todo, true, &row),
        Request::Put(row) => write_row(todo, false, &row),
        Request::Text { store, name, text: content } => text(todo, store as u32, &name, &content),
        Request::Delete { store, from, to } => remove(todo, store as u32, value(from), value(to)),
    }
}

fn write_row(todo: &Array, is_new: bool, row: &NewRow) {
    let NewRow { key, ids, touches, versions, parked, body } = row;
    write(todo, is_new, *key as f64, ids, touches, versions, *parked, body);
}

fn value(key: Key) -> JsValue {
    match key {
        Key::Number(number) => JsValue::from_f64(number as f64),
        Key::Text(text) => JsValue::from_str(&text),
    }
}
