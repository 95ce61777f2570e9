//! Operations that wait for the broker's answer. Each ends: with the answer, with a timeout, or
//! with the connection.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::deadline::last_call;
use crate::link::Pending;
use crate::{Error, IntoElbusResult};

type Answer = oneshot::Sender<Result<(), Error>>;

#[derive(Default)]
struct State {
    pending: Pending<Answer>,
    /// Somebody looks at the deadlines at least once per timeout.
    watched: bool,
    /// The reader wants to know when the first operation starts to wait.
    reader_paused: bool,
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
    /// `Eof` if the connection has ended, `Busy` if as many wait already as may.
    pub(super) fn start(&self, op_id: u32) -> Result<oneshot::Receiver<Result<(), Error>>, Error> {
        let mut state = self.state.lock();
        let (answer, confirmation) = oneshot::channel();
        let deadline = Instant::now() + self.timeout;
        state.pending.start(op_id, deadline.into_std(), answer)?;
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
        self.state.lock().pending.take(op_id);
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
                match state.pending.take(op_id) {
                    Some(answer) => found.push((answer, code)),
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
        state.reader_paused = state.pending.is_empty();
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
                let now = Instant::now().into_std();
                while let Some(answer) = state.pending.take_late(now) {
                    let _ = answer.send(Err(Error::timeout()));
                }
                let next = state.pending.deadline();
                state.watched = next.is_some();
                next
            };
            match next {
                Some(deadline) => {
                    tokio::time::sleep_until(deadline.into()).await;
                    // The answer may have come while this process did not run.
                    tokio::time::sleep_until(last_call(deadline.into())).await;
                }
                None => self.unwatched.notified().await,
            }
        }
    }

    /// Ends all operations with the connection.
    pub(super) fn close(&self) {
        let waiting = self.state.lock().pending.close();
        for answer in waiting {
            let _ = answer.send(Err(Error::eof()));
        }
    }
}
