//! A frame that is received by itself.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, ReadBuf};

use super::{Input, Intake, Stop, Taken};
use crate::limits::{READ_BUFFER_BYTES, SHARED_PAYLOAD_BYTES};

/// How much memory is reserved for a frame, as a multiple of what has arrived of it.
const GROWTH: usize = 4;

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Large {
    /// What precedes the payload. Empty if that is not known: then `payload` is all of the frame.
    head: Vec<u8>,
    /// What has arrived, and room for more that is zero.
    payload: Vec<u8>,
    arrived: usize,
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
        let payload_bytes = size - start;
        let room = (beginning.len() * GROWTH).max(READ_BUFFER_BYTES);
        let mut payload = Vec::with_capacity(room.min(payload_bytes));
        payload.extend_from_slice(beginning);
        Some(Self {
            head: head.to_vec(),
            payload,
            arrived: beginning.len(),
            payload_bytes,
        })
    }

    fn is_whole(&self) -> bool {
        self.arrived == self.payload_bytes
    }

    /// Where to put what comes next.
    fn room(&mut self) -> &mut [u8] {
        let reserved = self.payload.capacity().min(self.payload_bytes);
        let end = match self.arrived {
            arrived if arrived < reserved => reserved,
            arrived => self.payload_bytes.min(arrived * GROWTH),
        };
        if self.payload.len() < end {
            self.payload.reserve_exact(end - self.payload.len());
            self.payload.resize(end, 0);
        }
        &mut self.payload[self.arrived..]
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
        let kept = large.head.len() + large.arrived;
        let mut space = ReadBuf::new(large.room());
        let read = poll_fn(
            |cx| match Pin::new(&mut *socket).poll_read(cx, &mut space) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => patience.poll(cx, kept).map(Err),
            },
        );
        read.await?;
        let n = space.filled().len();
        if n == 0 {
            return Ok(false);
        }
        large.arrived += n;
        if large.is_whole() {
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
