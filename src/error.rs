//! The one error type of the crate, and the codes it has on the wire.

use std::fmt;

use crate::protocol::{
    ERR_ACCESS, ERR_BUSY, ERR_CLIENT_NOT_REGISTERED, ERR_DATA, ERR_EOF, ERR_IO, ERR_NOT_DELIVERED,
    ERR_NOT_SUPPORTED, ERR_OTHER, ERR_TIMEOUT, RESPONSE_OK,
};

/// What went wrong, in the terms of the wire: each kind is one response code
/// (protocol, section 6).
#[derive(Debug, Eq, PartialEq, Copy, Clone, Hash)]
#[repr(u8)]
pub enum ErrorKind {
    /// `71`: no client of that name is registered.
    NotRegistered = ERR_CLIENT_NOT_REGISTERED,
    /// `72`: the data breaks a rule of the protocol or a bound of the broker.
    Data = ERR_DATA,
    /// `73`: the transport failed.
    Io = ERR_IO,
    /// `74`: anything that has no code of its own.
    Other = ERR_OTHER,
    /// `75`: the peer does not speak this protocol or operation.
    NotSupported = ERR_NOT_SUPPORTED,
    /// `76`: the name or the resource is taken.
    Busy = ERR_BUSY,
    /// `77`: the receiver's queue has no room.
    NotDelivered = ERR_NOT_DELIVERED,
    /// `78`: the peer did not answer in time.
    Timeout = ERR_TIMEOUT,
    /// `79`: the access rules forbid it.
    Access = ERR_ACCESS,
    /// `FF`: the connection has ended.
    Eof = ERR_EOF,
}

impl From<u8> for ErrorKind {
    /// Codes that this version does not know become [`ErrorKind::Other`].
    fn from(code: u8) -> Self {
        match code {
            ERR_CLIENT_NOT_REGISTERED => Self::NotRegistered,
            ERR_DATA => Self::Data,
            ERR_IO => Self::Io,
            ERR_NOT_SUPPORTED => Self::NotSupported,
            ERR_BUSY => Self::Busy,
            ERR_NOT_DELIVERED => Self::NotDelivered,
            ERR_TIMEOUT => Self::Timeout,
            ERR_ACCESS => Self::Access,
            ERR_EOF => Self::Eof,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRegistered => "client not registered",
            Self::Data => "data error",
            Self::Io => "I/O error",
            Self::Other => "other error",
            Self::NotSupported => "not supported",
            Self::Busy => "busy",
            Self::NotDelivered => "not delivered",
            Self::Timeout => "timed out",
            Self::Access => "access denied",
            Self::Eof => "connection closed",
        })
    }
}

/// An [`ErrorKind`] and, where there is more to say, a text for humans.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: Option<String>,
}

impl Error {
    /// An error of the given kind; the text is for humans only.
    pub fn new(kind: ErrorKind, message: Option<impl fmt::Display>) -> Self {
        Self {
            kind,
            message: message.map(|text| text.to_string()),
        }
    }

    /// An [`ErrorKind::Io`] error.
    pub fn io(e: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Io, Some(e))
    }

    /// An [`ErrorKind::Data`] error.
    pub fn data(e: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Data, Some(e))
    }

    /// An [`ErrorKind::Access`] error.
    pub fn access(e: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Access, Some(e))
    }

    /// An [`ErrorKind::NotSupported`] error.
    pub fn not_supported(e: impl fmt::Display) -> Self {
        Self::new(ErrorKind::NotSupported, Some(e))
    }

    /// An [`ErrorKind::Busy`] error.
    pub fn busy(e: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Busy, Some(e))
    }

    /// The [`ErrorKind::NotRegistered`] error.
    pub fn not_registered() -> Self {
        ErrorKind::NotRegistered.into()
    }

    /// The [`ErrorKind::NotDelivered`] error.
    pub fn not_delivered() -> Self {
        ErrorKind::NotDelivered.into()
    }

    /// The [`ErrorKind::Timeout`] error.
    pub fn timeout() -> Self {
        ErrorKind::Timeout.into()
    }

    /// The [`ErrorKind::Eof`] error.
    pub fn eof() -> Self {
        ErrorKind::Eof.into()
    }

    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self {
            kind,
            message: None,
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        Self::from(&e)
    }
}

impl From<&std::io::Error> for Error {
    /// The ways in which a stream ends (`UnexpectedEof`, `BrokenPipe`, `ConnectionReset`) are
    /// [`ErrorKind::Eof`], a timeout is [`ErrorKind::Timeout`], all else [`ErrorKind::Io`].
    fn from(e: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        match e.kind() {
            Io::UnexpectedEof | Io::BrokenPipe | Io::ConnectionReset => Self::eof(),
            Io::TimedOut => Self::timeout(),
            _ => Self::io(e),
        }
    }
}

#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
impl From<tokio::time::error::Elapsed> for Error {
    fn from(_: tokio::time::error::Elapsed) -> Self {
        Self::timeout()
    }
}

impl From<std::str::Utf8Error> for Error {
    fn from(e: std::str::Utf8Error) -> Self {
        Self::data(e)
    }
}

impl From<std::array::TryFromSliceError> for Error {
    fn from(e: std::array::TryFromSliceError) -> Self {
        Self::data(e)
    }
}

#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
impl<T> From<async_channel::SendError<T>> for Error {
    /// The receiving side of the channel is gone.
    fn from(_: async_channel::SendError<T>) -> Self {
        Self::eof()
    }
}

#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
impl From<tokio::sync::oneshot::error::RecvError> for Error {
    /// Whoever was to confirm is gone.
    fn from(_: tokio::sync::oneshot::error::RecvError) -> Self {
        Self::eof()
    }
}

/// Reads a response code as a result.
pub trait IntoElbusResult {
    /// `01` is `Ok`; every other code is the error of that kind.
    ///
    /// # Errors
    ///
    /// The error that the code stands for.
    fn to_elbus_result(self) -> Result<(), Error>;
}

impl IntoElbusResult for u8 {
    fn to_elbus_result(self) -> Result<(), Error> {
        match self {
            RESPONSE_OK => Ok(()),
            code => Err(ErrorKind::from(code).into()),
        }
    }
}
