use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use offline_core::{BoxFuture, StoreError};
use offline_protocol::{Fractions, joined, use_fractions, whole_number};
use wasm_bindgen::{JsCast, JsValue, prelude::*};

use super::{Answer, Fold, Key, Mode, NewRow, Plan, Request, Row, Seen, Step, Store};
use crate::{
    browser::{fraction, parse_float},
    ids::random_bytes,
    task,
    words::cut,
};

type OnStep = dyn Fn(bool, List, List) -> u32;

#[wasm_bindgen]
extern "C" {
    /// An array.
    #[wasm_bindgen(typescript_type = "unknown[]")]
    type List;

    #[wasm_bindgen(method, getter)]
    fn length(this: &List) -> u32;

    #[wasm_bindgen(method, indexing_getter)]
    fn at(this: &List, place: u32) -> JsValue;
}

#[wasm_bindgen(module = "/src/idb/driver.js")]
extern "C" {
    #[wasm_bindgen(js_name = Database)]
    type Raw;

    #[wasm_bindgen(constructor, js_class = "Database")]
    fn new(name: &str, new_identity: &str) -> Raw;
    #[wasm_bindgen(method, getter)]
    fn identity(this: &Raw) -> String;
    #[wasm_bindgen(method)]
    fn open(this: &Raw) -> JsValue;
    #[wasm_bindgen(method)]
    fn transact(this: &Raw, scope: u32, durability: &str, step: &Closure<OnStep>) -> JsValue;
    #[wasm_bindgen(method)]
    fn close(this: &Raw);
    #[wasm_bindgen(method)]
    fn delete(this: &Raw) -> JsValue;

    fn read(todo: &List, want: u32, store: u32, index: u32, from: JsValue, to: JsValue, limit: u32);
    #[expect(clippy::too_many_arguments, reason = "the fields of a row, which cross one by one")]
    fn write(
        todo: &List,
        is_new: bool,
        key: f64,
        ids: &str,
        touches: &str,
        versions: &str,
        parked: bool,
        body: &str,
    );
    fn text(todo: &List, store: u32, name: &str, text: &str);
    fn remove(todo: &List, store: u32, from: JsValue, to: JsValue);
}

/// A database of the browser. Clones share the handle.
#[derive(Clone)]
pub(crate) struct Database(Rc<Raw>);

impl Database {
    /// Names a database; it is opened, and made if need be, when it is first used.
    pub(crate) fn new(name: &str) -> Self {
        // Nothing is written before a database has a name.
        use_fractions(Fractions { read: parse_float, write: fraction });
        let identity = joined![uuid::Builder::from_random_bytes(random_bytes()).into_uuid()];
        Self(Rc::new(Raw::new(name, &identity)))
    }

    /// Opens it if it is not open, and tells what was made with it and tells it from the next one of its name.
    pub(crate) async fn identity(&self) -> Result<String, StoreError> {
        ended(&self.0.open()).await?;
        Ok(self.0.identity())
    }

    /// Closes it for ever.
    pub(crate) fn close(&self) {
        self.0.close();
    }

    /// Deletes it.
    pub(crate) async fn delete(&self) -> Result<(), StoreError> {
        ended(&self.0.delete()).await
    }

