//! How an RPC client treats what it receives, and how long it waits.

use std::time::Duration;

/// Options of an [`RpcClient`](super::RpcClient).
///
/// By default every call, notification and frame is handled in a task of its own, and a call may
/// take as long as the timeout of the client below.
///
/// ```
/// use std::time::Duration;
/// use elbus::rpc::Options;
///
/// let options = Options::new().blocking_frames().timeout(Duration::from_secs(10));
/// ```
///
/// A blocking handler may call others: replies do not wait for handlers. Programs that are to work
/// with elbus 0.2 as well, where they do, and those whose calls should not queue up behind their own
/// replies, call by an `RpcClient` of their own on a secondary client (`register_secondary` on a
/// socket, `register_secondary_for` in the broker's process), which the handlers hold.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) blocking_notifications: bool,
    pub(crate) blocking_frames: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_tasks: Option<usize>,
}

impl Options {
    /// The default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles notifications one after the other, in the order of arrival. With
    /// [`blocking_frames`](Self::blocking_frames) the two share one order. Calls and replies are
    /// not held up, as long as no more events wait than [`max_tasks`](Self::max_tasks) says.
    #[must_use]
    pub fn blocking_notifications(mut self) -> Self {
        self.blocking_notifications = true;
        self
    }

    /// Handles publications and broadcasts one after the other, in the order of arrival.
    #[must_use]
    pub fn blocking_frames(mut self) -> Self {
        self.blocking_frames = true;
        self
    }

    /// Sets how long a call may take, from the first byte sent to the reply, and how long sending
    /// a reply may take. Unless set, it is the timeout of the client below, or
    /// [`INTERNAL_RPC_TIMEOUT`](crate::limits::INTERNAL_RPC_TIMEOUT) if that has none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how many handlers may run at a time (at least 1, by default
    /// [`DEFAULT_RPC_TASKS`](crate::limits::DEFAULT_RPC_TASKS), or
    /// [`DEFAULT_RPC_THREADS`](crate::limits::DEFAULT_RPC_THREADS) where each is a thread); blocking handlers do not count. Further events wait in order, up to
    /// [`MAX_RPC_WAITING`](crate::limits::MAX_RPC_WAITING) of them; then no more are taken from
    /// the client below. Replies to own calls do not wait, unless that last bound is reached.
    #[must_use]
    pub fn max_tasks(mut self, tasks: usize) -> Self {
        self.max_tasks = Some(tasks.max(1));
        self
    }
}
