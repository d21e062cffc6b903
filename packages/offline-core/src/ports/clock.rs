use std::time::Duration;

use offline_protocol::Timestamp;

use crate::{BoxFuture, MaybeSend, MaybeSync};

/// Time.
///
/// An implementation must guarantee:
/// - `now` never fails; it may jump in both directions, as a device's clock does;
/// - `sleep` resolves no earlier than `span` from its first poll, measured by a clock that does not jump, and may be dropped at any time.
pub trait Clock: MaybeSend + MaybeSync {
    /// The device's idea of the time.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, span: Duration) -> BoxFuture<'_, ()>;
}
