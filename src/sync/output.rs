//! One writer at a time, so that frames stay whole.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::deadline::{after, left};
use super::stream::Stream;
use crate::Error;

/// See the top of this file. A lock would do, but for the timeout of those who wait for it.
#[derive(Debug)]
pub(super) struct Output {
    stream: Arc<Stream>,
    timeout: Duration,
    connected: Arc<AtomicBool>,
    turn: Mutex<Turn>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct Turn {
    taken: bool,
    waiting: usize,
    /// The last frame was perhaps not written to its end. Another one must not follow it.
    broken: bool,
}

impl Output {
    /// `timeout` bounds the wait for others who write, and a write without progress. After a failure
    /// `connected` is false.
    pub(super) fn new(stream: Arc<Stream>, timeout: Duration, connected: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            timeout,
            connected,
            turn: Mutex::default(),
            free: Condvar::new(),
        }
    }

    /// Writes a frame, given in parts.
    ///
    /// # Errors
    ///
    /// `Timeout` if others write for the whole timeout; then nothing was written. `Timeout` if the
    /// broker takes nothing for as long, or another error of the socket; that is the end of the
    /// connection. `Eof` if it has ended.
    pub(super) fn write(&self, parts: &mut [IoSlice<'_>]) -> Result<(), Error> {
        self.take_turn()?;
        let written = self.stream.write_all(parts);
        if written.is_err() {
            // The reader takes what the broker has said before, and finds the end.
            self.stream.shutdown(Shutdown::Both);
            self.connected.store(false, Ordering::Relaxed);
        }
        self.pass_turn(written.is_err());
        written.map_err(|e| match e.kind() {
            io::ErrorKind::WriteZero => Error::eof(),
            _ => e.into(),
        })
    }

    /// Tells the broker that nothing follows, after what is being written.
    pub(super) fn finish(&self) {
        if self.take_turn().is_ok() {
            self.stream.shutdown(Shutdown::Write);
            self.pass_turn(true);
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_turn(&self) -> Result<(), Error> {
        let deadline = after(self.timeout);
        let mut turn = self.turn();
        while turn.taken {
            let left = left(deadline).ok_or_else(Error::timeout)?;
            turn.waiting += 1;
            let waited = self.free.wait_timeout(turn, left);
            (turn, _) = waited.unwrap_or_else(PoisonError::into_inner);
            turn.waiting -= 1;
        }
        if turn.broken {
            return Err(Error::eof());
        }
        turn.taken = true;
        Ok(())
    }

    fn pass_turn(&self, is_last: bool) {
        let mut turn = self.turn();
        turn.taken = false;
        turn.broken |= is_last;
        if turn.waiting > 0 {
            self.free.notify_one();
        }
    }
}
