//! Taking the socket of an outbox to another runtime. Meanwhile frames queue, and whoever finds the
//! queue full waits, as if another source were just emptying it.

use std::sync::Arc;

use super::{Outbox, Writer};
use crate::transport::socket::WriteHalf;

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
                state.writer = Writer::Moving;
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
        if state.writer != Writer::Moving {
            return;
        }
        state.socket = Some(Arc::new(socket));
        let next = if state.waiting.is_empty() {
            Writer::Nobody
        } else {
            Writer::Drain
        };
        self.pass_on(state, next);
    }
}
