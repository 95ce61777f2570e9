//! Operations that wait for the broker's answer. Each ends: with the answer, with a timeout, or
//! with the connection.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::limits::MAX_CONFIRMATIONS;
use crate::{Error, IntoElbusResult};

type Answer = oneshot::Sender<Result<(), Error>>;

struct Waiting {
    op_id: u32,
    deadline: Instant,
    answer: Answer,
}

#[derive(Default)]
struct State {
    /// In the order of the operations, which is also that of their ids, of the deadlines and of the
    /// acks.
    waiting: VecDeque<Waiting>,
    /// Somebody looks at the deadlines at least once per timeout.
    watched: bool,
    /// The reader wants to know when the first operation starts to wait.
    reader_paused: bool,
    closed: bool,
}

impl State {
    fn take(&mut self, op_id: u32) -> Option<Waiting> {
        let first = self.waiting.front()?.op_id;
        if first == op_id {
            // Acks come in the order of the operations.
            return self.waiting.pop_front();
        }
        // An ack may be late, or of nothing that waits. Ids may have wrapped.
        let age = |id: u32| id.wrapping_sub(first);
        let at = self
            .waiting
            .binary_search_by_key(&age(op_id), |op| age(op.op_id))
            .ok()?;
        self.waiting.remove(at)
    }
}

/// Acks that are looked up under one lock.
const ACKS_AT_ONCE: usize = 64;

/// The acks of one read from the socket, or of a part of it: they are looked up under one lock, and whoever waits for
/// them goes on when everything else that was read is where it belongs.
#[derive(Default)]
pub(super) struct Acks {
    /// Ids of operations, and response codes.
    arrived: Vec<(u32, u8)>,
    /// Empty between two reads; kept for its memory.
    found: Vec<(Answer, u8)>,
}

impl Acks {
    pub(super) fn push(&mut self, op_id: u32, code: u8) {
        self.arrived.push((op_id, code));
    }

    pub(super) fn are_many(&self) -> bool {
        self.arrived.len() >= ACKS_AT_ONCE
    }
}

/// See the top of this file.
pub(super) struct Confirmations {
    timeout: Duration,
    state: Mutex<State>,
    /// Wakes [`watch`](Self::watch).
    unwatched: Notify,
    /// Wakes the reader.
    started: Notify,
}

impl Confirmations {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            state: Mutex::default(),
            unwatched: Notify::new(),
            started: Notify::new(),
        }
    }

    /// Starts to wait for the answer to an operation that is about to be sent.
    ///
    /// # Errors
    ///
    /// `Eof` if the connection has ended, `Busy` if [`MAX_CONFIRMATIONS`] wait already.
    pub(super) fn start(&self, op_id: u32) -> Result<oneshot::Receiver<Result<(), Error>>, Error> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::eof());
        }
        if state.waiting.len() >= MAX_CONFIRMATIONS {
            return Err(Error::busy(format_args!(
                "{MAX_CONFIRMATIONS} operations wait for their confirmation"
            )));
        }
        let (answer, confirmation) = oneshot::channel();
        state.waiting.push_back(Waiting {
            op_id,
            deadline: Instant::now() + self.timeout,
            answer,
        });
        if !state.watched {
            state.watched = true;
            self.unwatched.notify_one();
        }
        if state.reader_paused {
            state.reader_paused = false;
            self.started.notify_one();
        }
        Ok(confirmation)
    }

    /// Forgets an operation that was not sent after all.
    pub(super) fn withdraw(&self, op_id: u32) {
        let mut state = self.state.lock();
        if state.waiting.back().is_some_and(|last| last.op_id == op_id) {
            state.waiting.pop_back();
        }
    }

    /// Takes the broker's answers.
    pub(super) fn resolve(&self, acks: &mut Acks) {
        let Acks { arrived, found } = acks;
        if arrived.is_empty() {
            return;
        }
        {
            let mut state = self.state.lock();
            for (op_id, code) in arrived.drain(..) {
                match state.take(op_id) {
                    Some(op) => found.push((op.answer, code)),
                    None => log::debug!("ack of operation {op_id}, which does not wait for one"),
                }
            }
        }
        for (answer, code) in found.drain(..) {
            // Whoever asked may have lost interest.
            let _ = answer.send(code.to_elbus_result());
        }
    }

    /// True if an operation waits. Otherwise [`started`](Self::started) wakes when one does.
    pub(super) fn any_or_wake(&self) -> bool {
        let mut state = self.state.lock();
        state.reader_paused = state.waiting.is_empty();
        !state.reader_paused
    }

    pub(super) async fn started(&self) {
        self.started.notified().await;
    }

    /// Ends operations that were not answered in time. Sleeps while there are none: one wake-up
    /// per timeout at most, however many operations there are.
    pub(super) async fn watch(&self) {
        loop {
            let next = {
                let mut state = self.state.lock();
                let now = Instant::now();
                while state.waiting.front().is_some_and(|op| op.deadline <= now) {
                    if let Some(op) = state.waiting.pop_front() {
                        let _ = op.answer.send(Err(Error::timeout()));
                    }
                }
                let next = state.waiting.front().map(|op| op.deadline);
                state.watched = next.is_some();
                next
            };
            match next {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => self.unwatched.notified().await,
            }
        }
    }

    /// Ends all operations with the connection.
    pub(super) fn close(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        for op in waiting {
            let _ = op.answer.send(Err(Error::eof()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RESPONSE_OK;

    #[test]
    fn acks_are_matched_by_id_in_any_order() {
        let confirmations = Confirmations::new(Duration::from_secs(1));
        let ids = [u32::MAX - 2, u32::MAX, 1, 2, 7];
        let mut waiting: Vec<_> = ids.map(|id| confirmations.start(id).expect("room")).into();
        let mut acks = Acks::default();
        for unknown in [0, 3, 8, u32::MAX - 3, u32::MAX - 1] {
            acks.push(unknown, RESPONSE_OK);
        }
        confirmations.resolve(&mut acks);
        for at in [3, 0, 4, 1, 2] {
            assert!(waiting[at].try_recv().is_err());
            acks.push(ids[at], RESPONSE_OK);
            confirmations.resolve(&mut acks);
            assert!(matches!(waiting[at].try_recv(), Ok(Ok(()))));
        }
        acks.push(7, RESPONSE_OK);
        confirmations.resolve(&mut acks);
    }
}
