use offline_core::Ids;
use offline_protocol::Timestamp;
use uuid::{Builder, Uuid};

use crate::global::Global;

/// Ids and chance from the browser's cryptographic source. Works on insecure pages too, which have no `crypto.randomUUID`.
#[derive(Debug, Clone, Copy, Default)]
pub struct BrowserIds;

impl Ids for BrowserIds {
    fn uuid(&self, now: Timestamp) -> Uuid {
        let millis = now.as_millis().unsigned_abs();
        Builder::from_unix_timestamp_millis(millis, &Global::random_bytes::<10>()).into_uuid()
    }

    fn random(&self) -> f64 {
        // 53 bits: as many as a number between 0 and 1 holds exactly.
        let bits = u64::from_le_bytes(Global::random_bytes::<8>()) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}
