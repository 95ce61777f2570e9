//! Reading from a socket.
//!
//! An idle connection holds no buffer: one buffer per thread is lent to whichever connection has
//! something to read, and only an unfinished frame is kept aside. A large frame is received into an
//! allocation of its own, straight from the socket; it grows with the bytes that really arrive,
//! never with what the header announces.

mod large;
mod patience;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};

use super::budget::Charge;
use super::socket::ReadHalf;
use crate::limits::{LARGE_FRAME_PEEK_BYTES, READ_BUFFER_BYTES};
use large::ChargedFrame;
use patience::Patience;

thread_local! {
    static LENT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a handler is given.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// Any number of frames; of the last one there may be a part only.
    Frames(&'a [u8]),
    /// One large frame.
    Large {
        /// All that precedes the payload.
        head: &'a [u8],
        /// To be taken out, or left if the handler wants to see the frame again.
        payload: &'a mut Vec<u8>,
        /// What the payload is charged with; goes where the payload goes. Nothing for smaller ones.
        charge: &'a mut Charge,
    },
}

/// What a handler did with its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes that are done with. Of a large frame that is to be seen again none, else any number.
    pub(crate) consumed: usize,
    /// Why it stopped there.
    pub(crate) stop: Stop,
}

/// Why a handler stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The rest, if any, is the beginning of a frame.
    NeedMore {
        /// Of the whole frame, in bytes, as far as known.
        size: usize,
        /// Where its payload begins, if it has one and that can be told.
        payload_at: Option<usize>,
    },
    /// It wants to see the rest again without waiting for more.
    Pause,
}

/// The reading side of a connection.
#[derive(Debug)]
pub(crate) struct Intake {
    socket: ReadHalf,
    /// What the handler has not consumed yet.
    held: Vec<u8>,
    /// A frame that is received by itself. Boxed: most connections never see one.
    large: Option<Box<ChargedFrame>>,
    /// The next frame is probably a large one, too: read no more than its beginning, so that its
    /// payload need not be copied.
    peek: bool,
    paused: bool,
    patience: Patience,
    /// Of nothing, of the budget that large frames are charged to.
    charge: Charge,
}

impl Intake {
    /// `stall_limit` is how long an unfinished frame may go without progress, or wait for memory
    /// while nobody gives any back. `charge` is on what large frames together may take.
    pub(crate) fn new(socket: ReadHalf, stall_limit: Duration, charge: Charge) -> Self {
        Self {
            socket,
            held: Vec::new(),
            large: None,
            peek: false,
            paused: false,
            patience: Patience::new(stall_limit),
            charge,
        }
    }

    /// Goes on in the present runtime.
    ///
    /// # Errors
    ///
    /// Those of the system, when the runtime is to watch one descriptor more.
    pub(crate) fn move_here(&mut self) -> io::Result<()> {
        self.patience.leave_runtime();
        self.socket.move_here()
    }

    /// Waits for bytes and gives them to `handle`, together with what it left the last time.
    /// Returns false at the end of the stream. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// `TimedOut` if an unfinished frame makes no progress, `OutOfMemory` if there is none for it,
    /// else the error of the socket.
    pub(crate) async fn read(
        &mut self,
        mut handle: impl FnMut(Input<'_>) -> Taken,
    ) -> io::Result<bool> {
        if mem::take(&mut self.paused) {
            if self.large.is_some() {
                self.hand_over_large(handle);
            } else {
                let held = mem::take(&mut self.held);
                let taken = handle(Input::Frames(&held));
                self.keep(&held[taken.consumed..], taken);
            }
            return Ok(true);
        }
        if self.large.is_some() {
            return Box::pin(self.read_large(handle)).await;
        }
        poll_fn(|cx| self.poll_read_lent(cx, &mut handle)).await
    }

    fn poll_read_lent(
        &mut self,
        cx: &mut Context<'_>,
        handle: &mut impl FnMut(Input<'_>) -> Taken,
    ) -> Poll<io::Result<bool>> {
        LENT.with_borrow_mut(|lent| {
            if lent.is_empty() {
                // Fresh from the system: pages that no read has reached yet take no memory.
                *lent = vec![0; READ_BUFFER_BYTES];
            }
            let kept = self.held.len();
            let end = match self.peek {
                true => kept + LARGE_FRAME_PEEK_BYTES,
                false => lent.len(),
            };
            let mut space = ReadBuf::new(&mut lent[kept..end]);
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
            let taken = handle(Input::Frames(bytes));
            self.keep(&bytes[taken.consumed..], taken);
            Poll::Ready(Ok(true))
        })
    }

    /// Keeps what the handler has left.
    fn keep(&mut self, rest: &[u8], taken: Taken) {
        self.peek = false;
        if taken.consumed > 0 {
            self.patience.restart();
        }
        match taken.stop {
            Stop::Pause => self.paused = true,
            Stop::NeedMore { size, payload_at } => {
                if let Some(large) =
                    ChargedFrame::begin(rest, size, payload_at, self.charge.sibling())
                {
                    self.large = Some(Box::new(large));
                    self.held = Vec::new();
                    return;
                }
            }
        }
        if rest.is_empty() {
            self.held = Vec::new();
        } else {
            self.held.clear();
            self.held.extend_from_slice(rest);
        }
    }
}
