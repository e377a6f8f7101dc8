//! How long to wait before dialling again.

use std::time::Duration;

/// The delay after the first failure, before jitter.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// No wait is longer than this.
pub const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Counts failures in a row and turns them into delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The delay before the next attempt, given a uniformly random number; the next one will be longer.
    ///
    /// The delay doubles from 100 ms to [`LONGEST_DELAY`]; half of it is random, so that devices that lost the same
    /// daemon do not come back in one wave.
    pub fn next(&mut self, random: u32) -> Duration {
        let full = FIRST_DELAY.saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LONGEST_DELAY);
        self.failures = self.failures.saturating_add(1);
        jittered(full, random)
    }

    /// The delay after being turned away, given a uniformly random number: the longest, since asking again soon
    /// changes nothing.
    pub fn longest(random: u32) -> Duration {
        jittered(LONGEST_DELAY, random)
    }

    /// Starts over after a connection that held.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Between half of `full` and all of it.
fn jittered(full: Duration, random: u32) -> Duration {
    let half = full / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..12).map(|_| backoff.next(u32::MAX).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000]);
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::from_millis(50));
    }

    proptest! {
        #[test]
        fn every_delay_is_bounded(failures in any::<u32>(), random in any::<u32>()) {
            let mut backoff = Backoff { failures };
            let delay = backoff.next(random);
            prop_assert!(delay >= FIRST_DELAY / 2 && delay <= LONGEST_DELAY);
            prop_assert!(backoff.failures >= failures);
            prop_assert!(Backoff::longest(random) >= LONGEST_DELAY / 2);
        }
    }
}
