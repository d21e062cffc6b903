use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use js_sys::{Array, Object};
use offline_core::{BoxFuture, Durability, StoreError};
use tokio::sync::{Mutex, oneshot};
use wasm_bindgen::{JsCast, JsValue, prelude::*};
use wasm_bindgen_futures::spawn_local;
use web_sys::{Event, IdbDatabase, IdbOpenDbRequest, IdbTransaction, IdbVersionChangeEvent};

use super::{DbError, Failure, Transaction};
use crate::global::Global;

/// How often a dead handle is replaced before its error is reported.
const REOPENS: u32 = 3;

/// How a database is laid out.
pub(crate) struct Schema {
    /// The newest version.
    pub(crate) version: u32,
    /// Brings a database of an older version (0: a new one) to the newest.
    pub(crate) upgrade: fn(&IdbDatabase, &IdbTransaction, u32) -> Result<(), JsValue>,
    /// Tells one incarnation of a database from the next one of its name.
    pub(crate) identify: fn(Transaction) -> BoxFuture<'static, Result<String, DbError>>,
    /// The stores that `identify` reads.
    pub(crate) identity_scope: &'static [&'static str],
}

/// What a transaction may do.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    /// Read.
    Read,
    /// Write.
    Write(Durability),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Liveness {
    Open,
    /// The browser took it away, or it made room for an upgrade: open another one.
    Lost,
    /// The database was deleted.
    Deleted,
}

struct Handle {
    raw: IdbDatabase,
    liveness: Rc<Cell<Liveness>>,
    _closures: [Closure<dyn FnMut(Event)>; 2],
}

/// A database that stays the same one although its handles may die.
///
/// Once it has been deleted, by whomever, it is closed for ever: a database of the same name is another one.
#[derive(Clone)]
pub(crate) struct Database(Rc<Inner>);

struct Inner {
    name: String,
    schema: Schema,
    handle: RefCell<Option<Rc<Handle>>>,
    identity: RefCell<Option<String>>,
    closed: Cell<bool>,
    opening: Mutex<()>,
}

/// What is done in a transaction, behind a pointer: the machinery around it is large and compiled once.
trait Work {
    fn run<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), Failure>>;
}

struct Job<F, T> {
    work: F,
    value: RefCell<Option<T>>,
}

impl<F: AsyncFn(&Transaction) -> Result<T, Failure>, T> Work for Job<F, T> {
    fn run<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let value = (self.work)(transaction).await?;
            self.value.replace(Some(value));
            Ok(())
        })
    }
}

