//! A frame that is received by itself.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use tokio::io::AsyncReadExt;

use super::{Input, Intake, Stop, Taken};
use crate::limits::{READ_BUFFER_BYTES, SHARED_PAYLOAD_BYTES};

/// How much memory is reserved for a frame, as a multiple of what has arrived of it.
const GROWTH: usize = 4;

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Large {
    /// What precedes the payload. Empty if that is not known: then `payload` is all of the frame.
    head: Vec<u8>,
    payload: Vec<u8>,
    /// Of the whole payload, in bytes.
    payload_bytes: usize,
}

impl Large {
    /// Makes a frame of `size` bytes, of which `arrived` is the beginning, one that is received by
    /// itself, if that is less work than to read it together with others, or if it has to be.
    pub(super) fn begin(arrived: &[u8], size: usize, payload_at: Option<usize>) -> Option<Self> {
        let start = match payload_at {
            Some(at) if at <= SHARED_PAYLOAD_BYTES => at,
            _ if size > READ_BUFFER_BYTES => 0,
            _ => return None,
        };
        let (head, beginning) = arrived.split_at(start);
        if beginning.len() < SHARED_PAYLOAD_BYTES {
            return None;
        }
        let mut large = Self {
            head: head.to_vec(),
            payload: Vec::new(),
            payload_bytes: size - start,
        };
        let room = (beginning.len() * GROWTH).max(READ_BUFFER_BYTES);
        large.payload.reserve_exact(room.min(large.payload_bytes));
        large.payload.extend_from_slice(beginning);
        Some(large)
    }

    fn missing(&self) -> usize {
        self.payload_bytes - self.payload.len()
    }

    /// Room for more, in bytes, but not for more than the frame has.
    fn make_room(&mut self) -> usize {
        let len = self.payload.len();
        let missing = self.missing();
        if len == self.payload.capacity() {
            self.payload.reserve_exact(missing.min(len * (GROWTH - 1)));
        }
        missing.min(self.payload.capacity() - len)
    }
}

impl Intake {
    /// Reads more of the large frame, and hands it over when it is whole.
    pub(super) async fn read_large(
        &mut self,
        handle: impl FnMut(Input<'_>) -> Taken,
    ) -> io::Result<bool> {
        let Self {
            socket,
            patience,
            large: Some(large),
            ..
        } = self
        else {
            return Ok(true);
        };
        let kept = large.head.len() + large.payload.len();
        let room = large.make_room();
        let mut part = socket.take(room as u64);
        let mut read = pin!(part.read_buf(&mut large.payload));
        let n = poll_fn(|cx| match read.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => patience.poll(cx, kept).map(Err),
        })
        .await?;
        if n == 0 {
            return Ok(false);
        }
        if large.missing() == 0 {
            self.hand_over_large(handle);
        }
        Ok(true)
    }

    /// Gives the large frame, which is whole, to `handle`.
    pub(super) fn hand_over_large(&mut self, mut handle: impl FnMut(Input<'_>) -> Taken) {
        let Some(mut large) = self.large.take() else {
            return;
        };
        let taken = if large.head.is_empty() {
            handle(Input::Frames(&large.payload))
        } else {
            handle(Input::Large {
                head: &large.head,
                payload: &mut large.payload,
            })
        };
        self.paused = taken.stop == Stop::Pause;
        if taken.consumed > 0 {
            self.patience.restart();
            self.peek = large.payload_bytes >= READ_BUFFER_BYTES / 2;
        } else {
            self.large = Some(large);
        }
    }
}
