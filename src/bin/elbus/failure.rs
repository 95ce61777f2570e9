//! Why a command did not succeed, and what the shell gets to see of it.

use std::fmt;
use std::process::ExitCode;

use elbus::rpc::RpcError;

use crate::escape::printable;
use crate::output;

/// The end of a command that did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// Whoever read standard output has closed it: not an error, `head` does that.
    OutputClosed,
    /// The command line makes no sense; found after it was parsed.
    Usage(String),
    /// Something on this side failed: reading the payload, writing the result.
    Local(String),
    /// The bus refused or the connection failed; the text says what was attempted.
    Bus(String, elbus::Error),
    /// The called method, or the way to it, answered with an error.
    Rpc(RpcError),
}

impl Failure {
    /// The connection has ended although it was still needed.
    pub fn connection_closed() -> Self {
        Self::Local(elbus::ErrorKind::Eof.to_string())
    }

    /// Prints the failure and turns it into the exit status.
    pub fn report(&self) -> ExitCode {
        if !matches!(self, Self::OutputClosed) {
            output::complain(&printable(&self.to_string()));
        }
        ExitCode::from(self.status())
    }

    fn status(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Local(_) | Self::Bus(..) | Self::Rpc(_) => 1,
            Self::Usage(_) => 2,
        }
    }
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Self::Rpc(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutputClosed => f.write_str("standard output is closed"),
            Self::Usage(text) | Self::Local(text) => write!(f, "elbus: {text}"),
            Self::Bus(attempt, error) => write!(f, "elbus: {attempt}: {error}"),
            Self::Rpc(error) => {
                write!(f, "RPC Error {}: ", error.code())?;
                match error.data().unwrap_or_default() {
                    [] => f.write_str(&meaning(error.code())),
                    data => f.write_str(&String::from_utf8_lossy(data)),
                }
            }
        }
    }
}

/// What an error code says by itself (protocol, section 9).
fn meaning(code: i16) -> String {
    use elbus::rpc::{
        RPC_ERROR_CODE_INTERNAL, RPC_ERROR_CODE_INVALID_METHOD_PARAMS,
        RPC_ERROR_CODE_INVALID_REQUEST, RPC_ERROR_CODE_METHOD_NOT_FOUND, RPC_ERROR_CODE_PARSE,
    };
    let text = match code {
        RPC_ERROR_CODE_PARSE => "parse error",
        RPC_ERROR_CODE_INVALID_REQUEST => "invalid request",
        RPC_ERROR_CODE_METHOD_NOT_FOUND => "method not found",
        RPC_ERROR_CODE_INVALID_METHOD_PARAMS => "invalid method params",
        RPC_ERROR_CODE_INTERNAL => "internal error",
        // Errors of the bus are −32000 less the code on the wire.
        _ => match u8::try_from(-32000 - i32::from(code)) {
            Ok(bus_code) if bus_code > 0 => return elbus::ErrorKind::from(bus_code).to_string(),
            _ => "no details",
        },
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rpc(code: i16, data: Option<&str>) -> Failure {
        Failure::Rpc(RpcError::new(
            code,
            data.map(|text| text.as_bytes().to_vec()),
        ))
    }

    #[test]
    fn rpc_errors_show_code_and_data() {
        let failure = rpc(-777, Some("too fast"));
        assert_eq!(failure.to_string(), "RPC Error -777: too fast");
        assert_eq!(failure.status(), 1);
    }

    #[test]
    fn rpc_errors_without_data_show_what_the_code_means() {
        for (code, text) in [
            (-32601, "method not found"),
            (-32113, "client not registered"),
            (-32120, "timed out"),
            (-32255, "connection closed"),
            (-32000, "no details"),
            (i16::MIN, "no details"),
            (i16::MAX, "no details"),
        ] {
            let expected = format!("RPC Error {code}: {text}");
            assert_eq!(rpc(code, None).to_string(), expected);
        }
    }

    #[test]
    fn a_reader_that_has_enough_is_no_error() {
        assert_eq!(Failure::OutputClosed.status(), 0);
    }
}
