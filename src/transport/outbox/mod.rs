//! The queue of bytes that wait for one peer, and the socket they leave by.
//!
//! Whoever queues a frame also writes it: [`Outbox::push`] appends under a short lock,
//! [`Outbox::flush`] takes everything out and writes it outside of the lock, from the task of the
//! source. Only when the socket is full does the peer's own task take over ([`Outbox::drain`]) until
//! the queue is empty again. So a frame costs no task switch and no wake-up as long as its receiver
//! keeps up.
//!
//! What must never be true:
//! - two parties write at the same time (`State::writer` names the one that does);
//! - bytes wait, nobody writes, and nobody is going to (every path that leaves bytes behind hands
//!   over to `drain`);
//! - a part of a frame is queued.
//!
//! Here is what there is; `queue` is how frames get in, `write` how they leave.

#[cfg(test)]
mod audit;
#[cfg(all(test, shuttle))]
mod model;
mod queue;
#[cfg(test)]
mod tests;
mod write;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, futures::Notified};

#[cfg(test)]
pub(crate) use audit::Allowance;
pub(crate) use queue::{Account, Encoded, Push};
#[cfg(feature = "broker")]
pub(crate) use queue::{RunTotals, Vacancy};

use super::budget::Charge;
use super::segments::Segments;
pub(crate) use super::segments::{Load, Payload};
use super::socket::WriteHalf;
use super::sync::Mutex;
use crate::limits::{FREE_MEMORY_BYTES, MAX_WAITING_ACKS};

/// Shorter times are not worth a timer.
pub(crate) const TIMER_RESOLUTION: Duration = Duration::from_millis(1);

/// Bounds of one outbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Frames that may wait.
    pub(crate) frames: usize,
    /// Bytes that may wait; a larger frame is accepted if nothing else waits.
    pub(crate) bytes: usize,
    /// How long frames that are not real-time may wait to be joined by others. Less than a timer
    /// can do means: until the peer's own task gets its turn.
    pub(crate) linger: Option<Duration>,
}

/// Who writes to the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Nobody,
    /// A source, in the middle of a flush.
    Source,
    /// The peer's own task: the socket was full.
    Drain,
    /// Nobody yet: the peer's own task waits for more to join.
    Linger,
}

#[derive(Debug)]
struct State {
    /// `None` once the outbox is closed: whoever still knows the peer must not keep its connection
    /// open. Shared only with the one that writes.
    socket: Option<Arc<WriteHalf>>,
    waiting: Segments,
    /// An empty queue whose memory is used again.
    spare: Segments,
    /// What waits, including what a writer has taken out but not written yet.
    load: Load,
    /// For what waits beyond [`FREE_MEMORY_BYTES`].
    charge: Charge,
    writer: Writer,
    /// Some source has promised to [`Outbox::settle`].
    flush_promised: bool,
    /// A real-time frame waits.
    urgent: bool,
    /// Somebody found the queue full since it last had room.
    starved: bool,
    queued: Queued,
    left: Progress,
    /// `queued.frames` when a ping was last due.
    frames_at_ping: u64,
}

/// What has been queued for the peer in all.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Queued {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) refused: u64,
    pub(crate) refusals: Refusals,
}

impl Queued {
    /// Counts a frame that was not delivered. Returns the number of the spell it belongs to.
    pub(crate) fn refuse(&mut self) -> u64 {
        self.refused += 1;
        self.refusals.spells += u64::from(!self.refusals.going_on);
        self.refusals.going_on = true;
        self.refusals.spells
    }
}

/// Spells of refusals: each starts with a frame that is refused, and ends when there is room.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Refusals {
    spells: u64,
    going_on: bool,
}

impl Refusals {
    #[inline]
    pub(crate) fn are_going_on(&self) -> bool {
        self.going_on
    }

    pub(crate) fn end(&mut self) {
        self.going_on = false;
    }
}

/// What has left for the socket in all.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Progress {
    /// Acks included.
    frames: u64,
    bytes: u64,
}

