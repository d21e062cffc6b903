use std::time::Duration;

use offline_core::{BoxFuture, Clock};
use offline_protocol::Timestamp;

use crate::browser::{Running, epoch_millis, monotonic_millis};

/// The longest single timer, one hour: what `setTimeout` cannot count is split, and a timer that a sleeping device delayed is looked at again.
const LONGEST_TIMER_MILLIS: f64 = 3_600_000.0;

/// The browser's clock and timers.
#[derive(Debug, Clone, Copy, Default)]
pub struct BrowserClock;

impl Clock for BrowserClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(epoch_millis() as i64)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let end = monotonic_millis() + span.as_secs_f64() * 1000.0;
            loop {
                let left = end - monotonic_millis();
                if left <= 0.0 {
                    return;
                }
                // Timers may fire a little early.
                Running::timer(left.min(LONGEST_TIMER_MILLIS).ceil()).answer().await;
            }
        })
    }
}
