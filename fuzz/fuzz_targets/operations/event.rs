//! What a client sees of the others and of the broker.

use std::fmt;

use elbus::FrameKind;
use elbus::broker::BROKER_NAME;

/// See the top of this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Ack {
        op_id: u32,
        code: u8,
    },
    Frame {
        kind: FrameKind,
        realtime: bool,
        sender: String,
        topic: Option<String>,
        payload: Payload,
    },
    /// The broker says that a client has come (`reg`) or gone (`unreg`).
    Announced {
        subject: String,
        name: String,
    },
}

#[derive(Clone, PartialEq, Eq)]
pub struct Payload(pub Vec<u8>);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = &self.0[..self.0.len().min(8)];
        write!(f, "{} bytes {first:02x?}", self.0.len())
    }
}

impl Event {
    /// From whom it comes; acks come with what `own` has sent.
    pub fn sender<'a>(&'a self, own: &'a str) -> &'a str {
        match self {
            Self::Ack { .. } => own,
            Self::Frame { sender, .. } => sender,
            Self::Announced { .. } => BROKER_NAME,
        }
    }
}
