use js_sys::{Function, Object, Promise, Reflect};
use offline_core::Engine;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::AbortController;

use crate::global::{Global, LockManager};

/// The Web Lock of a partition, held or waited for. The browser gives it to the next tab when this one ends, however it ends.
pub(crate) struct Leadership {
    /// Ends the wait.
    abort: AbortController,
    /// Gives the lock back.
    give_back: Function,
    _granted: Closure<dyn FnMut(JsValue) -> Promise>,
}

/// The locks of this browser; none on pages that are not secure, where the lease alone decides.
pub(crate) fn lock_manager() -> Option<LockManager> {
    Global::browser()?.locks()
}

impl Leadership {
    /// Asks for the lock, and promotes the engine when it is there.
    pub(crate) fn seek(locks: &LockManager, name: &str, engine: Engine) -> Result<Self, JsValue> {
        let abort = AbortController::new()?;
        let mut give_back = None;
        let held = Promise::new(&mut |resolve, _| give_back = Some(resolve));
        let granted = Closure::<dyn FnMut(JsValue) -> Promise>::new(move |_| {
            engine.promote();
            held.clone()
        });
        let options = Object::new();
        Reflect::set(&options, &"signal".into(), &abort.signal())?;
        let request = locks.request(name, &options, granted.as_ref().unchecked_ref())?;
        spawn_local(async move {
            // Rejected when the wait was ended, or the lock stolen; then the lease's fence guards the store.
            let _ = JsFuture::from(request).await;
        });
        let give_back = give_back.ok_or(JsValue::UNDEFINED)?;
        Ok(Self { abort, give_back, _granted: granted })
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.abort.abort();
        let _ = self.give_back.call0(&JsValue::UNDEFINED);
    }
}
