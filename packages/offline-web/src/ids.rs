use std::cell::RefCell;

use offline_core::Ids;
use offline_protocol::Timestamp;
use uuid::{Builder, Uuid};

use crate::browser::random;

/// Random bytes that are fetched at a time, for each question costs as much as an id; each is used once.
const POOL: u32 = 1024;

thread_local! {
    static RANDOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Ids and chance from the browser's cryptographic source. Works on insecure pages too, which have no `crypto.randomUUID`.
#[derive(Debug, Clone, Copy, Default)]
pub struct BrowserIds;

impl Ids for BrowserIds {
    fn uuid(&self, now: Timestamp) -> Uuid {
        let millis = now.as_millis().unsigned_abs();
        Builder::from_unix_timestamp_millis(millis, &random_bytes::<10>()).into_uuid()
    }

    fn random(&self) -> f64 {
        // 53 bits: as many as a number between 0 and 1 holds exactly.
        let bits = u64::from_le_bytes(random_bytes::<8>()) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }
}

/// Random bytes from the browser's cryptographic source.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    RANDOM.with_borrow_mut(|pool| {
        if pool.len() < N {
            *pool = random(POOL);
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&pool.split_off(pool.len() - N));
        bytes
    })
}
