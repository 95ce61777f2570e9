//! What goes into an outbox: single frames, and runs of them.

use super::{Bounds, Outbox, State, Writer};
use crate::limits::{FREE_MEMORY_BYTES, QUEUE_RESERVE_BYTES, QUEUE_RESERVE_FRAMES, RUN_BYTES};
use crate::transport::segments::{Load, Payload};
use crate::transport::sync::MutexGuard;

/// A frame as it leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded<'a> {
    /// Everything before the payload.
    pub(crate) head: &'a [u8],
    pub(crate) payload: Payload<'a>,
    pub(crate) realtime: bool,
    /// What the statistics say it has, in bytes.
    pub(crate) counted: usize,
}

/// What a run of frames comes to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RunTotals {
    pub(crate) frames: usize,
    pub(crate) realtime: bool,
    /// What the statistics say they have, in bytes.
    pub(crate) counted: usize,
}

/// Room in an outbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vacancy {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

impl Vacancy {
    pub(crate) const UNLIMITED: Self = Self {
        frames: usize::MAX,
        bytes: usize::MAX,
    };

    /// What there is room for in both.
    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            frames: self.frames.min(other.frames),
            bytes: self.bytes.min(other.bytes),
        }
    }
}

/// On whose account a frame is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// A frame of some client: within the bounds.
    Frame,
    /// What the broker itself has to say: within the bounds and a reserve.
    Control,
    /// An ack: the session that queues it stops reading when too many wait
    /// ([`Outbox::has_ack_room`]).
    Ack,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Push {
    /// It is in the queue. `settle` tells one caller of many that it is the one to call
    /// [`Outbox::settle`] when its batch ends.
    Queued { settle: bool },
    /// There is no room.
    Full,
    /// There is room, but all queues together take too much memory.
    NoMemory,
    /// The peer is gone.
    Closed,
}

impl Bounds {
    #[inline]
    fn admit(&self, load: &Load, account: Account, bytes: usize) -> bool {
        match account {
            Account::Frame => {
                load.frames < self.frames && (load.bytes + bytes <= self.bytes || load.frames == 0)
            }
            Account::Control => {
                // A large frame that waits alone leaves the reserve as it is.
                load.frames < self.frames + QUEUE_RESERVE_FRAMES
                    && (load.bytes + bytes <= self.bytes + QUEUE_RESERVE_BYTES
                        || load.frames <= QUEUE_RESERVE_FRAMES)
            }
            Account::Ack => true,
        }
    }
}

impl Outbox {
    /// Queues one frame, whole or not at all.
    #[inline]
    pub(crate) fn push(&self, frame: Encoded<'_>, account: Account) -> Push {
        self.lock().push(frame, account)
    }

    /// Keeps others from queueing and writing, while one source queues several frames.
    #[inline]
    pub(crate) fn lock(&self) -> Queueing<'_> {
        Queueing {
            bounds: &self.bounds,
            state: self.state.lock(),
        }
    }

    /// What may be queued now, as far as one run may need it. Nothing for one that is closed, nor is anything in its way then.
    pub(crate) fn vacancy(&self) -> Vacancy {
        let mut state = self.state.lock();
        if state.is_closed() {
            return Vacancy::UNLIMITED;
        }
        let memory = match state.cover(RUN_BYTES) {
            true => RUN_BYTES,
            false => FREE_MEMORY_BYTES.saturating_sub(state.load.own),
        };
        let room = self.bounds.bytes.saturating_sub(state.load.bytes);
        Vacancy {
            frames: self.bounds.frames.saturating_sub(state.load.frames),
            bytes: room.min(memory),
        }
    }

    /// Queues a run of whole frames for which there was a [`vacancy`](Self::vacancy) just now.
    pub(crate) fn push_run(&self, run: Payload<'_>, totals: RunTotals) -> Push {
        let mut queue = self.lock();
        if queue.state.is_closed() {
            return Push::Closed;
        }
        let load = Load {
            frames: totals.frames,
            acks: 0,
            bytes: run.len(),
            own: run.own_len(),
        };
        // It was when the vacancy was looked for. Another thread may have been faster since.
        let _ = queue.state.cover(load.own);
        queue.take(&[], run, load, totals)
    }
}

/// An outbox that is locked: see [`Outbox::lock`].
pub(crate) struct Queueing<'a> {
    bounds: &'a Bounds,
    state: MutexGuard<'a, State>,
}

impl Queueing<'_> {
    /// Queues one frame, whole or not at all.
    #[inline]
    pub(crate) fn push(&mut self, frame: Encoded<'_>, account: Account) -> Push {
        let Encoded { head, payload, .. } = frame;
        let bytes = head.len() + payload.len();
        let state = &mut *self.state;
        if state.is_closed() {
            return Push::Closed;
        }
        if !self.bounds.admit(&state.load, account, bytes) {
            state.starved |= account == Account::Frame;
            return Push::Full;
        }
        let own = head.len() + payload.own_len();
        // What is free for acks and what the broker has to say is bounded by itself.
        let is_free = match account {
            Account::Frame => false,
            Account::Control => state.load.own + own <= FREE_MEMORY_BYTES + QUEUE_RESERVE_BYTES,
            Account::Ack => true,
        };
        if !is_free && !state.cover(own) {
            // Otherwise nothing that happens here makes a difference.
            state.starved |= state.load.own > 0;
            return Push::NoMemory;
        }
        let load = Load {
            frames: usize::from(account != Account::Ack),
            acks: usize::from(account == Account::Ack),
            bytes,
            own,
        };
        let totals = RunTotals {
            frames: 1,
            realtime: frame.realtime,
            counted: frame.counted,
        };
        self.take(head, payload, load, totals)
    }

    #[inline]
    fn take(&mut self, head: &[u8], payload: Payload<'_>, load: Load, totals: RunTotals) -> Push {
        let state = &mut *self.state;
        state.load.add(load);
        state.queued.frames += totals.frames as u64;
        state.queued.bytes += totals.counted as u64;
        state.urgent |= totals.realtime;
        state.waiting.push(head, payload, load);
        let settle = !state.flush_promised && state.writer != Writer::Drain;
        state.flush_promised |= settle;
        Push::Queued { settle }
    }
}
