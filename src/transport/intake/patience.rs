//! How long a connection waits for the rest of a frame.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::deadline::last_call;
use crate::limits::MIN_PROGRESS_BYTES;

/// Watches over an unfinished frame: it has to end, or to grow by [`MIN_PROGRESS_BYTES`], within
/// the limit. The timer is armed only while a frame is unfinished and the socket is empty, and at
/// most once per limit.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    /// When the present frame last made progress; `None` until somebody has to wait for it.
    since: Option<Instant>,
    /// What was there at `since`, in bytes.
    progress: usize,
    timer: Option<Pin<Box<Sleep>>>,
    /// The limit has passed, and the last look at the socket is due.
    late: bool,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: None,
            progress: 0,
            timer: None,
            late: false,
        }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Lets go of the timer, which belongs to a runtime.
    pub(super) fn leave_runtime(&mut self) {
        self.timer = None;
    }

    pub(super) fn restart(&mut self) {
        self.since = None;
    }

    /// Called when the socket is empty and `held` bytes of a frame are there. Ready when the limit
    /// has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, held: usize) -> Poll<io::Error> {
        if held == 0 {
            return Poll::Pending;
        }
        let now = Instant::now();
        let since = match self.since {
            Some(since) if held < self.progress + MIN_PROGRESS_BYTES => since,
            _ => {
                self.progress = held;
                self.late = false;
                *self.since.insert(now)
            }
        };
        let deadline = since + self.limit;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        loop {
            if !timer.is_elapsed() {
                ready!(timer.as_mut().poll(cx));
            }
            // Another thread may have run the timer since `now`.
            let now = Instant::now();
            if now < deadline {
                // The timer was set for an earlier frame.
                timer.as_mut().reset(deadline);
            } else if std::mem::replace(&mut self.late, true) {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            } else {
                timer.as_mut().reset(last_call(deadline));
            }
        }
    }
}
