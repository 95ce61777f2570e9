//! How old messages are, whatever the wall clock does.
//!
//! Within a run of the program only the monotonic clock counts: a wall clock that jumps makes no
//! message old. The wall clock is asked once, when a log of an earlier run is opened: that is how old
//! its messages were then, and from there on the monotonic clock goes on. A message that was stored
//! before [`SANE_WALL_MS`] (by a device without a battery for its clock) or that seems to come from the
//! future was stored just now, as far as anybody can tell. So a wrong clock makes messages stay longer,
//! within the bounds of the store, and never drops them early; only a clock that is already wrong by
//! years when the log is opened, and ahead, does.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wall clock before this, 2020-01-01T00:00:00Z in milliseconds since 1970, has not been set.
pub(super) const SANE_WALL_MS: u64 = 1_577_836_800_000;

/// What both clocks show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// The monotonic clock.
    pub(crate) instant: Instant,
    /// The wall clock, in milliseconds since 1970.
    pub(crate) wall_ms: u64,
}

impl Now {
    /// Reads both clocks.
    pub(crate) fn read() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            instant: Instant::now(),
            wall_ms: wall.map_or(0, |wall| whole_ms(wall) as u64),
        }
    }
}

/// A point in time, in milliseconds since this run began. Before it for messages of earlier runs.
pub(super) type RunMs = i64;

/// The time of one run of the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    started: Instant,
}

impl Run {
    pub(super) fn starting(now: Now) -> Self {
        Self {
            started: now.instant,
        }
    }

    pub(super) fn at(&self, instant: Instant) -> RunMs {
        whole_ms(instant.saturating_duration_since(self.started))
    }

    /// The same in seconds for a record, rounded up: a message may become a second younger.
    pub(super) fn stamp_s(&self, instant: Instant) -> u32 {
        let seconds = (self.at(instant) as u64).div_ceil(1000);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    pub(super) fn is_too_old(&self, born: RunMs, now: Now, max_age: Duration) -> bool {
        self.at(now.instant).saturating_sub(born) > whole_ms(max_age)
    }
}

/// When a message of this run was stored, from its record.
pub(super) fn born_in_run(stamp_s: u32) -> RunMs {
    RunMs::from(stamp_s) * 1000
}

/// When a message of an earlier run was stored. `opened_ms` and `opened_wall_ms` are when its log was
/// opened.
pub(super) fn born_earlier(opened_ms: RunMs, opened_wall_ms: u64, stored_ms: u64) -> RunMs {
    let age = match stored_ms < SANE_WALL_MS {
        true => 0,
        false => opened_wall_ms.saturating_sub(stored_ms),
    };
    opened_ms.saturating_sub(RunMs::try_from(age).unwrap_or(RunMs::MAX))
}

fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL_MS: u64 = SANE_WALL_MS + 1_000_000;

    #[test]
    fn an_earlier_message_is_as_old_as_the_clock_says() {
        assert_eq!(born_earlier(5, WALL_MS, WALL_MS - 400), -395);
    }

    #[test]
    fn what_comes_from_the_future_was_stored_now() {
        assert_eq!(born_earlier(5, WALL_MS, WALL_MS + 1), 5);
        assert_eq!(born_earlier(5, WALL_MS, u64::MAX), 5);
    }

    #[test]
    fn what_was_stored_before_the_clock_was_set_was_stored_now() {
        assert_eq!(born_earlier(5, WALL_MS, 0), 5);
        assert_eq!(born_earlier(5, WALL_MS, SANE_WALL_MS - 1), 5);
    }

    #[test]
    fn a_clock_in_1970_finds_nothing_old() {
        assert_eq!(born_earlier(5, 30_000, WALL_MS), 5);
    }

    #[test]
    fn absurd_times_do_no_harm() {
        assert!(born_earlier(0, u64::MAX, SANE_WALL_MS) < 0);
        let run = Run::starting(Now::read());
        assert!(!run.is_too_old(RunMs::MIN, Now::read(), Duration::MAX));
        assert!(!run.is_too_old(RunMs::MAX, Now::read(), Duration::ZERO));
    }

    #[test]
    fn stamps_are_rounded_up() {
        let now = Now::read();
        let run = Run::starting(now);
        assert_eq!(run.stamp_s(now.instant), 0);
        assert_eq!(run.stamp_s(now.instant + Duration::from_millis(1)), 1);
        assert_eq!(run.stamp_s(now.instant + Duration::from_millis(1000)), 1);
    }
}
