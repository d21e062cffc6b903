use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use js_sys::Function;
use wasm_bindgen::{JsCast, JsValue, prelude::*};
use web_sys::{IdbObjectStore, IdbRequest, IdbTransaction};

use super::DbError;

#[wasm_bindgen]
extern "C" {
    /// `IDBTransaction` with `commit`, which web-sys has deprecated for no reason that applies.
    type CommittableTransaction;

    #[wasm_bindgen(method, catch)]
    fn commit(this: &CommittableTransaction) -> Result<(), JsValue>;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Running,
    Complete,
    Aborted,
}

/// What the callbacks of a transaction share with its future. One task works on a transaction, so there is one waker.
struct Shared {
    waker: RefCell<Option<Waker>>,
    outcome: Cell<Outcome>,
}

impl Shared {
    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn wait<T>(&self, context: &Context<'_>) -> Poll<T> {
        *self.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

/// A transaction under way. Dropped before [`Transaction::commit`] it is aborted.
///
/// While it is under way nothing may be awaited but its own requests: it commits by itself when it has none.
pub(crate) struct Transaction {
    raw: IdbTransaction,
    shared: Rc<Shared>,
    _complete: Closure<dyn Fn()>,
    _abort: Closure<dyn Fn()>,
    committed: Cell<bool>,
}

impl Transaction {
    pub(super) fn new(raw: IdbTransaction) -> Self {
        let shared = Rc::new(Shared { waker: RefCell::new(None), outcome: Cell::new(Outcome::Running) });
        let callback = |outcome: Outcome| {
            let shared = Rc::clone(&shared);
            Closure::<dyn Fn()>::new(move || {
                shared.outcome.set(outcome);
                shared.wake();
            })
        };
        let (complete, abort) = (callback(Outcome::Complete), callback(Outcome::Aborted));
        raw.set_oncomplete(Some(function(&complete)));
        raw.set_onabort(Some(function(&abort)));
        let committed = Cell::new(false);
        Self { raw, shared, _complete: complete, _abort: abort, committed }
    }

    /// One of the stores that the transaction was begun on.
    pub(crate) fn store(&self, name: &str) -> Result<IdbObjectStore, DbError> {
        self.raw.object_store(name).map_err(DbError::thrown)
    }

    /// A request's answer to come. Ask first, await later: requests are answered in their order.
    pub(crate) fn pending(&self, request: Result<IdbRequest, JsValue>) -> Result<Pending<'_>, DbError> {
        let request = request.map_err(DbError::thrown)?;
        let answered = Rc::new(Cell::new(false));
        let on_success = {
            let (answered, shared) = (Rc::clone(&answered), Rc::clone(&self.shared));
            Closure::<dyn Fn()>::new(move || {
                answered.set(true);
                shared.wake();
            })
        };
        request.set_onsuccess(Some(function(&on_success)));
        Ok(Pending { request, transaction: self, answered, _on_success: on_success })
    }

    /// Asks for the end: call it after the last request, before their answers.
    pub(crate) fn seal(&self) {
        self.committed.set(true);
        // It may have ended by itself meanwhile, which `commit` finds out.
        let _ = self.raw.unchecked_ref::<CommittableTransaction>().commit();
    }

    /// Resolves when the transaction is complete, that is durable as far as it was asked to be.
    pub(crate) async fn commit(self) -> Result<(), DbError> {
        if !self.committed.get() {
            self.seal();
        }
        poll_fn(|context| match self.shared.outcome.get() {
            Outcome::Running => self.shared.wait(context),
            Outcome::Complete => Poll::Ready(Ok(())),
            Outcome::Aborted => Poll::Ready(Err(self.error())),
        })
        .await
    }

    fn error(&self) -> DbError {
        DbError::of(self.raw.error())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.raw.set_oncomplete(None);
        self.raw.set_onabort(None);
        if !self.committed.get() && self.shared.outcome.get() == Outcome::Running {
            let _ = self.raw.abort();
        }
    }
}

/// The answer to a request.
pub(crate) struct Pending<'t> {
    request: IdbRequest,
    transaction: &'t Transaction,
    /// Whether its event has come: WebKit calls a request done before that, when the transaction is not active.
    answered: Rc<Cell<bool>>,
    _on_success: Closure<dyn Fn()>,
}

impl Pending<'_> {
    /// Waits for the next answer of a cursor.
    pub(crate) async fn next(&mut self) -> Result<JsValue, DbError> {
        poll_fn(|context| self.poll_answer(context)).await
    }

    fn poll_answer(&self, context: &Context<'_>) -> Poll<Result<JsValue, DbError>> {
        let shared = &self.transaction.shared;
        if shared.outcome.get() == Outcome::Aborted {
            return Poll::Ready(Err(self.transaction.error()));
        }
        let answered = self.answered.replace(false);
        match self.request.result() {
            Ok(answer) if answered => Poll::Ready(Ok(answer)),
            _ => shared.wait(context),
        }
    }
}

impl Future for Pending<'_> {
    type Output = Result<JsValue, DbError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_answer(context)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        // A callback that is gone would throw, and a throwing callback aborts the transaction.
        self.request.set_onsuccess(None);
    }
}

fn function(closure: &Closure<dyn Fn()>) -> &Function {
    closure.as_ref().unchecked_ref()
}
