//! The client's part of the handshake.

use crate::Error;
use crate::limits::MAX_NAME_BYTES;
use crate::protocol::handshake::{GREETING_BYTES, greeting, name_frame};

/// Checks what a broker says first.
///
/// # Errors
///
/// `NotSupported` if it is no broker, or one of another version.
pub(crate) fn check_greeting(peer_greeting: [u8; GREETING_BYTES]) -> Result<(), Error> {
    if peer_greeting == greeting() {
        return Ok(());
    }
    Err(Error::not_supported(
        "what answers is no broker of this protocol version",
    ))
}

/// The bytes that ask for a name.
///
/// # Errors
///
/// `Data` if it does not fit the length field. Whether it is a good one, the broker says.
pub(crate) fn registration(name: &str) -> Result<Vec<u8>, Error> {
    name_frame(name).ok_or_else(|| {
        Error::data(format_args!(
            "the name is longer than {MAX_NAME_BYTES} bytes"
        ))
    })
}
