//! The bytes that open a conversation (protocol, section 2).

use super::{GREETINGS, PROTOCOL_VERSION};

/// Length of the greeting, in bytes.
pub const GREETING_BYTES: usize = 3;

/// What both sides say first: the magic byte and the protocol version.
pub const fn greeting() -> [u8; GREETING_BYTES] {
    let version = PROTOCOL_VERSION.to_le_bytes();
    [GREETINGS[0], version[0], version[1]]
}

/// The frame in which a client says its name: a `u16` length and the name. `None` if the name does
/// not fit the length field.
pub fn name_frame(name: &str) -> Option<Vec<u8>> {
    let length = u16::try_from(name.len()).ok()?;
    let mut frame = Vec::with_capacity(2 + name.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(name.as_bytes());
    Some(frame)
}
