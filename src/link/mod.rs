//! A client's end of a connection, as far as it is the same for every client on a socket, whatever
//! runs it: bytes in and out, bounds, what waits for an answer. No I/O.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `config` | where to connect, and with which bounds |
//! | `opening` | what is said and expected in the handshake |
//! | `outgoing` | operations to frames |
//! | `incoming` | frames to acks and received frames |
//! | `pending` | operations that wait for the broker's answer |

mod config;
mod incoming;
mod opening;
mod outgoing;
mod pending;

pub use config::Config;
#[cfg(all(feature = "tls", feature = "ipc"))]
pub(crate) use config::TlsFiles;
pub(crate) use incoming::{Incoming, Rest, large_frame, split_frames};
pub(crate) use opening::{check_greeting, registration};
pub(crate) use outgoing::{encode_filters, encode_head};
pub(crate) use pending::Pending;
