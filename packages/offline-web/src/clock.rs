use std::{cell::RefCell, rc::Rc, time::Duration};

use offline_core::{BoxFuture, Clock};
use offline_protocol::Timestamp;
use tokio::sync::oneshot;
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};

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
struct Timer {
    id: JsValue,
    fired: oneshot::Receiver<()>,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    async fn start(millis: f64) {
        let (sender, fired) = oneshot::channel();
        let sender = Rc::new(RefCell::new(Some(sender)));
        let callback = Closure::<dyn FnMut()>::new(move || {
            if let Some(sender) = sender.borrow_mut().take() {
                let _ = sender.send(());
            }
        });
        // Timers may fire a little early.
        let id = Global::get().set_timeout(callback.as_ref().unchecked_ref(), millis.ceil());
        let mut timer = Self { id, fired, _callback: callback };
        let _ = (&mut timer.fired).await;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        Global::get().clear_timeout(&self.id);
    }
}
