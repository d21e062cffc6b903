use std::time::Duration;

use js_sys::Promise;
use offline_core::{BoxFuture, Clock};
use offline_protocol::Timestamp;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::global::Global;

/// The longest single timer, one hour: what `setTimeout` cannot count is split, and a timer that a sleeping device delayed is looked at again.
const LONGEST_TIMER_MILLIS: f64 = 3_600_000.0;

/// The browser's clock and timers.
#[derive(Debug, Clone, Copy, Default)]
pub struct BrowserClock;

impl Clock for BrowserClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(js_sys::Date::now() as i64)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let end = Global::monotonic_millis() + span.as_secs_f64() * 1000.0;
            loop {
                let left = end - Global::monotonic_millis();
                if left <= 0.0 {
                    return;
                }
                Timer::start(left.min(LONGEST_TIMER_MILLIS)).await;
            }
        })
    }
}

/// One `setTimeout`; dropping it clears it.
struct Timer(JsValue);

impl Timer {
    async fn start(millis: f64) {
        let mut id = JsValue::UNDEFINED;
        // Timers may fire a little early.
        let fired = Promise::new(&mut |resolve, _| id = Global::get().set_timeout(&resolve, millis.ceil()));
        let _timer = Self(id);
        // Nothing rejects it.
        let _ = JsFuture::from(fired).await;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        Global::get().clear_timeout(&self.0);
    }
}