#[wasm_bindgen]
extern "C" {
    /// `IDBDatabase` with the durability option, which web-sys has only as unstable.
    type DurableDatabase;

    #[wasm_bindgen(method, catch)]
    fn transaction(
        this: &DurableDatabase,
        stores: &Array,
        mode: &str,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;
}

impl Database {
    /// Names a database; it is opened when it is first used.
    pub(crate) fn new(name: String, schema: Schema) -> Self {
        Self(Rc::new(Inner {
            name,
            schema,
            handle: RefCell::new(None),
            identity: RefCell::new(None),
            closed: Cell::new(false),
            opening: Mutex::new(()),
        }))
    }

    /// Opens it if it is not open, and tells its identity.
    pub(crate) async fn open(&self) -> Result<String, StoreError> {
        self.handle().await?;
        self.0.identity.borrow().clone().ok_or(StoreError::Closed)
    }

    /// Performs one transaction: what `work` wrote is there when this resolves with `Ok`, else nothing of it. `work` may be called several
    /// times, each time with a fresh transaction, when a handle turns out to be dead.
    pub(crate) async fn transact<T>(
        &self,
        stores: &[&str],
        mode: Mode,
        work: impl AsyncFn(&Transaction) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let job = Job { work, value: RefCell::new(None) };
        self.perform(stores, mode, &job).await?;
        Ok(job.value.take().expect("BUG: work that succeeds has a value"))
    }

    fn perform<'a>(
        &'a self,
        stores: &'a [&'a str],
        mode: Mode,
        work: &'a dyn Work,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let mut reopens = 0;
            loop {
                match self.attempt(stores, mode, work).await {
                    Err(Failure::Db(error)) if error.is_dead_handle() && reopens < REOPENS => {
                        reopens += 1;
                        self.forget_handle();
                    }
                    result => return result,
                }
            }
        })
    }

    async fn attempt(&self, stores: &[&str], mode: Mode, work: &dyn Work) -> Result<(), Failure> {
        let handle = self.handle().await?;
        let transaction = handle.begin(stores, mode)?;
        work.run(&transaction).await?;
        match mode {
            Mode::Read => drop(transaction),
            Mode::Write(_) => transaction.commit().await?,
        }
        Ok(())
    }

    /// Gives the handle back. The next use opens another one.
    pub(crate) fn forget_handle(&self) {
        if let Some(handle) = self.0.handle.take() {
            handle.raw.close();
        }
    }

    /// Closes it for ever.
    pub(crate) fn close(&self) {
        self.0.closed.set(true);
        self.forget_handle();
    }

    /// Deletes it. Other openers are told and give up their handles; one that is frozen cannot, and is not waited for.
    pub(crate) async fn delete(&self) -> Result<(), StoreError> {
        self.close();
        let factory = Global::indexed_db()?;
        let request = factory.delete_database(&self.0.name).map_err(DbError::thrown)?;
        match answer(request, None).await {
            Ok(_) | Err(Unopened::Blocked) => Ok(()),
            Err(Unopened::Failed(error)) => Err(error.into()),
        }
    }

    async fn handle(&self) -> Result<Rc<Handle>, Failure> {
        loop {
            if let Some(handle) = self.current()? {
                return Ok(handle);
            }
            let _one_at_a_time = self.0.opening.lock().await;
            if self.current()?.is_none() {
                self.open_detached().await?;
            }
        }
    }

    /// The handle, when it is alive.
    fn current(&self) -> Result<Option<Rc<Handle>>, StoreError> {
        let handle = self.0.handle.borrow().clone();
        match handle.as_ref().map(|handle| handle.liveness.get()) {
            Some(Liveness::Deleted) => self.close(),
            Some(Liveness::Lost) => self.forget_handle(),
            Some(Liveness::Open) if !self.0.closed.get() => return Ok(handle),
            Some(Liveness::Open) | None => {}
        }
        if self.0.closed.get() { Err(StoreError::Closed) } else { Ok(None) }
    }

    /// Opens in a task of its own: a connection whose opener has gone away would stay open, unseen.
    async fn open_detached(&self) -> Result<(), Failure> {
        let (sender, receiver) = oneshot::channel();
        let this = self.clone();
        spawn_local(async move {
            // Nobody may wait for it any more.
            let _ = sender.send(this.open_now().await);
        });
        receiver.await.map_err(|_| StoreError::Closed)?
    }

    async fn open_now(&self) -> Result<(), Failure> {
        let schema = &self.0.schema;
        let known = self.0.identity.borrow().clone();
        let request =
            Global::indexed_db()?.open_with_u32(&self.0.name, schema.version).map_err(DbError::thrown)?;
        let is_new = Rc::new(Cell::new(false));
        let upgrade = upgrading(schema.upgrade, known.is_some(), Rc::clone(&is_new));
        let opened = answer(request, Some(&upgrade)).await;
        let raw: IdbDatabase = match opened {
            Ok(raw) => raw.unchecked_into(),
            // It was there before and is gone: wiped by another tab, or evicted by the browser.
            Err(_) if known.is_some() && is_new.get() => {
                self.close();
                return Err(StoreError::Closed.into());
            }
            Err(Unopened::Failed(error)) if error.is_too_new() => {
                return Err(
                    StoreError::TooNew { found: self.stored_version().await, known: schema.version }.into()
                );
            }
            Err(Unopened::Failed(error)) => return Err(error.into()),
            Err(Unopened::Blocked) => return Err(DbError::named("BlockedError").into()),
        };
        let handle = Rc::new(Handle::new(raw));
        let identity = (schema.identify)(handle.begin(schema.identity_scope, Mode::Read)?).await?;
        if known.is_some_and(|known| known != identity) {
            handle.raw.close();
            self.close();
            return Err(StoreError::Closed.into());
        }
        *self.0.identity.borrow_mut() = Some(identity);
        *self.0.handle.borrow_mut() = Some(handle);
        Ok(())
    }

    /// The version of a database that is newer than this program; 0 when it cannot be learnt.
    async fn stored_version(&self) -> u32 {
        let Ok(Ok(request)) = Global::indexed_db().map(|factory| factory.open(&self.0.name)) else {
            return 0;
        };
        match answer(request, None).await {
            Ok(raw) => {
                let raw: IdbDatabase = raw.unchecked_into();
                raw.close();
                raw.version() as u32
            }
            Err(_) => 0,
        }
    }
}

