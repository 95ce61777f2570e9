//! What a frame asks for: operation codes, kinds of delivered frames, quality of service.

use super::{
    OP_ACK, OP_BROADCAST, OP_EXCLUDE, OP_MESSAGE, OP_NOP, OP_PUBLISH, OP_PUBLISH_FOR, OP_SUBSCRIBE,
    OP_UNEXCLUDE, OP_UNSUBSCRIBE,
};
use crate::Error;

/// Operations of a client (protocol, section 3.1, and `04` to `06` of its successor).
#[derive(Debug, Eq, PartialEq, Copy, Clone)]
#[repr(u8)]
pub enum FrameOp {
    /// Ping.
    Nop = OP_NOP,
    /// Direct message.
    Message = OP_MESSAGE,
    /// Broadcast to a mask.
    Broadcast = OP_BROADCAST,
    /// Publication.
    PublishTopic = OP_PUBLISH,
    /// Publication for the subscribers of one primary name.
    PublishTopicFor = OP_PUBLISH_FOR,
    /// Start of subscriptions.
    SubscribeTopic = OP_SUBSCRIBE,
    /// End of subscriptions.
    UnsubscribeTopic = OP_UNSUBSCRIBE,
    /// Start of exclusions.
    ExcludeTopic = OP_EXCLUDE,
    /// End of exclusions.
    UnexcludeTopic = OP_UNEXCLUDE,
}

impl TryFrom<u8> for FrameOp {
    type Error = Error;

    fn try_from(code: u8) -> Result<Self, Error> {
        Ok(match code {
            OP_NOP => Self::Nop,
            OP_MESSAGE => Self::Message,
            OP_BROADCAST => Self::Broadcast,
            OP_PUBLISH => Self::PublishTopic,
            OP_PUBLISH_FOR => Self::PublishTopicFor,
            OP_SUBSCRIBE => Self::SubscribeTopic,
            OP_UNSUBSCRIBE => Self::UnsubscribeTopic,
            OP_EXCLUDE => Self::ExcludeTopic,
            OP_UNEXCLUDE => Self::UnexcludeTopic,
            _ => {
                return Err(Error::data(format_args!(
                    "unknown operation code {code:#04x}"
                )));
            }
        })
    }
}

/// Kinds of frames that a client receives (protocol, section 5).
#[derive(Debug, Eq, PartialEq, Copy, Clone)]
#[repr(u8)]
pub enum FrameKind {
    /// Encoded in advance; never received.
    Prepared = 0xFF,
    /// A direct message.
    Message = OP_MESSAGE,
    /// A broadcast.
    Broadcast = OP_BROADCAST,
    /// A publication.
    Publish = OP_PUBLISH,
    /// An acknowledgement; resolved by the client, never received.
    Acknowledge = OP_ACK,
    /// A ping; skipped by the client, never received.
    Nop = OP_NOP,
}

impl TryFrom<u8> for FrameKind {
    type Error = Error;

    /// Reads the code of a frame from the broker; none has that of [`FrameKind::Prepared`].
    fn try_from(code: u8) -> Result<Self, Error> {
        Ok(match code {
            OP_MESSAGE => Self::Message,
            OP_BROADCAST => Self::Broadcast,
            OP_PUBLISH => Self::Publish,
            OP_ACK => Self::Acknowledge,
            OP_NOP => Self::Nop,
            _ => return Err(Error::data(format_args!("unknown frame kind {code:#04x}"))),
        })
    }
}

/// Quality of service (protocol, section 3.2): whether an operation is acknowledged, and whether it
/// leaves at once or may wait a moment to be joined by others. Order is the same for all.
#[derive(Debug, Eq, PartialEq, Copy, Clone, Default)]
#[repr(u8)]
pub enum QoS {
    /// Neither acknowledged nor real-time.
    No = 0,
    /// Acknowledged.
    Processed = 1,
    /// Real-time.
    #[default]
    Realtime = 2,
    /// Real-time and acknowledged.
    RealtimeProcessed = 3,
}

impl QoS {
    /// True if frames leave at once instead of after the buffer TTL.
    pub fn is_realtime(self) -> bool {
        self as u8 & 0b10 != 0
    }

    /// True if the operation is acknowledged.
    pub fn needs_ack(self) -> bool {
        self as u8 & 0b01 != 0
    }

    /// The QoS in the two upper bits of a flags byte.
    pub(crate) fn from_flags(flags: u8) -> Self {
        match flags >> 6 {
            0 => Self::No,
            1 => Self::Processed,
            2 => Self::Realtime,
            _ => Self::RealtimeProcessed,
        }
    }
}

impl TryFrom<u8> for QoS {
    type Error = Error;

    fn try_from(code: u8) -> Result<Self, Error> {
        Ok(match code {
            0 => Self::No,
            1 => Self::Processed,
            2 => Self::Realtime,
            3 => Self::RealtimeProcessed,
            _ => return Err(Error::data(format_args!("unknown QoS {code}"))),
        })
    }
}
