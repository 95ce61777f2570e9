//! Deadlines of peers, which they miss only while this process runs.
//!
//! A process that was stopped, or whose device has slept, finds that all timers have run out, before
//! its runtime has looked at a single socket: the system call that waits for both was interrupted.
//! What peers have sent meanwhile was in time. So who is late gets the time for one more look.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at as until};

/// Long enough for the runtimes to look at all of their sockets, short enough to mean nothing else.
pub(super) const GRACE: Duration = Duration::from_millis(1);

/// Like [`tokio::time::timeout`].
#[cfg(feature = "broker")]
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    match tokio::time::timeout(limit, future.as_mut()).await {
        Err(_) => tokio::time::timeout(GRACE, future).await,
        in_time => in_time,
    }
}

/// Like [`tokio::time::timeout_at`].
pub(crate) async fn timeout_at<F: Future>(
    deadline: Instant,
    future: F,
) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    match until(deadline, future.as_mut()).await {
        Err(_) => tokio::time::timeout(GRACE, future).await,
        in_time => in_time,
    }
}
