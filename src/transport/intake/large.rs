//! A frame that is received by itself.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, ReadBuf};

use super::{Input, Intake, Stop, Taken};
use crate::limits::READ_BUFFER_BYTES;

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
        let kept = large.kept_bytes();
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
        large.advance(n);
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
        let (head, payload) = large.parts();
        let taken = if head.is_empty() {
            handle(Input::Frames(payload))
        } else {
            handle(Input::Large { head, payload })
        };
        self.paused = taken.stop == Stop::Pause;
        if taken.consumed > 0 {
            self.patience.restart();
            self.peek = large.payload_bytes() >= READ_BUFFER_BYTES / 2;
        } else {
            self.large = Some(large);
        }
    }
}