    /// Lets a fold work on one transaction: what it wrote is there when this resolves with `Ok`, else nothing of it.
    pub(crate) fn run<T: Unpin + 'static>(
        &self,
        scope: &[Store],
        mode: Mode,
        mut fold: Fold<T>,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let told = Rc::new(RefCell::new(None));
        let tell = Rc::clone(&told);
        let step = move |seen: Seen<'_>, plan: &mut Plan| {
            Ok(match fold(seen, plan)? {
                Step::Each => Step::Each,
                Step::More => Step::More,
                Step::Seal => Step::Seal,
                Step::Done(value) => {
                    *tell.borrow_mut() = Some(value);
                    Step::Done(())
                }
            })
        };
        Box::pin(Told { ended: self.perform(scope, mode, Box::new(step)), told })
    }

    /// Compiled once, whatever comes of it.
    fn perform(
        &self,
        scope: &[Store],
        mode: Mode,
        fold: Fold<()>,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let scope = scope.iter().fold(0, |scope, store| scope | 1 << *store as u32);
        let durability = match mode {
            Mode::Read => "",
            Mode::Relaxed => "relaxed",
            Mode::Strict => "strict",
        };
        let refused = Rc::new(RefCell::new(None));
        let refuse = Rc::clone(&refused);
        let state = RefCell::new((fold, Vec::<Answer>::new()));
        let on_step = Closure::<OnStep>::new(move |again: bool, told: List, todo: List| {
            let (fold, answers) = &mut *state.borrow_mut();
            if told.length() == 0 {
                answers.clear();
                refuse.take();
            }
            answers.extend((0..told.length()).map(|place| read_answer(told.at(place).unchecked_ref())));
            let mut plan = Plan::default();
            let end = match fold(Seen { answers, again }, &mut plan) {
                Ok(Step::Each) => 0,
                Ok(Step::More) => 1,
                Ok(Step::Seal) => 2,
                Ok(Step::Done(())) => 3,
                Err(error) => {
                    *refuse.borrow_mut() = Some(error);
                    4
                }
            };
            plan.0.into_iter().for_each(|request| hand_over(&todo, request));
            end
        });
        let raw = Rc::clone(&self.0);
        Box::pin(async move {
            let ended = ended(&raw.transact(scope, durability, &on_step)).await;
            refused.take().map_or(ended, Err)
        })
    }
}

/// What a fold told, once its transaction has ended well. Written by hand, for it is compiled for each kind of result.
struct Told<T> {
    ended: BoxFuture<'static, Result<(), StoreError>>,
    told: Rc<RefCell<Option<T>>>,
}

impl<T: Unpin> Future for Told<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(ended) = self.ended.as_mut().poll(context) else { return Poll::Pending };
        Poll::Ready(ended.and_then(|()| self.told.take().ok_or_else(no_answer)))
    }
}

fn no_answer() -> StoreError {
    StoreError::backend("IndexedDB: no answer")
}

/// Waits for what the driver says of an end.
async fn ended(promise: &JsValue) -> Result<(), StoreError> {
    // The driver catches everything itself.
    let said = task::Answer::of(promise).await.as_string().unwrap_or_default();
    match said.as_str() {
        "" => Ok(()),
        "Closed" => Err(StoreError::Closed),
        "QuotaExceededError" => Err(StoreError::Full),
        _ => match said.strip_prefix("TooNew ").and_then(|versions| cut(versions, b' ')) {
            Some((found, known)) => {
                let version = |text: &str| whole_number(text).unwrap_or_default() as u32;
                Err(StoreError::TooNew { found: version(found), known: version(known) })
            }
            // Its exception's name says all that is to be known.
            None => Err(StoreError::backend(&joined!["IndexedDB: ", said])),
        },
    }
}

/// An answer crosses as a flat list: key, text and size of each row.
fn read_answer(flat: &List) -> Answer {
    let number = |place: u32| flat.at(place).as_f64().unwrap_or_default();
    let row = |place: u32| Row {
        key: number(place) as i64,
        text: flat.at(place + 1).as_string().unwrap_or_default(),
        size: number(place + 2) as usize,
    };
    (0..flat.length() / 3).map(|place| row(place * 3)).collect()
}

fn hand_over(todo: &List, request: Request) {
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

fn write_row(todo: &List, is_new: bool, row: &NewRow) {
    let NewRow { key, ids, touches, versions, parked, body } = row;
    write(todo, is_new, *key as f64, ids, touches, versions, *parked, body);
}

fn value(key: Key) -> JsValue {
    match key {
        Key::Number(number) => JsValue::from_f64(number as f64),
        Key::Text(text) => JsValue::from_str(&text),
    }
}
