//! A frame that is received by itself.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::{Input, Intake, Stop, Taken};
use crate::limits::{READ_BUFFER_BYTES, SHARED_PAYLOAD_BYTES};
use crate::transport::budget::Charge;
use crate::transport::deadline;

/// How much memory is reserved for a frame, as a multiple of what has arrived of it.
const GROWTH: usize = 4;

/// What of a frame's memory is counted: nothing until it is more than any frame may take. Then all of
/// it, so that nobody else has to count what is passed on.
fn counted(bytes: usize) -> usize {
    match bytes {
        ..=READ_BUFFER_BYTES => 0,
        bytes => bytes,
    }
}

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
    charge: Charge,
}

impl Large {
    /// Makes a frame of `size` bytes, of which `arrived` is the beginning, one that is received by
    /// itself, if that is less work than to read it together with others, or if it has to be.
    pub(super) fn begin(
        arrived: &[u8],
        size: usize,
        payload_at: Option<usize>,
        mut charge: Charge,
    ) -> Option<Self> {
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
        let room = room.min(payload_bytes);
        let room = match charge.cover(counted(room)) {
            true => room,
            false => room.min(READ_BUFFER_BYTES),
        };
        let mut payload = Vec::with_capacity(room);
        payload.extend_from_slice(beginning);
        Some(Self {
            head: head.to_vec(),
            payload,
            arrived: beginning.len(),
            payload_bytes,
            charge,
        })
    }

    fn is_whole(&self) -> bool {
        self.arrived == self.payload_bytes
    }

    /// Up to where there has to be room for what comes next.
    fn end_of_room(&self) -> usize {
        let reserved = self.payload.capacity().min(self.payload_bytes);
        match self.arrived {
            arrived if arrived < reserved => reserved,
            arrived => self.payload_bytes.min(arrived * GROWTH),
        }
    }

    /// Waits until there is memory for what comes next. Others have to give some back: as long as
    /// they do so now and then, it is worth waiting.
    async fn await_memory(&mut self, limit: Duration) -> io::Result<()> {
        let end = self.end_of_room();
        let Some(budget) = self.charge.budget().cloned() else {
            return Ok(());
        };
        loop {
            let mut given_back = pin!(budget.given_back());
            given_back.as_mut().enable();
            if self.charge.overdraw(counted(end)) {
                return Ok(());
            }
            deadline::timeout_at(Instant::now() + limit, given_back)
                .await
                .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        }
    }

    /// Where to put what comes next.
    fn room(&mut self) -> &mut [u8] {
        let end = self.end_of_room();
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
        let end = large.end_of_room();
        if !large.charge.cover(counted(end)) {
            Box::pin(large.await_memory(patience.limit())).await?;
        }
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
                charge: &mut large.charge,
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
