//! Points in time by which something has to be over.

use std::time::{Duration, Instant};

/// What is as good as never; the clock cannot count to the end of every timeout.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// When `timeout` will have passed.
pub(super) fn after(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(FAR)
}

/// How long it is until `deadline`; `None` if it has passed.
pub(super) fn left(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}