impl State {
    #[inline]
    fn is_closed(&self) -> bool {
        self.socket.is_none()
    }

    /// True if so many bytes more may be the queue's own.
    #[inline]
    fn cover(&mut self, more: usize) -> bool {
        let own = self.load.own + more;
        own <= FREE_MEMORY_BYTES || self.charge.cover(own - FREE_MEMORY_BYTES)
    }
}

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Outbox {
    bounds: Bounds,
    state: Mutex<State>,
    /// Wakes the peer's own task.
    handover: Notify,
    /// Wakes those who wait for room.
    room: Notify,
}

impl Outbox {
    /// `charge` is on what all outboxes together may take.
    pub(crate) fn new(socket: WriteHalf, bounds: Bounds, charge: Charge) -> Self {
        Self {
            bounds,
            state: Mutex::new(State {
                socket: Some(Arc::new(socket)),
                waiting: Segments::default(),
                spare: Segments::default(),
                load: Load::default(),
                charge,
                writer: Writer::Nobody,
                flush_promised: false,
                urgent: false,
                starved: false,
                queued: Queued::default(),
                left: Progress::default(),
                frames_at_ping: 0,
            }),
            handover: Notify::new(),
            room: Notify::new(),
        }
    }

    /// Queues bytes that are no frame of anybody and do not count: the end of the handshake.
    pub(crate) fn push_raw(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        if state.is_closed() {
            return;
        }
        let load = Load {
            bytes: bytes.len(),
            own: bytes.len(),
            ..Load::default()
        };
        state.load.add(load);
        state.waiting.push(bytes, Payload::Copied(&[]), load);
    }

    /// Sends a ping if nothing was queued since the last call and nothing waits.
    pub(crate) fn ping_if_idle(&self, ping: &[u8]) {
        let busy = {
            let mut state = self.state.lock();
            let queued = state.queued.frames;
            mem::replace(&mut state.frames_at_ping, queued) != queued
        };
        if !busy {
            self.ping(ping);
        }
    }

    /// Sends a ping, unless something waits that says as much.
    pub(crate) fn ping(&self, ping: &[u8]) {
        if self.state.lock().load == Load::default() {
            self.push_raw(ping);
        }
        self.flush();
    }

    /// Wakes when it is worth trying to push again. To be enabled before the attempt that fails.
    pub(crate) fn room(&self) -> Notified<'_> {
        self.room.notified()
    }

    /// True while the socket itself is full, as opposed to a queue that a source on another thread
    /// is just emptying.
    pub(crate) fn is_blocked(&self) -> bool {
        self.state.lock().writer == Writer::Drain
    }

    /// False while so many acks wait that the peer's requests must not be read.
    #[inline]
    pub(crate) fn has_ack_room(&self) -> bool {
        let mut state = self.state.lock();
        let room = state.load.acks < MAX_WAITING_ACKS;
        state.starved |= !room;
        room
    }

    /// Counts a frame that was not delivered. Returns the number of the spell of refusals that it
    /// belongs to: a new one if there was room since the last.
    pub(crate) fn count_refused(&self) -> u64 {
        self.state.lock().queued.refuse()
    }

    /// What waits now, and what was queued in all.
    pub(crate) fn totals(&self) -> (Load, Queued) {
        let state = self.state.lock();
        (state.load, state.queued)
    }

    /// What has left for the socket so far.
    pub(crate) fn progress(&self) -> Progress {
        self.state.lock().left
    }

    /// True if half of what may wait has left since then, be it in frames or in bytes.
    pub(crate) fn has_drained_since(&self, then: Progress) -> bool {
        let now = self.progress();
        let Bounds { frames, bytes, .. } = self.bounds;
        now.frames - then.frames >= frames.div_ceil(2) as u64
            || now.bytes - then.bytes >= bytes.div_ceil(2) as u64
    }

    /// Gives the socket back, without what was queued. `None` if it is closed.
    pub(crate) fn into_socket(self) -> Option<WriteHalf> {
        Arc::into_inner(self.state.into_inner().socket?)
    }
}
