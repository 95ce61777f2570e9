//! A large frame that arrives, and the memory it may take.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::{Input, Intake, Stop, Taken};
use crate::deadline;
use crate::limits::READ_BUFFER_BYTES;
use crate::transport::budget::Charge;
use crate::transport::large::Large;

/// What of a frame's memory is counted: nothing until it is more than any frame may take. Then all of
/// it, so that nobody else has to count what is passed on.
fn counted(bytes: usize) -> usize {
    match bytes {
        ..=READ_BUFFER_BYTES => 0,
        bytes => bytes,
    }
}

/// A large frame, and what its memory is charged to.
#[derive(Debug)]
pub(super) struct ChargedFrame {
    frame: Large,
    charge: Charge,
}

impl ChargedFrame {
    /// As [`Large::begin`].
    pub(super) fn begin(
        arrived: &[u8],
        size: usize,
        payload_at: Option<usize>,
        mut charge: Charge,
    ) -> Option<Self> {
        let may_reserve = |bytes| charge.cover(counted(bytes));
        let frame = Large::begin(arrived, size, payload_at, may_reserve)?;
        Some(Self { frame, charge })
    }

    /// Waits until there is memory for what comes next. Others have to give some back: as long as
    /// they do so now and then, it is worth waiting.
    async fn await_memory(&mut self, limit: Duration) -> io::Result<()> {
        let end = self.frame.end_of_room();
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
        let end = large.frame.end_of_room();
        if !large.charge.cover(counted(end)) {
            Box::pin(large.await_memory(patience.limit())).await?;
        }
        let kept = large.frame.kept_bytes();
        let mut space = ReadBuf::new(large.frame.room());
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
        large.frame.advance(n);
        if large.frame.is_whole() {
            self.hand_over_large(handle);
        }
        Ok(true)
    }

    /// Gives the large frame, which is whole, to `handle`.
    pub(super) fn hand_over_large(&mut self, mut handle: impl FnMut(Input<'_>) -> Taken) {
        let Some(mut large) = self.large.take() else {
            return;
        };
        let (head, payload) = large.frame.parts();
        let taken = if head.is_empty() {
            handle(Input::Frames(payload))
        } else {
            let charge = &mut large.charge;
            handle(Input::Large {
                head,
                payload,
                charge,
            })
        };
        self.paused = taken.stop == Stop::Pause;
        if taken.consumed > 0 {
            self.patience.restart();
            self.peek = large.frame.payload_bytes() >= READ_BUFFER_BYTES / 2;
        } else {
            self.large = Some(large);
        }
    }
}
