//! Taking the socket of an outbox to another runtime. Meanwhile frames queue. A queue that gets full
//! is treated as if a source were just emptying it, unless the socket was full before.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Outbox, Writer};
use crate::transport::socket::WriteHalf;

/// A runtime finds out at once that a socket is writable. If it has not by then, the socket is full.
const WRITABLE_WITHIN: Duration = Duration::from_millis(10);

/// What comes of the attempt to take the socket out.
#[derive(Debug)]
pub(crate) enum Detach {
    /// [`Outbox::attach`] has to follow, or [`Outbox::close`].
    Socket(WriteHalf),
    /// A source is in the middle of a write, on another thread, which cannot block.
    Busy,
    /// There is none any more.
    Closed,
}

impl Outbox {
    /// Takes the socket out. For the peer's own task, while it is not [`drain`](Self::drain)ing.
    pub(crate) fn detach(&self) -> Detach {
        let mut state = self.state.lock();
        if state.writer == Writer::Source {
            return Detach::Busy;
        }
        let Some(shared) = state.socket.take() else {
            return Detach::Closed;
        };
        match Arc::try_unwrap(shared) {
            Ok(socket) => {
                state.away = true;
                if state.writer != Writer::Drain {
                    state.writer = Writer::Moving;
                }
                Detach::Socket(socket)
            }
            // A source has finished its write, and is about to let go.
            Err(shared) => {
                state.socket = Some(shared);
                Detach::Busy
            }
        }
    }

    /// Gives the socket back, on another runtime; what has waited for it leaves by the peer's own
    /// task there. Without effect if the outbox was closed meanwhile.
    pub(crate) fn attach(&self, socket: WriteHalf) {
        let mut state = self.state.lock();
        if !state.away {
            return;
        }
        state.away = false;
        state.socket = Some(Arc::new(socket));
        self.handover.notify_one();
    }

    /// Ends the move. A new registration takes nothing before the runtime has heard of it, which
    /// sources would take for a full socket.
    pub(super) async fn settle_in(&self) -> io::Result<()> {
        let Some(socket) = self.state.lock().socket.clone() else {
            return Ok(());
        };
        let writable = tokio::time::timeout(WRITABLE_WITHIN, socket.writable()).await;
        // Whoever moves on finds nobody else holding it.
        drop(socket);
        let mut state = self.state.lock();
        if state.writer != Writer::Moving {
            return Ok(());
        }
        match writable {
            Ok(writable) => {
                writable?;
                state.writer = Writer::Nobody;
                drop(state);
                self.flush();
            }
            Err(_) if state.waiting.is_empty() => self.pass_on(state, Writer::Nobody),
            Err(_) => self.pass_on(state, Writer::Drain),
        }
        Ok(())
    }
}
