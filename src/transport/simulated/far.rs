//! The end of a simulated stream that is in the hands of a test.

use std::io;
use std::sync::Arc;
#[cfg(shuttle)]
use std::task::Poll;

use super::{Behaviour, Link};

/// What a repaired stream holds, in bytes.
const REPAIRED_CAPACITY: usize = 1024 * 1024;

/// See the top of this file. Dropping it closes the stream.
#[derive(Debug)]
pub(crate) struct Far(Arc<Link>);

/// What was received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    /// Nothing more will come: the broker has ended the stream, or it was reset.
    pub(crate) is_last: bool,
}

impl Far {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(link)
    }

    /// Sends as much as there is room for. Returns how many bytes that was.
    ///
    /// # Errors
    ///
    /// If nobody will ever read it.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock();
        if state.is_reset || state.near_is_gone || state.up.has_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = state.behaviour.capacity - state.up.bytes.len();
        let n = bytes.len().min(room);
        if n > 0 {
            state.up.bytes.extend(&bytes[..n]);
            state.input_has_come();
        }
        Ok(n)
    }

    /// Takes what is there, at most so many bytes.
    pub(crate) fn receive(&self, most: usize) -> Received {
        let mut state = self.0.0.lock();
        let n = most.min(state.down.bytes.len());
        let bytes: Vec<u8> = state.down.bytes.drain(..n).collect();
        if n > 0 {
            state.room_has_come();
        }
        let is_last = state.is_reset || (state.down.has_ended && state.down.bytes.is_empty());
        Received { bytes, is_last }
    }

    /// As [`receive`](Self::receive), and waits until there is something, or the end.
    #[cfg(shuttle)]
    pub(crate) async fn received(&self, most: usize) -> Received {
        std::future::poll_fn(|cx| {
            let received = self.receive(most);
            if received.is_last || !received.bytes.is_empty() {
                return Poll::Ready(received);
            }
            let mut state = self.0.0.lock();
            if !state.down.bytes.is_empty() || state.down.has_ended {
                cx.waker().wake_by_ref();
            }
            state.far_waits = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// True if everything that the broker has written was received.
    pub(crate) fn is_drained(&self) -> bool {
        self.0.0.lock().down.bytes.is_empty()
    }

    /// True if the broker has read everything that was sent.
    pub(crate) fn is_heard(&self) -> bool {
        self.0.0.lock().up.bytes.is_empty()
    }

    /// No more will be sent.
    pub(crate) fn finish(&self) {
        let mut state = self.0.0.lock();
        state.up.has_ended = true;
        state.input_has_come();
    }

    /// Ends the stream at once, with whatever is on its way.
    pub(crate) fn reset(&self) {
        self.0.0.lock().reset();
    }

    /// True if the stream was reset, be it by itself.
    pub(crate) fn was_reset(&self) -> bool {
        self.0.0.lock().is_reset
    }

    /// Ends both directions: nothing more is sent, and nothing is read.
    pub(crate) fn close(&self) {
        let mut state = self.0.0.lock();
        if !state.up.has_ended {
            state.up.has_ended = true;
            state.input.tell();
        }
        // Whoever writes to a stream that nobody reads is told so.
        state.down.has_ended = true;
        state.room.tell();
    }

    /// Tells the broker of readiness that it should have heard of before.
    pub(crate) fn tell(&self) {
        let mut state = self.0.0.lock();
        if state.input.is_due {
            state.input.tell();
        }
        if state.room.is_due {
            state.room.tell();
        }
    }

    /// From now on the stream has no faults, and room for much.
    pub(crate) fn repair(&self) {
        let mut state = self.0.0.lock();
        state.behaviour = Behaviour::faultless(REPAIRED_CAPACITY);
        drop(state);
        self.tell();
    }

    /// True if the broker holds nothing of the stream any more.
    pub(crate) fn is_let_go(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.close();
    }
}
