//! Where to connect, and with which bounds.

#[cfg(all(feature = "tls", feature = "ipc"))]
use std::path::PathBuf;
use std::time::Duration;

use crate::limits::{DEFAULT_MAX_FRAME, DELIVERY_OVERHEAD};
use crate::protocol::SECONDARY_SEP;
use crate::protocol::names::is_secondary;
use crate::{DEFAULT_BUF_SIZE, DEFAULT_BUF_TTL, DEFAULT_QUEUE_SIZE, DEFAULT_TIMEOUT, Error};

/// The files of a client, all in PEM format.
#[cfg(all(feature = "tls", feature = "ipc"))]
#[derive(Debug, Clone, Default)]
pub(crate) struct TlsFiles {
    pub(crate) ca: Option<PathBuf>,
    /// Certificate and key.
    pub(crate) own: Option<(PathBuf, PathBuf)>,
}

/// Options of a client on a socket, builder style.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) buf_ttl: Duration,
    pub(crate) queue_size: usize,
    pub(crate) timeout: Duration,
    pub(crate) max_frame: usize,
    #[cfg(all(feature = "tls", feature = "ipc"))]
    pub(crate) tls: TlsFiles,
    buf_size: usize,
}

impl Config {
    /// Connect to the broker at `path`, a socket path, `HOST:PORT` or `tls://HOST:PORT` (see
    /// [`Address`](crate::address::Address)), and register as `name`.
    pub fn new(path: &str, name: &str) -> Self {
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            buf_ttl: DEFAULT_BUF_TTL,
            queue_size: DEFAULT_QUEUE_SIZE,
            timeout: DEFAULT_TIMEOUT,
            max_frame: DEFAULT_MAX_FRAME,
            #[cfg(all(feature = "tls", feature = "ipc"))]
            tls: TlsFiles::default(),
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
    /// the sending task next awaits. The blocking client writes each frame at once. Default: 10 µs.
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

    /// A PEM file with the certificates of the authorities that may vouch for the broker at
    /// `tls://HOST:PORT`; its certificate has to be for HOST, a name or an IP address. Without this
    /// file there is no connection: a broker of a plant is not vouched for by the authorities of the
    /// Internet, so these are not trusted.
    #[cfg(all(feature = "tls", feature = "ipc"))]
    pub fn tls_ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls.ca = Some(file.into());
        self
    }

    /// PEM files with the certificate of this client, followed by those between it and the authority
    /// that the broker trusts, and with its private key, not encrypted. A broker that asks for them
    /// permits only the names in the certificate. They are read with each connection, so that a
    /// renewed certificate is used by the next one.
    #[cfg(all(feature = "tls", feature = "ipc"))]
    pub fn tls_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.tls.own = Some((certificate.into(), key.into()));
        self
    }

    /// The same for a secondary of this client.
    ///
    /// # Errors
    ///
    /// `NotSupported` if this is one.
    pub(crate) fn for_secondary(&self, number: usize) -> Result<Self, Error> {
        if is_secondary(&self.name) {
            return Err(Error::not_supported(
                "a secondary client has no secondaries",
            ));
        }
        Ok(Self {
            name: format!("{}{SECONDARY_SEP}{number}", self.name),
            ..self.clone()
        })
    }

    /// Longest body of a frame from the broker, in bytes.
    pub(crate) fn max_body(&self) -> usize {
        self.max_frame.saturating_add(DELIVERY_OVERHEAD)
    }
}
