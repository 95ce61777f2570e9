//! Reading from a socket.
//!
//! An idle connection holds no buffer: one buffer per thread is lent to whichever connection has
//! something to read, and only an unfinished frame is kept aside. A frame that does not fit the lent
//! buffer is received into an allocation of its own, which grows with the bytes that really arrive,
//! never with what the header announces.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::socket::ReadHalf;
use crate::limits::{MIN_PROGRESS_BYTES, READ_BUFFER_BYTES};

thread_local! {
    static LENT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a handler did with the bytes it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes that are done with.
    pub(crate) consumed: usize,
    /// Why it stopped there.
    pub(crate) stop: Stop,
}

/// Why a handler stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The rest, if any, is the beginning of a frame of this size in bytes.
    NeedMore { size: usize },
    /// It wants to see the rest again without waiting for more.
    Pause,
}

/// What an [`Intake`] is without its socket.
#[derive(Debug)]
pub(crate) struct Unread {
    held: Vec<u8>,
    frame_size: usize,
    paused: bool,
    patience: Patience,
}

/// The reading side of a connection.
#[derive(Debug)]
pub(crate) struct Intake {
    socket: ReadHalf,
    /// What the handler has not consumed yet.
    held: Vec<u8>,
    /// Size of the frame that begins in `held`, as far as known, in bytes.
    frame_size: usize,
    paused: bool,
    patience: Patience,
}

impl Intake {
    /// `stall_limit` is how long an unfinished frame may go without progress.
    pub(crate) fn new(socket: ReadHalf, stall_limit: Duration) -> Self {
        Self {
            socket,
            held: Vec::new(),
            frame_size: 0,
            paused: false,
            patience: Patience::new(stall_limit),
        }
    }

    /// Gives the socket back, and what was read from it but not yet handled.
    pub(crate) fn detach(self) -> (ReadHalf, Unread) {
        let Self {
            socket,
            held,
            frame_size,
            paused,
            mut patience,
        } = self;
        // It belongs to a runtime. The next one is armed for what is left of the limit.
        patience.timer = None;
        let unread = Unread {
            held,
            frame_size,
            paused,
            patience,
        };
        (socket, unread)
    }

    /// Goes on where [`detach`](Self::detach) has stopped.
    pub(crate) fn resume(socket: ReadHalf, unread: Unread) -> Self {
        let Unread {
            held,
            frame_size,
            paused,
            patience,
        } = unread;
        Self {
            socket,
            held,
            frame_size,
            paused,
            patience,
        }
    }

    /// Waits for bytes and gives them to `handle`, together with what it left the last time.
    /// Returns false at the end of the stream. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// `TimedOut` if an unfinished frame makes no progress, else the error of the socket.
    pub(crate) async fn read(
        &mut self,
        mut handle: impl FnMut(&[u8]) -> Taken,
    ) -> io::Result<bool> {
        if self.paused {
            let held = mem::take(&mut self.held);
            let taken = handle(&held);
            self.keep_rest(held, taken);
            return Ok(true);
        }
        if self.frame_size > READ_BUFFER_BYTES {
            // Boxed: most connections never see such a frame.
            return Box::pin(self.read_large(handle)).await;
        }
        poll_fn(|cx| self.poll_read_lent(cx, &mut handle)).await
    }

    fn poll_read_lent(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut impl FnMut(&[u8]) -> Taken,
    ) -> Poll<io::Result<bool>> {
        LENT.with_borrow_mut(|lent| {
            if lent.is_empty() {
                // Fresh from the system: pages that no read has reached yet take no memory.
                *lent = vec![0; READ_BUFFER_BYTES];
            }
            let kept = self.held.len();
            let mut space = ReadBuf::new(&mut lent[kept..]);
            match Pin::new(&mut self.socket).poll_read(cx, &mut space) {
                Poll::Ready(result) => result?,
                Poll::Pending => return self.patience.poll(cx, kept).map(Err),
            }
            let n = space.filled().len();
            if n == 0 {
                return Poll::Ready(Ok(false));
            }
            lent[..kept].copy_from_slice(&self.held);
            let bytes = &lent[..kept + n];
            let taken = handle(bytes);
            self.held.clear();
            self.held.extend_from_slice(&bytes[taken.consumed..]);
            self.settle(taken);
            Poll::Ready(Ok(true))
        })
    }

    async fn read_large(&mut self, mut handle: impl FnMut(&[u8]) -> Taken) -> io::Result<bool> {
        let missing = self.frame_size - self.held.len();
        let step = self.held.len().max(READ_BUFFER_BYTES);
        self.held.reserve_exact(missing.min(step));
        let n = {
            let Self {
                socket,
                held,
                patience,
                ..
            } = self;
            let kept = held.len();
            let mut read = std::pin::pin!(socket.read_buf(held));
            poll_fn(|cx| match read.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => patience.poll(cx, kept).map(Err),
            })
            .await?
        };
        if n == 0 {
            return Ok(false);
        }
        if self.held.len() >= self.frame_size {
            let held = mem::take(&mut self.held);
            let taken = handle(&held);
            self.keep_rest(held, taken);
        }
        Ok(true)
    }

    fn keep_rest(&mut self, mut held: Vec<u8>, taken: Taken) {
        if taken.consumed == held.len() {
            // Do not keep the memory of a large frame.
            self.held = Vec::new();
        } else {
            held.drain(..taken.consumed);
            if held.len() <= READ_BUFFER_BYTES {
                held.shrink_to(READ_BUFFER_BYTES);
            }
            self.held = held;
        }
        self.settle(taken);
    }

    fn settle(&mut self, taken: Taken) {
        (self.paused, self.frame_size) = match taken.stop {
            Stop::Pause => (true, 0),
            Stop::NeedMore { size } => (false, size),
        };
        if self.held.is_empty() && self.held.capacity() > 0 {
            self.held = Vec::new();
        }
        if taken.consumed > 0 {
            self.patience.restart();
        }
    }
}

/// Watches over an unfinished frame: it has to end, or to grow by [`MIN_PROGRESS_BYTES`], within
/// the limit. The timer is armed only while a frame is unfinished and the socket is empty, and at
/// most once per limit.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    /// When the present frame last made progress; `None` until somebody has to wait for it.
    since: Option<Instant>,
    /// What was there at `since`, in bytes.
    progress: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            since: None,
            progress: 0,
            timer: None,
        }
    }

    fn restart(&mut self) {
        self.since = None;
    }

    /// Called when the socket is empty and `held` bytes of a frame are there. Ready when the limit
    /// has passed.
    fn poll(&mut self, cx: &mut Context<'_>, held: usize) -> Poll<io::Error> {
        if held == 0 {
            return Poll::Pending;
        }
        let now = Instant::now();
        let since = match self.since {
            Some(since) if held < self.progress + MIN_PROGRESS_BYTES => since,
            _ => {
                self.progress = held;
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
            if now >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            // The timer was set for an earlier frame.
            timer.as_mut().reset(deadline);
        }
    }
}
