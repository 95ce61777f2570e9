//! Events that may come in floods, each of which is no line in the log.

use std::time::Instant;

use crate::limits::CROWD_WARNING_INTERVAL;

/// How many there were, in all and since the log was last told of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    untold: u64,
    told: Option<Instant>,
    total: u64,
}

impl Tally {
    /// Counts one more. Returns how many there were, if the log should be told.
    pub(super) fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        self.total += 1;
        if matches!(self.told, Some(told) if now - told < CROWD_WARNING_INTERVAL) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }

    /// How many there were since the start.
    #[cfg(feature = "metrics")]
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_in_the_log() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        assert_eq!(tally.count(start), Some(1));
        assert_eq!(tally.count(start), None);
        assert_eq!(tally.count(start), None);
        assert_eq!(tally.count(start + CROWD_WARNING_INTERVAL), Some(3));
    }
}
