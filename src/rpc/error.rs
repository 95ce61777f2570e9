//! Why a call failed: a code for programs, and data that is text for humans by convention.

use std::fmt;

use super::event::{RpcEvent, RpcEventKind};
use super::{
    RPC_ERROR_CODE_INTERNAL, RPC_ERROR_CODE_INVALID_METHOD_PARAMS, RPC_ERROR_CODE_INVALID_REQUEST,
    RPC_ERROR_CODE_METHOD_NOT_FOUND, RPC_ERROR_CODE_PARSE,
};
use crate::{Error, ErrorKind};

/// The code of bus error `c` is this minus `c`.
const BUS_ERROR_BASE: i16 = -32_000;

/// The failure of a call, as the handler gave it or as the caller found it.
///
/// Errors of the bus itself have the codes −32000 − c, where c is the code of their
/// [`ErrorKind`]: −32113 if the target is not registered, −32120 after a timeout, −32255 when the
/// connection is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpcError {
    code: i16,
    data: Option<Vec<u8>>,
}

/// The answer to a call; `None` is an empty result.
pub type RpcResult = Result<Option<Vec<u8>>, RpcError>;

impl RpcError {
    /// An error with a code of the application or of [`rpc`](super).
    pub fn new(code: i16, data: Option<Vec<u8>>) -> Self {
        Self { code, data }
    }

    /// [`RPC_ERROR_CODE_METHOD_NOT_FOUND`].
    pub fn method(data: Option<Vec<u8>>) -> Self {
        Self::new(RPC_ERROR_CODE_METHOD_NOT_FOUND, data)
    }

    /// [`RPC_ERROR_CODE_INVALID_METHOD_PARAMS`].
    pub fn params(data: Option<Vec<u8>>) -> Self {
        Self::new(RPC_ERROR_CODE_INVALID_METHOD_PARAMS, data)
    }

    /// [`RPC_ERROR_CODE_PARSE`].
    pub fn parse(data: Option<Vec<u8>>) -> Self {
        Self::new(RPC_ERROR_CODE_PARSE, data)
    }

    /// [`RPC_ERROR_CODE_INVALID_REQUEST`].
    pub fn invalid(data: Option<Vec<u8>>) -> Self {
        Self::new(RPC_ERROR_CODE_INVALID_REQUEST, data)
    }

    /// [`RPC_ERROR_CODE_INTERNAL`].
    pub fn internal(data: Option<Vec<u8>>) -> Self {
        Self::new(RPC_ERROR_CODE_INTERNAL, data)
    }

    /// The code, for callers that decide by it.
    pub fn code(&self) -> i16 {
        self.code
    }

    /// What came with the code; `None` if nothing did.
    pub fn data(&self) -> Option<&[u8]> {
        self.data.as_deref()
    }

    pub(crate) fn into_data(self) -> Option<Vec<u8>> {
        self.data
    }

    /// Text as error data.
    pub fn convert_data(data: impl fmt::Display) -> Vec<u8> {
        data.to_string().into_bytes()
    }
}

/// Text as the data of an [`RpcError`].
///
/// ```
/// use elbus::rpc::{RpcError, rpc_err_str};
///
/// let error = RpcError::params(rpc_err_str("no such valve"));
/// assert_eq!(error.data(), Some(b"no such valve".as_slice()));
/// ```
pub fn rpc_err_str(text: impl fmt::Display) -> Option<Vec<u8>> {
    Some(RpcError::convert_data(text))
}

impl fmt::Display for RpcError {
    /// The code, and the data as text. It may come from a peer, so nothing that a terminal or a
    /// log would obey gets through.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RPC error {}", self.code)?;
        match self.data() {
            None | Some([]) => Ok(()),
            Some(data) => write!(f, ": {}", String::from_utf8_lossy(data).escape_debug()),
        }
    }
}

impl std::error::Error for RpcError {}

impl TryFrom<&RpcEvent> for RpcError {
    type Error = Error;

    /// The error that an error reply carries.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Data`] for every other kind of event.
    fn try_from(event: &RpcEvent) -> Result<Self, Error> {
        if event.kind() != RpcEventKind::ErrorReply {
            return Err(Error::data(format_args!("not an error: {}", event.kind())));
        }
        let data = event.payload();
        Ok(Self::new(
            event.code(),
            (!data.is_empty()).then(|| data.to_vec()),
        ))
    }
}

impl From<ErrorKind> for RpcError {
    fn from(kind: ErrorKind) -> Self {
        Self::new(BUS_ERROR_BASE - i16::from(kind as u8), None)
    }
}

impl From<Error> for RpcError {
    fn from(e: Error) -> Self {
        Self {
            data: rpc_err_str(&e),
            ..e.kind().into()
        }
    }
}

impl From<rmp_serde::decode::Error> for RpcError {
    fn from(e: rmp_serde::decode::Error) -> Self {
        Self::parse(rpc_err_str(e))
    }
}

impl From<rmp_serde::encode::Error> for RpcError {
    fn from(e: rmp_serde::encode::Error) -> Self {
        Self::internal(rpc_err_str(e))
    }
}

impl From<std::io::Error> for RpcError {
    fn from(e: std::io::Error) -> Self {
        Self::internal(rpc_err_str(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_errors_have_the_codes_of_the_protocol() {
        let codes = [
            (ErrorKind::NotRegistered, -32_113),
            (ErrorKind::Data, -32_114),
            (ErrorKind::Io, -32_115),
            (ErrorKind::Other, -32_116),
            (ErrorKind::NotSupported, -32_117),
            (ErrorKind::Busy, -32_118),
            (ErrorKind::NotDelivered, -32_119),
            (ErrorKind::Timeout, -32_120),
            (ErrorKind::Access, -32_121),
            (ErrorKind::Eof, -32_255),
        ];
        for (kind, code) in codes {
            assert_eq!(RpcError::from(Error::from(kind)).code(), code, "{kind:?}");
        }
    }

    #[test]
    fn constructors_have_the_codes_of_the_protocol() {
        let codes = [
            RpcError::parse(None),
            RpcError::invalid(None),
            RpcError::method(None),
            RpcError::params(None),
            RpcError::internal(None),
        ]
        .map(|e| e.code());
        assert_eq!(codes, [-32_700, -32_600, -32_601, -32_602, -32_603]);
    }

    #[test]
    fn foreign_errors_are_parse_or_internal() {
        let decode = rmp_serde::from_slice::<u8>(b"\xC1").unwrap_err();
        let encode = rmp_serde::encode::Error::UnknownLength;
        assert_eq!(RpcError::from(decode).code(), RPC_ERROR_CODE_PARSE);
        assert_eq!(RpcError::from(encode).code(), RPC_ERROR_CODE_INTERNAL);
        let io = RpcError::from(std::io::Error::other("disk on fire"));
        assert_eq!(io, RpcError::internal(rpc_err_str("disk on fire")));
    }

    #[test]
    fn data_of_a_peer_is_shown_harmless() {
        let text = |data: &[u8]| RpcError::new(5, Some(data.to_vec())).to_string();
        assert_eq!(text(b""), "RPC error 5");
        assert_eq!(text("kaputt: Öl".as_bytes()), "RPC error 5: kaputt: Öl");
        assert_eq!(text(b"\x1b[2J\n\xFF"), "RPC error 5: \\u{1b}[2J\\n\u{fffd}");
        assert_eq!(RpcError::new(5, None).to_string(), "RPC error 5");
    }
}
