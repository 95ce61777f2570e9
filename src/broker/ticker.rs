//! A clock that wakes the process exactly once per period. The timers of the runtime are kept in
//! wheels, which for a period of seconds cost two to three wake-ups each; on a device that sleeps
//! between them, that shows.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::transport::watch::watch;

/// What the reactor needs to know of a timer is its descriptor.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// See the top of this file. At rest until it is started.
#[derive(Debug)]
pub(super) struct Ticker {
    timer: AsyncFd<Timer>,
    period: Duration,
}

impl Ticker {
    /// A clock at rest.
    ///
    /// # Errors
    ///
    /// If the system has no more descriptors.
    pub(super) fn new(period: Duration) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let timer = watch(Timer(timer), Interest::READABLE)?;
        Ok(Self { timer, period })
    }

    /// Starts to tick; the first tick comes one period from now.
    pub(super) fn start(&self) -> io::Result<()> {
        let period = Expiration::Interval(TimeSpec::from_duration(self.period));
        let timer = &self.timer.get_ref().0;
        Ok(timer.set(period, TimerSetTimeFlags::empty())?)
    }

    /// Stops ticking.
    pub(super) fn stop(&self) -> io::Result<()> {
        Ok(self.timer.get_ref().0.unset()?)
    }

    /// Waits for the next tick. Ticks that were missed count as one.
    pub(super) async fn tick(&self) -> io::Result<()> {
        let mut ready = self.timer.readable().await?;
        // Reading resets the timer. If somebody else was faster there is nothing to read.
        let read = self.timer.get_ref().0.wait();
        ready.clear_ready();
        match read {
            Ok(()) | Err(nix::errno::Errno::EAGAIN) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}
