use std::time::Duration;

use offline_core::{BoxFuture, Clock};
use offline_protocol::Timestamp;
use wasm_bindgen_futures::JsFuture;

use crate::{browser::Running, global::Global};

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
                // Timers may fire a little early. Nothing rejects them.
                let timer = Running::timer(left.min(LONGEST_TIMER_MILLIS).ceil());
                let _ = JsFuture::from(timer.answer()).await;
            }
        })
    }
}
