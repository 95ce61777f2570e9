//! The wire: constants, handshake, frames in both directions, the RPC layer. Pure functions from
//! bytes to meaning and back; no I/O and no clock.
//!
//! Programs that use a client do not need any of this. It is for those who write a client or a
//! broker of their own, look at recorded traffic, or test.
//!
//! ```
//! use elbus::protocol::Decoded;
//! use elbus::protocol::delivery::{self, Delivery};
//! use elbus::protocol::request::{self, Operation, Request};
//!
//! // A client sends `hi` to `bob`, and wants to know (QoS 3) ...
//! let sent = b"\x07\0\0\0\xD2\x06\0\0\0bob\0hi";
//! let Ok(Decoded::Item { item: Request::Operation { operation, .. }, size }) =
//!     request::decode(sent, 1024)
//! else {
//!     panic!("this is a whole frame");
//! };
//! assert_eq!(operation, Operation::Message { target: "bob", payload: b"hi" });
//! assert_eq!(size, sent.len());
//!
//! // ... and the broker says that it is in the queue of `bob`.
//! let Ok(Decoded::Item { item, .. }) = delivery::decode(b"\xFE\x07\0\0\0\x01", 1024) else {
//!     panic!("so is this");
//! };
//! assert_eq!(item, Delivery::Ack { op_id: [7, 0, 0, 0], code: 1 });
//!
//! // Of a part of a frame the decoder says how long it is going to be, as far as it can tell.
//! assert_eq!(request::decode(&sent[..10], 1024), Ok(Decoded::Incomplete { size: 15 }));
//! ```

pub mod delivery;
pub mod handshake;
pub mod names;
pub mod operation;
pub mod repetition;
pub mod request;
pub mod rpc;
#[cfg(test)]
mod tests;

/// No operation: a ping when all flag bits are clear.
pub const OP_NOP: u8 = 0x00;
/// Publish to a topic.
pub const OP_PUBLISH: u8 = 0x01;
/// Subscribe to topic filters.
pub const OP_SUBSCRIBE: u8 = 0x02;
/// End subscriptions.
pub const OP_UNSUBSCRIBE: u8 = 0x03;
/// Exclude topic filters from what the subscriptions bring.
pub const OP_EXCLUDE: u8 = 0x04;
/// End exclusions.
pub const OP_UNEXCLUDE: u8 = 0x05;
/// Publish to a topic for the subscribers of one primary name only.
pub const OP_PUBLISH_FOR: u8 = 0x06;
/// Direct message.
pub const OP_MESSAGE: u8 = 0x12;
/// Broadcast to a mask of client names.
pub const OP_BROADCAST: u8 = 0x13;
/// Acknowledgement; from the broker only.
pub const OP_ACK: u8 = 0xFE;

/// The version of the protocol that is spoken on the wire.
pub const PROTOCOL_VERSION: u16 = 1;

/// The first byte of a conversation.
pub const GREETINGS: [u8; 1] = [0xEB];

/// Accepted, done, delivered.
pub const RESPONSE_OK: u8 = 0x01;
/// Client not registered.
pub const ERR_CLIENT_NOT_REGISTERED: u8 = 0x71;
/// Data error.
pub const ERR_DATA: u8 = 0x72;
/// I/O error.
pub const ERR_IO: u8 = 0x73;
/// Other error.
pub const ERR_OTHER: u8 = 0x74;
/// Not supported.
pub const ERR_NOT_SUPPORTED: u8 = 0x75;
/// Busy: the name is taken, or the broker is full.
pub const ERR_BUSY: u8 = 0x76;
/// Not delivered: the receiver's queue is full.
pub const ERR_NOT_DELIVERED: u8 = 0x77;
/// Timeout.
pub const ERR_TIMEOUT: u8 = 0x78;
/// Access denied.
pub const ERR_ACCESS: u8 = 0x79;
/// The connection has ended; never on the wire.
pub const ERR_EOF: u8 = 0xFF;

/// A ping from a client: nine zero bytes.
pub const PING_FRAME: &[u8] = &[0; 9];

/// Separates the primary name from the suffix of a secondary client.
pub const SECONDARY_SEP: &str = "%%";

/// What a decoder found at the start of its input.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded<T> {
    /// A whole item.
    Item {
        /// The item; borrows from the input.
        item: T,
        /// How many bytes of the input it took.
        size: usize,
    },
    /// Only the beginning of an item.
    Incomplete {
        /// How many bytes the item takes, as far as the beginning tells.
        size: usize,
    },
}

/// Why a byte stream is not this protocol. The connection cannot go on after any of these.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum DecodeError {
    /// No operation or frame kind has this code.
    UnknownCode(u8),
    /// The declared body is longer than the configured limit (both in bytes).
    TooLong {
        /// What the header announces.
        declared: usize,
        /// What is allowed.
        limit: usize,
    },
    /// A target, mask, topic or sender is not closed by a NUL.
    MissingNul,
    /// A target, mask, topic or sender is not UTF-8.
    NotUtf8,
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownCode(code) => write!(f, "unknown operation code {code:#04x}"),
            Self::TooLong { declared, limit } => {
                write!(
                    f,
                    "frame of {declared} bytes announced, the limit is {limit}"
                )
            }
            Self::MissingNul => f.write_str("no NUL after the target or topic"),
            Self::NotUtf8 => f.write_str("target or topic is not valid UTF-8"),
        }
    }
}

impl From<DecodeError> for crate::Error {
    fn from(e: DecodeError) -> Self {
        Self::data(e)
    }
}

/// Where `count` texts, each closed by a NUL, end in `body`.
fn texts_end(body: &[u8], count: usize) -> Option<usize> {
    let nuls = body.iter().enumerate().filter(|(_, byte)| **byte == 0);
    nuls.map(|(at, _)| at + 1).nth(count - 1)
}

/// Splits `body` at its first NUL: the text before it, and what follows.
fn split_text(body: &[u8]) -> Result<(&str, &[u8]), DecodeError> {
    let end = body
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(DecodeError::MissingNul)?;
    let text = std::str::from_utf8(&body[..end]).map_err(|_| DecodeError::NotUtf8)?;
    Ok((text, &body[end + 1..]))
}
