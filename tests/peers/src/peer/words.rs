//! What a peer says and expects, whichever way its library works.

use super::bus::rpc::RpcError;
use super::bus::{Error, ErrorKind, QoS};
use super::output::show;

/// The code of the errors that the method `fail` returns, the same in every peer.
pub(crate) const FAIL_CODE: i16 = -777;

/// Calls ask for an acknowledgement, as the Python packages do.
pub(crate) const CALL_QOS: QoS = QoS::Processed;

/// What follows `error` when a call fails: the code, and the data if there is any.
pub(crate) fn error_text(error: &RpcError) -> String {
    match error.data() {
        Some(data) if !data.is_empty() => format!("rpc {} {}", error.code(), show(data)),
        _ => format!("rpc {}", error.code()),
    }
}

pub(crate) fn parse_qos(word: &str) -> Result<QoS, String> {
    let number: u8 = word.parse().map_err(|_| "usage".to_owned())?;
    number.try_into().map_err(|e: Error| kind_word(&e))
}

pub(crate) fn kind_word(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotRegistered => "not-registered",
        ErrorKind::NotSupported => "not-supported",
        ErrorKind::Io => "io",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Data => "data",
        ErrorKind::Busy => "busy",
        ErrorKind::NotDelivered => "not-delivered",
        ErrorKind::Access => "access",
        ErrorKind::Eof => "eof",
        ErrorKind::Other => "other",
    }
    .to_owned()
}
