//! What `browser.js` does for the engine.

use js_sys::{Function, Promise};
use wasm_bindgen::{JsValue, prelude::*};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    type Pending;

    #[wasm_bindgen(method, getter)]
    fn answer(this: &Pending) -> Promise;

    #[wasm_bindgen(method)]
    fn stop(this: &Pending);

    fn exchange(
        url: &str,
        header: &str,
        revision: u32,
        authorization: &str,
        body: &str,
        patience: f64,
    ) -> Pending;

    fn timer(millis: f64) -> Pending;

    #[wasm_bindgen(js_name = nextTask)]
    fn task() -> Promise;

    #[wasm_bindgen(js_name = hasLocks)]
    pub(crate) fn has_locks() -> bool;

    #[wasm_bindgen(catch)]
    fn lock(name: &str, granted: &Function) -> Result<Pending, JsValue>;

    /// The other tabs of a partition.
    pub(crate) type Channel;

    pub(crate) fn channel(name: &str, heard: &Function) -> Option<Channel>;

    /// Adds to the next message.
    #[wasm_bindgen(method)]
    pub(crate) fn add(this: &Channel, kind: &str, text: &str);

    /// Sends it.
    #[wasm_bindgen(method)]
    pub(crate) fn flush(this: &Channel);

    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Channel);
}

/// Lets the page do whatever else it has to do, once. Timers wait longer than that, in tabs that nobody sees very much longer.
pub(crate) async fn next_task() {
    // Nothing rejects it.
    let _ = JsFuture::from(task()).await;
}

/// Something under way in the browser; dropping it stops it.
pub(crate) struct Running(Pending);

impl Running {
    pub(crate) fn exchange(
        url: &str,
        revision: (&str, u32),
        authorization: &str,
        body: &str,
        patience: f64,
    ) -> Self {
        Self(exchange(url, revision.0, revision.1, authorization, body, patience))
    }

    pub(crate) fn timer(millis: f64) -> Self {
        Self(timer(millis))
    }

    pub(crate) fn lock(name: &str, granted: &Function) -> Result<Self, JsValue> {
        lock(name, granted).map(Self)
    }

    /// Comes when it is over, unless it is stopped.
    pub(crate) fn answer(&self) -> Promise {
        self.0.answer()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}
