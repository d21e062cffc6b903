//! Futures on the page's one thread: each is polled in a microtask once it is woken, and waits for promises of the browser by number.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use offline_core::BoxFuture;
use wasm_bindgen::{JsValue, prelude::*};

use crate::error::PublicError;

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    fn hear(promise: &JsValue, id: u32, heard: &Closure<dyn Fn(u32, JsValue)>);

    /// A promise and what settles it.
    type Deferred;

    fn deferred() -> Deferred;

    #[wasm_bindgen(method, getter)]
    fn promise(this: &Deferred) -> JsValue;

    #[wasm_bindgen(method)]
    fn settle(this: &Deferred, is_good: bool, value: JsValue);
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn soon(run: &Closure<dyn Fn()>);
}

type Work = BoxFuture<'static, ()>;

#[derive(Default)]
struct Tasks {
    /// By number; without work while they are polled, and when they have ended.
    all: Vec<Task>,
    /// The numbers of those that have ended.
    free: Vec<usize>,
    woken: Vec<usize>,
}

struct Task {
    work: Option<Work>,
    waker: Waker,
    is_woken: bool,
}

thread_local! {
    static TASKS: RefCell<Tasks> = RefCell::default();
    static RUN: Closure<dyn Fn()> = Closure::new(run);
    static WAITS: RefCell<Waits> = RefCell::default();
    static HEARD: Closure<dyn Fn(u32, JsValue)> = Closure::new(heard);
}

/// Wakes the task of its number. A number is given anew when its task has ended; to be woken for another's sake does no harm.
struct Number(usize);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        wake(self.0);
    }
}

fn wake(number: usize) {
    let is_first = TASKS.with_borrow_mut(|tasks| {
        if std::mem::replace(&mut tasks.all[number].is_woken, true) {
            return false;
        }
        tasks.woken.push(number);
        tasks.woken.len() == 1
    });
    if is_first {
        RUN.with(soon);
    }
}

/// Polls what was woken. What is woken meanwhile has its turn in the next microtask.
fn run() {
    for number in TASKS.with_borrow_mut(|tasks| std::mem::take(&mut tasks.woken)) {
        let (work, waker) = TASKS.with_borrow_mut(|tasks| {
            let task = &mut tasks.all[number];
            task.is_woken = false;
            (task.work.take(), task.waker.clone())
        });
        let Some(mut work) = work else { continue };
        let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
        TASKS.with_borrow_mut(|tasks| match polled {
            Poll::Pending => tasks.all[number].work = Some(work),
            Poll::Ready(()) => tasks.free.push(number),
        });
    }
}

/// Begins with the next microtask, and goes on until it has ended.
pub(crate) fn spawn(work: Work) {
    let number = TASKS.with_borrow_mut(|tasks| {
        if let Some(number) = tasks.free.pop() {
            tasks.all[number].work = Some(work);
            return number;
        }
        let number = tasks.all.len();
        let waker = Waker::from(Arc::new(Number(number)));
        tasks.all.push(Task { work: Some(work), waker, is_woken: false });
        number
    });
    wake(number);
}

/// The promise of what comes of the work, which begins with the next microtask.
pub(crate) fn promised(work: BoxFuture<'static, Result<JsValue, PublicError>>) -> JsValue {
    let deferred = deferred();
    let promise = deferred.promise();
    spawn(Box::pin(async move {
        let (is_good, value) = match work.await {
            Ok(value) => (true, value),
            Err(error) => (false, error.into()),
        };
        deferred.settle(is_good, value);
    }));
    promise
}

#[derive(Default)]
struct Waits {
    next: u32,
    open: Vec<Wait>,
}

struct Wait {
    id: u32,
    waker: Option<Waker>,
    value: Option<JsValue>,
}

/// What a promise gives; `undefined` when it is rejected, and never else.
pub(crate) struct Answer(u32);

impl Answer {
    pub(crate) fn of(promise: &JsValue) -> Self {
        let id = WAITS.with_borrow_mut(|waits| {
            waits.next += 1;
            waits.open.push(Wait { id: waits.next, waker: None, value: None });
            waits.next
        });
        HEARD.with(|heard| hear(promise, id, heard));
        Self(id)
    }
}

/// Tells who waits for it, if he still does.
fn heard(id: u32, value: JsValue) {
    let waker = WAITS.with_borrow_mut(|waits| {
        let wait = waits.open.iter_mut().find(|wait| wait.id == id)?;
        wait.value = Some(value);
        wait.waker.take()
    });
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Future for Answer {
    type Output = JsValue;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JsValue> {
        WAITS.with_borrow_mut(|waits| {
            let wait = waits.open.iter_mut().find(|wait| wait.id == self.0);
            let wait = wait.expect("BUG: a wait is open until it is dropped");
            wait.waker = Some(context.waker().clone());
            wait.value.take().map_or(Poll::Pending, Poll::Ready)
        })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        WAITS.with_borrow_mut(|waits| waits.open.retain(|wait| wait.id != self.0));
    }
}
