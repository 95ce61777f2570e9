//! Where to connect, and with which bounds.

use std::time::Duration;

use crate::limits::DEFAULT_MAX_FRAME;
use crate::{DEFAULT_BUF_SIZE, DEFAULT_BUF_TTL, DEFAULT_QUEUE_SIZE, DEFAULT_TIMEOUT};

/// Options of a [`Client`](super::Client), builder style.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) buf_ttl: Duration,
    pub(super) queue_size: usize,
    pub(super) timeout: Duration,
    pub(super) max_frame: usize,
    buf_size: usize,
}

impl Config {
    /// Connect to the broker at `path`, a socket path or `HOST:PORT` (see
    /// [`Address`](crate::address::Address)), and register as `name`.
    pub fn new(path: &str, name: &str) -> Self {
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            buf_ttl: DEFAULT_BUF_TTL,
            queue_size: DEFAULT_QUEUE_SIZE,
            timeout: DEFAULT_TIMEOUT,
            max_frame: DEFAULT_MAX_FRAME,
            buf_size: DEFAULT_BUF_SIZE,
        }
    }

    /// Accepted for compatibility and without effect: buffers are shared by the connections of a
    /// thread, see [`READ_BUFFER_BYTES`](crate::limits::READ_BUFFER_BYTES).
    pub fn buf_size(mut self, bytes: usize) -> Self {
        self.buf_size = bytes;
        self
    }

    /// How long frames that are neither real-time nor to be confirmed may wait to be joined by
    /// others; zero: not at all. Below one millisecond, the resolution of the timers, they wait until
    /// the sending task next awaits. Default: 10 µs.
    pub fn buf_ttl(mut self, ttl: Duration) -> Self {
        self.buf_ttl = ttl;
        self
    }

    /// Frames that may wait in the event channel, and to be sent. Default: 8192.
    pub fn queue_size(mut self, frames: usize) -> Self {
        self.queue_size = frames;
        self
    }

    /// Bounds connecting, each confirmation, and a write without progress. Default: 1 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Longest frame that the broker is expected to send, in bytes; a longer one ends the
    /// connection. Default: 16 MiB.
    pub fn max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes;
        self
    }

    pub(super) fn with_name(mut self, name: String) -> Self {
        self.name = name;
        self
    }
}
