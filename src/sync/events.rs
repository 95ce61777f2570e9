//! The channel on which frames arrive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deadline::after;
use super::shared::Shared;
use crate::{Error, Frame};

/// The receiving end of a client's frames. Several threads may receive; each frame goes to one of
/// them.
///
/// When nobody receives, the channel fills up to the configured number of frames, and then the client
/// does not read any more: what follows waits in the broker, whose senders feel it. Only while a
/// confirmation is awaited, which comes behind the frames, as many again are set aside, and those
/// beyond that dropped and counted ([`dropped_frames`](super::Client::dropped_frames)).
///
/// Dropping it discards what arrives.
#[derive(Debug)]
pub struct EventChannel {
    shared: Arc<Shared>,
}

impl EventChannel {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    ///
    /// `Eof` when the connection has ended and every frame is taken.
    pub fn recv(&self) -> Result<Frame, Error> {
        self.shared.next_event(None)
    }

    /// Waits for the next frame, for `timeout` at most.
    ///
    /// # Errors
    ///
    /// `Timeout` if there is none in time, `Eof` as [`recv`](Self::recv).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Frame, Error> {
        self.recv_deadline(after(timeout))
    }

    /// Waits for the next frame, until `deadline` at most.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Self::recv_timeout).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Frame, Error> {
        self.shared.next_event(Some(deadline))
    }

    /// The frames as they arrive, until the connection ends.
    pub fn iter(&self) -> impl Iterator<Item = Frame> + '_ {
        std::iter::from_fn(|| self.recv().ok())
    }
}

impl Drop for EventChannel {
    fn drop(&mut self) {
        self.shared.discard_events();
    }
}
