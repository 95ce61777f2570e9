//! Messages per second: a token bucket, exact to the nanosecond.

use std::time::{Duration, Instant};

/// Nanoseconds of a second: what one message costs, in the unit of the level.
const COST: u128 = 1_000_000_000;

/// Lets through so many messages per second, and as many at once after a pause.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Messages per second; 0: no bound.
    rate: u32,
    /// What is left, in nanoseconds times messages per second, so that nothing is ever rounded.
    level: u128,
    /// When it was that.
    at: Option<Instant>,
}

impl Rate {
    /// Full at first.
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate,
            level: Self::full(rate),
            at: None,
        }
    }

    /// As many at once as per second.
    fn full(rate: u32) -> u128 {
        u128::from(rate) * COST
    }

    /// May one more message pass now? A clock that goes back counts as one that stands still.
    pub(crate) fn takes(&mut self, now: Instant) -> bool {
        if self.rate == 0 {
            return true;
        }
        let passed = match self.at {
            Some(at) => now.saturating_duration_since(at),
            None => Duration::ZERO,
        };
        if self.at.is_none_or(|at| at < now) {
            self.at = Some(now);
        }
        let gained = passed.as_nanos().saturating_mul(u128::from(self.rate));
        let level = self.level.saturating_add(gained).min(Self::full(self.rate));
        let takes = level >= COST;
        self.level = if takes { level - COST } else { level };
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passed(rate: &mut Rate, now: Instant, asked: usize) -> usize {
        (0..asked).filter(|_| rate.takes(now)).count()
    }

    #[test]
    fn as_many_at_once_as_per_second_and_then_one_by_one() {
        let start = Instant::now();
        let mut rate = Rate::new(3);
        assert_eq!(passed(&mut rate, start, 10), 3);
        // A third of a second is no whole number of nanoseconds.
        let third = |n: u64| start + Duration::from_nanos(n * 1_000_000_000 / 3);
        assert!(!rate.takes(third(1)));
        assert!(rate.takes(third(1) + Duration::from_nanos(1)));
        assert!(!rate.takes(third(2)));
        assert!(rate.takes(third(2) + Duration::from_nanos(1)));
        assert!(rate.takes(third(3)), "nothing was lost by rounding");
        assert!(!rate.takes(third(3)));
    }

    #[test]
    fn a_pause_fills_the_bucket_and_no_more() {
        let start = Instant::now();
        let mut rate = Rate::new(5);
        assert_eq!(passed(&mut rate, start, 9), 5);
        let later = start + Duration::from_secs(1000);
        assert_eq!(passed(&mut rate, later, 9), 5);
    }

    #[test]
    fn without_a_bound_everything_passes() {
        let now = Instant::now();
        assert_eq!(passed(&mut Rate::new(0), now, 10_000), 10_000);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let start = Instant::now();
        let late = start + Duration::from_secs(10);
        let mut rate = Rate::new(1);
        assert!(rate.takes(late));
        assert!(!rate.takes(start));
        assert!(!rate.takes(late), "nor does it when it comes back");
        assert!(rate.takes(late + Duration::from_secs(1)));
    }

    proptest! {
        /// In no span of time there are more than one burst and what the rate allows.
        #[test]
        fn never_more_than_the_rate(
            per_second in 1u32..50,
            steps in prop::collection::vec((0u64..700_000_000, 1usize..20), 1..60),
        ) {
            let start = Instant::now();
            let mut rate = Rate::new(per_second);
            let mut now = Duration::ZERO;
            let mut log: Vec<(u128, u128)> = Vec::new();
            for (pause, asked) in steps {
                now += Duration::from_nanos(pause);
                log.push((now.as_nanos(), passed(&mut rate, start + now, asked) as u128));
            }
            for (first, &(from, _)) in log.iter().enumerate() {
                let mut sum = 0;
                for &(to, count) in &log[first..] {
                    sum += count;
                    let allowed = u128::from(per_second) * (COST + to - from);
                    prop_assert!(sum * COST <= allowed);
                }
            }
        }
    }
}
