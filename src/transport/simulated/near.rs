//! The broker's end of a simulated stream: what it has in place of a socket and of what watches one.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use super::{Link, State};

/// In place of a descriptor.
#[derive(Debug)]
pub(crate) struct Near(Arc<Link>);

impl Near {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self(link)
    }

    /// The reading side, watched.
    pub(crate) fn input(&self) -> Input {
        Input(self.0.clone())
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.0.lock();
        if state.down.has_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let possible = bytes.len().min(state.room());
        let amount = state.amount(possible);
        match &amount {
            Ok(n) => {
                state.down.bytes.extend(&bytes[..*n]);
                state.pass(*n);
                state.output_has_come();
            }
            // It blocks although there is room: that is told like room that comes.
            Err(_) if possible > 0 => state.room_has_come(),
            Err(_) => {}
        }
        amount
    }

    pub(crate) fn write_vectored(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.write(&bytes)
    }

    /// No more will be written.
    pub(crate) fn end_output(&self) {
        let mut state = self.0.0.lock();
        state.down.has_ended = true;
        state.output_has_come();
    }

    /// Watches for room; `None` if there is no descriptor left to do so.
    pub(crate) fn watch_room(&self) -> Option<RoomWatch> {
        let mut state = self.0.0.lock();
        let unwatched = state.behaviour.unwatched;
        if state.chance.percent(unwatched) {
            return None;
        }
        // What is watched from now on is looked at first.
        state.room.is_ready = false;
        if state.room() > 0 || state.down.has_ended {
            state.room_has_come();
        }
        Some(RoomWatch(self.0.clone()))
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.near_is_gone = true;
        state.down.has_ended = true;
        state.output_has_come();
    }
}

/// In place of a descriptor whose input is watched.
#[derive(Debug)]
pub(crate) struct Input(Arc<Link>);

impl Input {
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.0.lock();
        let state: &mut State = &mut state;
        if !state.input.is_ready {
            return state.wait_for_input(cx);
        }
        if state.up.has_ended && state.up.bytes.is_empty() && !state.is_reset {
            return Poll::Ready(Ok(()));
        }
        match state.amount(state.up.bytes.len().min(buf.remaining())) {
            Ok(n) => {
                let taken: Vec<u8> = state.up.bytes.drain(..n).collect();
                buf.put_slice(&taken);
                state.input.is_ready = state.has_input();
                state.pass(n);
                Poll::Ready(Ok(()))
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                state.input.is_ready = false;
                // It blocks although there is input: that is told once more.
                if state.has_input() {
                    state.input_has_come();
                }
                state.wait_for_input(cx)
            }
            Err(e) => Poll::Ready(Err(e)),
        }
    }
}

impl State {
    fn wait_for_input(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if self.input.is_ready {
            // Told at once; the task comes back for it.
            cx.waker().wake_by_ref();
        } else {
            // One task reads.
            self.input.waiting = vec![cx.waker().clone()];
        }
        Poll::Pending
    }
}

/// In place of the second descriptor, with which room is watched.
#[derive(Debug)]
pub(crate) struct RoomWatch(Arc<Link>);

impl RoomWatch {
    /// Waits until there may be room. As with a descriptor, what comes during the write that follows
    /// is told the next time.
    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            let mut state = self.0.0.lock();
            if std::mem::take(&mut state.room.is_ready) {
                return Poll::Ready(());
            }
            state.room.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
