//! Deadlines of peers, which they miss only while this process runs.
//!
//! A process that was stopped, or whose device has slept, finds that all timers have run out, before
//! its runtime has looked at a single socket: the system call that waits for both was interrupted.
//! What peers have sent meanwhile was in time, and who reads could not read on. So who is late gets
//! as much time again as this process was late itself, within bounds.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at as until};

/// Long enough for the runtimes to look at all of their sockets, short enough to mean nothing else.
const MIN_GRACE: Duration = Duration::from_millis(1);

/// Long enough for a busy machine to run everybody once.
const MAX_GRACE: Duration = Duration::from_secs(1);

/// What is longer than this is no limit, in 100 years.
#[cfg(any(feature = "rpc", feature = "broker"))]
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The end of the time that a peer still has when its `deadline` is found to have passed.
pub(crate) fn last_call(deadline: Instant) -> Instant {
    let now = Instant::now();
    now + (now - deadline).clamp(MIN_GRACE, MAX_GRACE)
}

/// Like [`tokio::time::timeout`].
#[cfg(any(feature = "rpc", feature = "broker"))]
pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    timeout_at(Instant::now() + limit.min(FAR), future).await
}

/// Like [`tokio::time::timeout_at`].
pub(crate) async fn timeout_at<F: Future>(
    deadline: Instant,
    future: F,
) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    match until(deadline, future.as_mut()).await {
        Err(_) => until(last_call(deadline), future).await,
        in_time => in_time,
    }
}
