#![doc = include_str!("../README.md")]

use std::time::Duration;

use offline_core::{BoxFuture, Clock, Ids};
use offline_protocol::Timestamp;
use uuid::{Builder, Uuid};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the port's adapter")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::EPOCH.plus(since)
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'_, ()> {
        // tokio counts from the call, the port from the first poll.
        Box::pin(async move { tokio::time::sleep(span).await })
    }
}

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl SystemIds {
    fn bytes<const N: usize>() -> [u8; N] {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes).expect("an operating system without random numbers cannot make ids");
        bytes
    }
}

impl Ids for SystemIds {
    fn uuid(&self, now: Timestamp) -> Uuid {
        Builder::from_unix_timestamp_millis(now.as_millis().unsigned_abs(), &Self::bytes()).into_uuid()
    }

    #[allow(clippy::cast_precision_loss, reason = "53 bits are what a float holds exactly")]
    fn random(&self) -> f64 {
        (u64::from_ne_bytes(Self::bytes()) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_version_7_of_their_moment_and_differ() {
        let moment = Timestamp::from_millis(1_795_000_000_123);
        let ids: HashSet<_> = (0..1000).map(|_| SystemIds.uuid(moment)).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!((id.get_version_num(), id.as_u128() >> 80), (7, 1_795_000_000_123));
        }
    }

    #[test]
    fn chance_lies_between_nothing_and_one() {
        let numbers: Vec<_> = (0..1000).map(|_| SystemIds.random()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(numbers.iter().any(|number| *number < 0.5) && numbers.iter().any(|number| *number >= 0.5));
    }

    #[test]
    fn the_clock_tells_a_time_of_our_age() {
        assert!(SystemClock.now() > Timestamp::from_millis(1_700_000_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_counts_from_its_first_poll() {
        let sleep = SystemClock.sleep(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(60)).await;
        let start = tokio::time::Instant::now();
        sleep.await;
        assert!(start.elapsed() >= Duration::from_secs(10));
    }
}
