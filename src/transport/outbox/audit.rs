//! What must always be true of an outbox, for tests that look in between.

use super::{Load, Outbox, Writer};
use crate::limits::QUEUE_RESERVE_BYTES;
/// What an ack takes, in bytes.
const ACK_BYTES: usize = 6;

/// What is allowed in addition to the bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// Of the largest frame that anybody sends, in bytes.
    pub(crate) largest_frame: usize,
    /// Announcements that may wait in the reserve.
    pub(crate) reserve: usize,
}

/// More than one announcement takes, in bytes.
const ANNOUNCEMENT_BYTES: usize = 512;

/// The end of the handshake, and one ping, in bytes.
const UNCOUNTED_BYTES: usize = 7;

impl Outbox {
    /// Looks at what is true whenever nobody holds the lock.
    ///
    /// # Panics
    ///
    /// If something is not as it must be.
    pub(crate) fn audit(&self, also: Allowance) -> Load {
        let state = self.state.lock();
        if state.is_closed() {
            assert!(
                state.waiting.is_empty(),
                "nothing waits for a peer that is gone"
            );
            return state.load;
        }
        let Load {
            frames,
            acks,
            bytes,
            own,
        } = state.load;
        assert!(own <= bytes, "{own} bytes of {bytes} are the queue's own");
        let accounted = state.left.frames + (frames + acks) as u64;
        assert_eq!(
            state.queued.frames, accounted,
            "what was queued waits or has left"
        );
        assert!(
            state.waiting.is_empty() || state.flush_promised || state.writer != Writer::Nobody,
            "{bytes} bytes wait, nobody writes, and nobody is going to"
        );
        assert!(
            frames <= self.bounds.frames + also.reserve,
            "{frames} frames wait, the bound is {}",
            self.bounds.frames
        );
        let bound = match also.reserve {
            0 => self.bounds.bytes.max(also.largest_frame),
            reserve => (self.bounds.bytes + QUEUE_RESERVE_BYTES)
                .max(also.largest_frame + reserve * ANNOUNCEMENT_BYTES),
        } + acks * ACK_BYTES
            + UNCOUNTED_BYTES;
        assert!(
            bytes <= bound,
            "{bytes} bytes wait, the bound is {bound}: {:?}, {:?}",
            state.load,
            self.bounds
        );
        state.load
    }

    /// As [`audit`](Self::audit), at a moment when nobody is in the middle of a write: then what is
    /// charged is what is there.
    ///
    /// # Panics
    ///
    /// If something is not as it must be.
    pub(crate) fn audit_at_rest(&self, also: Allowance) -> Load {
        let load = self.audit(also);
        let state = self.state.lock();
        if !state.is_closed() {
            assert_ne!(state.writer, Writer::Source, "nobody is flushing");
        }
        let (charged, bytes) = state.waiting.content();
        assert_eq!(state.load, charged, "what waits is what is charged");
        assert_eq!(charged.bytes, bytes, "bytes are charged as they are");
        load
    }
}
