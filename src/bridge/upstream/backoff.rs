//! How long to wait before the next attempt to connect.
//!
//! The wait doubles with each round through the addresses. Half of it is random: a thousand devices
//! that lost the same broker at the same time come back one after the other.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Doublings after which the wait is at its longest, whatever its bounds are.
const MAX_DOUBLINGS: u32 = 20;

/// Counts failures, and says how long to wait.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    shortest: Duration,
    longest: Duration,
    addresses: u32,
    failures: u32,
}

impl Backoff {
    /// For so many addresses, tried in turn.
    pub(crate) fn new(shortest: Duration, longest: Duration, addresses: usize) -> Self {
        Self {
            shortest,
            longest: longest.max(shortest),
            addresses: u32::try_from(addresses).unwrap_or(u32::MAX).max(1),
            failures: 0,
        }
    }

    /// An attempt has failed, or a connection was lost.
    pub(crate) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// A connection has held.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// How long to wait now; `chance` is any number. Nothing before the first attempt. Another address
    /// is tried soon, all of them once more later and later.
    pub(crate) fn wait(&self, chance: u64) -> Duration {
        if self.failures == 0 {
            return Duration::ZERO;
        }
        if !self.failures.is_multiple_of(self.addresses) {
            return part(self.shortest / 2, chance);
        }
        let doublings = (self.failures / self.addresses - 1).min(MAX_DOUBLINGS);
        let whole = self
            .shortest
            .saturating_mul(1 << doublings)
            .min(self.longest);
        let half = whole / 2;
        half + part(half, chance)
    }
}

/// A random part of `whole`.
fn part(whole: Duration, chance: u64) -> Duration {
    // 16 bits of chance are plenty, and leave room to multiply.
    let share = u32::try_from(chance & 0xFFFF).unwrap_or_default();
    (whole / 0x1_0000) * share
}

/// A number that differs with each call and each process. The keys of the standard library's hash
/// maps are all the chance that is needed here.
pub(crate) fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_wait_doubles_up_to_its_bound_and_is_half_random() {
        let mut backoff = Backoff::new(SECOND, MINUTE, 1);
        assert_eq!(backoff.wait(u64::MAX), Duration::ZERO);
        for whole in [1, 2, 4, 8, 16, 32, 60, 60] {
            backoff.failed();
            let whole = Duration::from_secs(whole);
            assert_eq!(backoff.wait(0), whole / 2);
            assert!(backoff.wait(u64::MAX) > whole * 9 / 10);
            assert!(backoff.wait(u64::MAX) <= whole);
        }
        for _ in 0..100 {
            backoff.failed();
        }
        assert_eq!(backoff.wait(0), MINUTE / 2);
        backoff.failures = u32::MAX;
        backoff.failed();
        assert!(backoff.wait(0) <= MINUTE);
        backoff.succeeded();
        assert_eq!(backoff.wait(0), Duration::ZERO);
    }

    #[test]
    fn other_addresses_are_tried_before_the_wait_grows() {
        let mut backoff = Backoff::new(SECOND, MINUTE, 3);
        for round in 1..4 {
            for _ in 0..2 {
                backoff.failed();
                assert!(backoff.wait(u64::MAX) < SECOND / 2);
            }
            backoff.failed();
            assert_eq!(backoff.wait(0), SECOND * (1 << (round - 1)) / 2);
        }
    }

    #[test]
    fn chance_differs() {
        assert_ne!(chance(), chance());
    }
}
