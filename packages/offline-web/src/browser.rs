//! What `browser.js` does for the engine.

use offline_protocol::joined;
use wasm_bindgen::{JsValue, prelude::*};

use crate::task::Answer;

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    type Pending;

    #[wasm_bindgen(method, getter)]
    fn answer(this: &Pending) -> JsValue;

    #[wasm_bindgen(method)]
    fn stop(this: &Pending);

    fn exchange(
        url: &str,
        header: &str,
        revision: u32,
        authorization: &str,
        body: &[u8],
        patience: f64,
    ) -> Pending;

    fn timer(millis: f64) -> Pending;

    #[wasm_bindgen(js_name = nextTask)]
    fn task() -> JsValue;

    #[wasm_bindgen(js_name = hasLocks)]
    pub(crate) fn has_locks() -> bool;

    fn lock(name: &str, granted: &Closure<dyn Fn()>) -> Pending;

    /// The other tabs of a partition.
    pub(crate) type Channel;

    pub(crate) fn channel(name: &str, heard: &Closure<dyn Fn(String, String)>) -> Option<Channel>;

    /// Adds to the next message.
    #[wasm_bindgen(method)]
    pub(crate) fn add(this: &Channel, kind: &str, text: &str);

    /// Sends it.
    #[wasm_bindgen(method)]
    pub(crate) fn flush(this: &Channel);

    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Channel);

    /// Random bytes from the browser's cryptographic source.
    pub(crate) fn random(length: u32) -> Vec<u8>;

    /// Whether the browser is sure that there is no network.
    #[wasm_bindgen(js_name = isOffline)]
    pub(crate) fn is_offline() -> bool;
}

#[wasm_bindgen]
extern "C" {
    /// Milliseconds since the epoch.
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    pub(crate) fn epoch_millis() -> f64;

    /// Milliseconds on a clock that does not jump.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn monotonic_millis() -> f64;

    /// The shortest decimal number that is nearest to this `f64`, as JavaScript writes it.
    #[wasm_bindgen(js_name = String)]
    fn decimal(number: f64) -> String;

    /// The `f64` that is nearest to a decimal number.
    #[wasm_bindgen(js_name = parseFloat)]
    pub(crate) fn parse_float(text: &str) -> f64;
}

/// A fraction as JSON that is read as a fraction again, though it may be whole.
pub(crate) fn fraction(number: f64) -> String {
    let text = decimal(number);
    if !text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        return text;
    }
    // The sign of zero is lost there.
    let sign = if number == 0.0 && number.is_sign_negative() { "-" } else { "" };
    joined![sign, text, ".0"]
}

/// Lets the page do whatever else it has to do, once. Timers wait longer than that, in tabs that nobody sees very much longer.
pub(crate) async fn next_task() {
    Answer::of(&task()).await;
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
        Self(exchange(url, revision.0, revision.1, authorization, body.as_bytes(), patience))
    }

    pub(crate) fn timer(millis: f64) -> Self {
        Self(timer(millis))
    }

    pub(crate) fn lock(name: &str, granted: &Closure<dyn Fn()>) -> Self {
        Self(lock(name, granted))
    }

    /// Comes when it is over, unless it is stopped.
    pub(crate) fn answer(&self) -> Answer {
        Answer::of(&self.0.answer())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}
