//! The broker's answer to an operation.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::deadline::left;
use crate::Error;

/// The confirmation of an operation: `None` if its QoS asks for none.
pub type OpConfirm = Option<Confirmation>;

/// Whoever is to be told.
pub(super) type Answer = SyncSender<Result<(), Error>>;

/// An answer may have been read already when its deadline passes, and the thread that reads may not
/// have come to hand it over. After a process stood still that is the rule.
const GRACE: Duration = Duration::from_millis(1);

/// The broker's answer to one operation, which is still to come. It need not be waited for: a program
/// may send many frames, and look at their confirmations later, or never.
#[derive(Debug)]
pub struct Confirmation {
    answer: Receiver<Result<(), Error>>,
    deadline: Instant,
}

impl Confirmation {
    /// A confirmation that ends at `deadline` if nobody has answered before.
    pub(super) fn new(deadline: Instant) -> (Answer, Self) {
        let (sender, answer) = sync_channel(1);
        (sender, Self { answer, deadline })
    }

    /// Waits for the answer, until the timeout of the client has passed since the operation began.
    ///
    /// # Errors
    ///
    /// What the broker says: `NotRegistered`, `NotDelivered`, `Access`, `Data`; `Timeout` if it says
    /// nothing; `Eof` if the connection is lost before.
    pub fn wait(self) -> Result<(), Error> {
        let deadline = self.deadline;
        self.wait_until(deadline)
    }

    /// Waits until `deadline`, or for the timeout of the client if that ends before.
    pub(super) fn wait_until(self, deadline: Instant) -> Result<(), Error> {
        let left = left(self.deadline.min(deadline)).unwrap_or_default();
        match self.answer.recv_timeout(left.max(GRACE)) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(Error::timeout()),
            Err(RecvTimeoutError::Disconnected) => Err(Error::eof()),
        }
    }
}
