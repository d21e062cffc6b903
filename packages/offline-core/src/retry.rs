use std::time::Duration;

/// How long to wait after a failed exchange: exponential with full jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The longest wait after the first failure.
    pub base: Duration,
    /// The longest wait ever, for an exchange that carries commands.
    pub cap: Duration,
    /// The longest wait ever before asking again whether the server is there; the question carries no data.
    pub probe_cap: Duration,
}

/// Full jitter may draw nearly nothing; after an error no loop turns without a wait.
const FLOOR: Duration = Duration::from_millis(100);

impl Default for RetryPolicy {
    /// 1 second, doubled up to 5 minutes; 30 seconds for the question whether the server is there.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(300),
            probe_cap: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// The wait after the `failures`-th failure in a row (from 1), `random` being uniform over `0.0..1.0`.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        jitter(self.base, self.cap, failures, random)
    }

    /// The same for the question whether the server is there.
    pub fn probe_delay(&self, failures: u32, random: f64) -> Duration {
        jitter(self.base, self.probe_cap, failures, random)
    }
}

fn jitter(base: Duration, cap: Duration, failures: u32, random: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    let millis = |span: Duration| span.as_secs_f64() * 1000.0;
    let ceiling = (millis(base) * f64::from(1 << doublings)).min(millis(cap));
    let random = if (0.0..1.0).contains(&random) { random } else { 1.0 };
    Duration::from_millis((ceiling * random) as u64).max(FLOOR)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_is_never_over_the_cap_nor_without_a_pause(failures in any::<u32>(), random in any::<f64>()) {
            let policy = RetryPolicy::default();
            let wait = policy.delay(failures, random);
            prop_assert!(wait >= FLOOR && wait <= policy.cap);
            prop_assert!(policy.probe_delay(failures, random) <= policy.probe_cap);
        }

        #[test]
        fn with_the_same_luck_a_further_failure_never_shortens_the_wait(failures in 0..u32::MAX, random in 0.0..1.0) {
            let policy = RetryPolicy::default();
            prop_assert!(policy.delay(failures, random) <= policy.delay(failures + 1, random));
            prop_assert!(policy.probe_delay(failures, random) <= policy.delay(failures, random));
        }
    }

    #[test]
    fn the_ceiling_doubles_until_the_cap() {
        let policy = RetryPolicy::default();
        let half = |failures| policy.delay(failures, 0.5).as_millis();
        assert_eq!(
            [half(1), half(2), half(3), half(9), half(10), half(u32::MAX)],
            [500, 1000, 2000, 128_000, 150_000, 150_000]
        );
    }
}
