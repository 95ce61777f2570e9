//! How long confirmed operations take.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest time that is told from longer ones. A benchmark with such times has other problems.
const MAX_NS: u64 = 60_000_000_000;

/// Times are exact to about 1 %; a histogram then takes some 30 KB.
const SIGNIFICANT_DIGITS: u8 = 2;

/// The times of many operations, in memory that does not depend on how many.
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None so far.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_max(MAX_NS, SIGNIFICANT_DIGITS);
        Self(histogram.expect("constants that a histogram accepts"))
    }

    /// Adds the time of one operation.
    pub fn record(&mut self, elapsed: Duration) {
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(MAX_NS);
        self.0.saturating_record(nanos);
    }

    /// Adds all times of another worker.
    pub fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so nothing of the other is out of range.
        let _ = self.0.add(&other.0);
    }

    /// `None` if nothing was recorded.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile| self.0.value_at_quantile(quantile);
        (!self.0.is_empty()).then(|| Percentiles {
            p50: at(0.5),
            p99: at(0.99),
            p99_9: at(0.999),
        })
    }
}

/// Takes the times of operations that follow one another, with one look at the clock for each.
pub struct Laps {
    latencies: Latencies,
    start: Instant,
}

impl Laps {
    /// The first operation starts.
    pub fn start() -> Self {
        Self {
            latencies: Latencies::new(),
            start: Instant::now(),
        }
    }

    /// An operation is done, the next one starts.
    pub fn lap(&mut self) {
        let now = Instant::now();
        self.latencies.record(now - self.start);
        self.start = now;
    }

    /// All of them.
    pub fn end(self) -> Latencies {
        self.latencies
    }
}

/// Times in nanoseconds within which so many percent of the operations were confirmed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    pub p50: u64,
    pub p99: u64,
    #[serde(rename = "p99.9")]
    pub p99_9: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_close_to_the_truth() {
        let mut latencies = Latencies::new();
        let mut others = Latencies::new();
        for micros in 1..=10_000 {
            let half = if micros % 2 == 0 {
                &mut latencies
            } else {
                &mut others
            };
            half.record(Duration::from_micros(micros));
        }
        latencies.merge(&others);
        let found = latencies.percentiles().expect("10,000 times");
        for (found, truth) in [
            (found.p50, 5_000_000),
            (found.p99, 9_900_000),
            (found.p99_9, 9_990_000),
        ] {
            assert!(found.abs_diff(truth) <= truth / 100, "{found} for {truth}");
        }
    }

    #[test]
    fn no_times_have_no_percentiles() {
        assert_eq!(Latencies::new().percentiles(), None);
    }

    #[test]
    fn times_beyond_the_bound_count_as_the_bound() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::MAX);
        let longest = latencies.percentiles().expect("one time").p50;
        assert!(longest.abs_diff(MAX_NS) <= MAX_NS / 100, "{longest}");
    }
}