impl Handle {
    fn new(raw: IdbDatabase) -> Self {
        let liveness = Rc::new(Cell::new(Liveness::Open));
        let lost = Rc::clone(&liveness);
        let on_close = Closure::<dyn FnMut(Event)>::new(move |_| lost.set(Liveness::Lost));
        let (database, changed) = (raw.clone(), Rc::clone(&liveness));
        let on_version_change = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            let event: IdbVersionChangeEvent = event.unchecked_into();
            changed.set(if event.new_version().is_none() { Liveness::Deleted } else { Liveness::Lost });
            database.close();
        });
        raw.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        raw.set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
        Self { raw, liveness, _closures: [on_close, on_version_change] }
    }

    fn begin(&self, stores: &[&str], mode: Mode) -> Result<Transaction, DbError> {
        let names: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        let (mode, durability) = match mode {
            Mode::Read => ("readonly", "default"),
            Mode::Write(Durability::Relaxed) => ("readwrite", "relaxed"),
            Mode::Write(Durability::Strict) => ("readwrite", "strict"),
        };
        let options = Object::new();
        // Setting a property of a plain object cannot fail.
        let _ = js_sys::Reflect::set(&options, &"durability".into(), &durability.into());
        let database: &DurableDatabase = self.raw.unchecked_ref();
        database.transaction(&names, mode, &options).map(Transaction::new).map_err(DbError::thrown)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.raw.set_onclose(None);
        self.raw.set_onversionchange(None);
        self.raw.close();
    }
}

/// Why a request to open or delete has no answer.
enum Unopened {
    Failed(DbError),
    /// Another connection does not let go.
    Blocked,
}

type OnUpgrade = Closure<dyn FnMut(Event)>;

/// The handler of `upgradeneeded`. A database that should have been there is not made anew.
fn upgrading(
    upgrade: fn(&IdbDatabase, &IdbTransaction, u32) -> Result<(), JsValue>,
    must_exist: bool,
    is_new: Rc<Cell<bool>>,
) -> OnUpgrade {
    Closure::new(move |event: Event| {
        let event: IdbVersionChangeEvent = event.unchecked_into();
        let Some(request) = event.target().map(JsCast::unchecked_into::<IdbOpenDbRequest>) else { return };
        let (Ok(database), Some(transaction)) = (request.result(), request.transaction()) else { return };
        let old = event.old_version() as u32;
        is_new.set(old == 0);
        let upgraded = if must_exist && old == 0 {
            Err(JsValue::NULL)
        } else {
            upgrade(database.unchecked_ref(), &transaction, old)
        };
        if upgraded.is_err() {
            let _ = transaction.abort();
        }
    })
}

/// Waits for a request to open or delete. Opening waits for other connections to let go, deleting (which has no `upgrade`) does not.
async fn answer(request: IdbOpenDbRequest, upgrade: Option<&OnUpgrade>) -> Result<JsValue, Unopened> {
    let (sender, receiver) = oneshot::channel();
    let sender = Rc::new(RefCell::new(Some(sender)));
    let callback = |blocked: bool| {
        let sender = Rc::clone(&sender);
        Closure::<dyn FnMut()>::new(move || {
            if let Some(sender) = sender.borrow_mut().take() {
                let _ = sender.send(blocked);
            }
        })
    };
    let (done, blocked) = (callback(false), callback(true));
    request.set_onsuccess(Some(done.as_ref().unchecked_ref()));
    request.set_onerror(Some(done.as_ref().unchecked_ref()));
    match upgrade {
        Some(upgrade) => request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref())),
        None => request.set_onblocked(Some(blocked.as_ref().unchecked_ref())),
    }
    let was_blocked = receiver.await.unwrap_or(false);
    request.set_onsuccess(None);
    request.set_onerror(None);
    request.set_onblocked(None);
    request.set_onupgradeneeded(None);
    if was_blocked {
        return Err(Unopened::Blocked);
    }
    match (request.error(), request.result()) {
        (Ok(None), Ok(result)) => Ok(result),
        (Ok(error), _) => Err(Unopened::Failed(DbError::of(error))),
        (Err(thrown), _) => Err(Unopened::Failed(DbError::thrown(thrown))),
    }
}
