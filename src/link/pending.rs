//! Operations that wait for the broker's answer, each with whoever is to be told.

use std::collections::VecDeque;
use std::time::Instant;

use crate::Error;
use crate::limits::MAX_CONFIRMATIONS;

struct Waiting<A> {
    op_id: u32,
    deadline: Instant,
    answer: A,
}

/// See the top of this file. In the order of the operations, which is also that of their ids, of
/// the deadlines and, as a rule, of the acks.
pub(crate) struct Pending<A> {
    waiting: VecDeque<Waiting<A>>,
    closed: bool,
}

impl<A> Default for Pending<A> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            closed: false,
        }
    }
}

impl<A> Pending<A> {
    /// Adds an operation. Its id is one more than that of the last operation, or further on, and its
    /// deadline is not earlier.
    ///
    /// # Errors
    ///
    /// `Eof` if the connection has ended, `Busy` if [`MAX_CONFIRMATIONS`] wait already.
    pub(crate) fn start(&mut self, op_id: u32, deadline: Instant, answer: A) -> Result<(), Error> {
        if self.closed {
            return Err(Error::eof());
        }
        if self.waiting.len() >= MAX_CONFIRMATIONS {
            return Err(Error::busy(format_args!(
                "{MAX_CONFIRMATIONS} operations wait for their confirmation"
            )));
        }
        self.waiting.push_back(Waiting {
            op_id,
            deadline,
            answer,
        });
        Ok(())
    }

    /// Ends the operation that has this id. `None` if it does not wait: an ack may be late, or of
    /// nothing at all.
    pub(crate) fn take(&mut self, op_id: u32) -> Option<A> {
        let first = self.waiting.front()?.op_id;
        let op = if first == op_id {
            self.waiting.pop_front()
        } else {
            // Ids may have wrapped.
            let age = |id: u32| id.wrapping_sub(first);
            let found = self
                .waiting
                .binary_search_by_key(&age(op_id), |op| age(op.op_id));
            self.waiting.remove(found.ok()?)
        };
        op.map(|op| op.answer)
    }

    /// Ends one operation whose deadline has passed.
    pub(crate) fn take_late(&mut self, now: Instant) -> Option<A> {
        if self.waiting.front()?.deadline > now {
            return None;
        }
        self.waiting.pop_front().map(|op| op.answer)
    }

    /// The next deadline.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|op| op.deadline)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Ends all operations, and every later one: the connection has ended.
    pub(crate) fn close(&mut self) -> impl Iterator<Item = A> + use<A> {
        self.closed = true;
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().map(|op| op.answer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn acks_are_matched_by_id_in_any_order() {
        let mut pending = Pending::default();
        let ids = [u32::MAX - 2, u32::MAX, 1, 2, 7];
        let deadline = Instant::now();
        for id in ids {
            pending.start(id, deadline, id).expect("room");
        }
        for unknown in [0, 3, 8, u32::MAX - 3, u32::MAX - 1] {
            assert_eq!(pending.take(unknown), None);
        }
        for at in [3, 0, 4, 1, 2] {
            assert_eq!(pending.take(ids[at]), Some(ids[at]));
            assert_eq!(pending.take(ids[at]), None);
        }
        assert!(pending.is_empty());
    }

    #[test]
    fn late_ones_end_in_their_order() {
        let mut pending = Pending::default();
        let start = Instant::now();
        for id in 0..3 {
            let deadline = start + Duration::from_secs(u64::from(id));
            pending.start(id, deadline, id).expect("room");
        }
        assert_eq!(pending.deadline(), Some(start));
        let now = start + Duration::from_secs(1);
        let late: Vec<u32> = std::iter::from_fn(|| pending.take_late(now)).collect();
        assert_eq!(late, [0, 1]);
        assert_eq!(pending.take(2), Some(2));
    }

    #[test]
    fn the_number_is_bounded_and_the_end_is_final() {
        let mut pending = Pending::default();
        let deadline = Instant::now();
        for id in 0..MAX_CONFIRMATIONS {
            pending.start(id as u32, deadline, ()).expect("room");
        }
        let refused = pending.start(u32::MAX, deadline, ()).expect_err("full");
        assert_eq!(refused.kind(), ErrorKind::Busy);
        assert_eq!(pending.close().count(), MAX_CONFIRMATIONS);
        let refused = pending.start(u32::MAX, deadline, ()).expect_err("closed");
        assert_eq!(refused.kind(), ErrorKind::Eof);
    }
}
