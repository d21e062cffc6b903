use offline_protocol::Timestamp;
use uuid::Uuid;

use crate::{MaybeSend, MaybeSync};

/// Ids and chance.
///
/// An implementation must guarantee:
/// - `uuid` gives UUIDv7 that nobody else makes: at least 62 random bits from a cryptographic source (a seeded one in tests);
/// - `random` is uniform over `0.0..1.0`.
pub trait Ids: MaybeSend + MaybeSync {
    /// A new id; `now` gives its leading bits.
    fn uuid(&self, now: Timestamp) -> Uuid;
    /// A number from 0 (included) to 1 (excluded).
    fn random(&self) -> f64;
}
