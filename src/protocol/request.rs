//! Frames from client to broker (protocol, section 3).

use super::operation::{FrameOp, QoS};
use super::{DecodeError, Decoded, OP_NOP, split_text};

/// Length of the header, in bytes: operation id, flags, body length.
pub const HEADER_BYTES: usize = 9;

/// The operation id as it stands on the wire. The broker only echoes it.
pub type OpId = [u8; 4];

/// One frame of a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Nothing to do; the client is alive.
    Ping,
    /// Something to do.
    Operation {
        /// Echoed in the ack.
        op_id: OpId,
        /// Whether to acknowledge, and how fast to deliver.
        qos: QoS,
        /// What to do.
        operation: Operation<'a>,
    },
}

/// What a client asks for. All text is valid UTF-8 without NUL.
#[derive(Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// `01`: publish to a topic.
    Publish {
        /// The topic; wildcards have no meaning in it.
        topic: &'a str,
        /// Any bytes.
        payload: &'a [u8],
    },
    /// `06`: publish to a topic, for one receiver and its secondaries.
    PublishFor {
        /// The topic.
        topic: &'a str,
        /// The primary name of the receiver.
        receiver: &'a str,
        /// Any bytes.
        payload: &'a [u8],
    },
    /// `12`: direct message.
    Message {
        /// The name of the receiver.
        target: &'a str,
        /// Any bytes.
        payload: &'a [u8],
    },
    /// `13`: broadcast.
    Broadcast {
        /// The mask of names.
        mask: &'a str,
        /// Any bytes.
        payload: &'a [u8],
    },
    /// `02`: subscribe.
    Subscribe(Filters<'a>),
    /// `03`: unsubscribe.
    Unsubscribe(Filters<'a>),
    /// `04`: exclude.
    Exclude(Filters<'a>),
    /// `05`: end an exclusion.
    Unexclude(Filters<'a>),
}

/// The topic filters of one frame: the body, split at its NULs. Empty pieces count.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Filters<'a>(&'a str);

impl<'a> Filters<'a> {
    /// Each filter, in the order of the frame. There is at least one.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        self.0.split('\0')
    }
}

/// Decodes the frame at the start of `input`. `limit` bounds the body, in bytes.
///
/// # Errors
///
/// What makes the connection end (protocol, section 3.4).
#[inline]
pub fn decode(input: &[u8], limit: usize) -> Result<Decoded<Request<'_>>, DecodeError> {
    let Some((header, rest)) = input.split_at_checked(HEADER_BYTES) else {
        return Ok(Decoded::Incomplete { size: HEADER_BYTES });
    };
    let flags = header[4];
    if flags == OP_NOP {
        return Ok(Decoded::Item {
            item: Request::Ping,
            size: HEADER_BYTES,
        });
    }
    let code = flags & 0x3F;
    let op = FrameOp::try_from(code).map_err(|_| DecodeError::UnknownCode(flags))?;
    let declared = u32::from_le_bytes([header[5], header[6], header[7], header[8]]) as usize;
    if declared > limit {
        return Err(DecodeError::TooLong { declared, limit });
    }
    let size = HEADER_BYTES + declared;
    let Some(body) = rest.get(..declared) else {
        return Ok(Decoded::Incomplete { size });
    };
    let item = decode_parts(header, op, body)?;
    Ok(Decoded::Item { item, size })
}

#[inline]
fn decode_parts<'a>(
    header: &[u8],
    op: FrameOp,
    body: &'a [u8],
) -> Result<Request<'a>, DecodeError> {
    let flags = header[4];
    let operation = decode_body(op, body)?.ok_or(DecodeError::UnknownCode(flags))?;
    Ok(Request::Operation {
        op_id: [header[0], header[1], header[2], header[3]],
        qos: QoS::from_flags(flags),
        operation,
    })
}

/// Where the payload begins in an incomplete frame of which [`decode`] has told the size. `None` if
/// it has none, or if too little of it is there.
pub fn payload_at(input: &[u8]) -> Option<usize> {
    let (header, body) = input.split_at_checked(HEADER_BYTES)?;
    let texts = match FrameOp::try_from(header[4] & 0x3F).ok()? {
        FrameOp::Message | FrameOp::Broadcast | FrameOp::PublishTopic => 1,
        FrameOp::PublishTopicFor => 2,
        _ => return None,
    };
    Some(HEADER_BYTES + super::texts_end(body, texts)?)
}

/// Decodes a frame of which `head` is all that precedes the payload, as [`payload_at`] has told. The
/// payload of the operation is empty.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_head(head: &[u8]) -> Result<Request<'_>, DecodeError> {
    let (header, texts) = head
        .split_at_checked(HEADER_BYTES)
        .ok_or(DecodeError::MissingNul)?;
    let flags = header[4];
    let op = FrameOp::try_from(flags & 0x3F).map_err(|_| DecodeError::UnknownCode(flags))?;
    decode_parts(header, op, texts)
}

/// `None` for a NOP that asks for a QoS, which is no ping and no operation.
#[inline]
fn decode_body(op: FrameOp, body: &[u8]) -> Result<Option<Operation<'_>>, DecodeError> {
    let filters = || match std::str::from_utf8(body) {
        Ok(text) => Ok(Filters(text)),
        Err(_) => Err(DecodeError::NotUtf8),
    };
    Ok(Some(match op {
        FrameOp::Nop => return Ok(None),
        FrameOp::Message => {
            let (target, payload) = split_text(body)?;
            Operation::Message { target, payload }
        }
        FrameOp::Broadcast => {
            let (mask, payload) = split_text(body)?;
            Operation::Broadcast { mask, payload }
        }
        FrameOp::PublishTopic => {
            let (topic, payload) = split_text(body)?;
            Operation::Publish { topic, payload }
        }
        FrameOp::PublishTopicFor => {
            let (topic, rest) = split_text(body)?;
            let (receiver, payload) = split_text(rest)?;
            Operation::PublishFor {
                topic,
                receiver,
                payload,
            }
        }
        FrameOp::SubscribeTopic => Operation::Subscribe(filters()?),
        FrameOp::UnsubscribeTopic => Operation::Unsubscribe(filters()?),
        FrameOp::ExcludeTopic => Operation::Exclude(filters()?),
        FrameOp::UnexcludeTopic => Operation::Unexclude(filters()?),
    }))
}

/// Appends to `out` all of a frame but its payload: the header and the text parts, each closed by a
/// NUL. `None` if the body would not fit the length field; `out` is unchanged then.
pub fn encode_head(
    out: &mut Vec<u8>,
    op_id: u32,
    op: FrameOp,
    qos: QoS,
    texts: &[&str],
    payload_bytes: usize,
) -> Option<()> {
    let text_bytes: usize = texts.iter().map(|text| text.len() + 1).sum();
    put_header(out, op_id, op, qos, text_bytes + payload_bytes)?;
    for text in texts {
        out.extend_from_slice(text.as_bytes());
        out.push(0);
    }
    Some(())
}

/// Appends to `out` a whole frame that carries topic filters. `None` if the body would not fit the
/// length field; `out` is unchanged then.
pub fn encode_filters(
    out: &mut Vec<u8>,
    op_id: u32,
    op: FrameOp,
    qos: QoS,
    filters: &[&str],
) -> Option<()> {
    let separators = filters.len().saturating_sub(1);
    let text_bytes: usize = filters.iter().map(|filter| filter.len()).sum();
    put_header(out, op_id, op, qos, text_bytes + separators)?;
    for (i, filter) in filters.iter().enumerate() {
        if i > 0 {
            out.push(0);
        }
        out.extend_from_slice(filter.as_bytes());
    }
    Some(())
}

fn put_header(out: &mut Vec<u8>, op_id: u32, op: FrameOp, qos: QoS, body: usize) -> Option<()> {
    let body = u32::try_from(body).ok()?;
    out.extend_from_slice(&op_id.to_le_bytes());
    out.push(op as u8 | (qos as u8) << 6);
    out.extend_from_slice(&body.to_le_bytes());
    Some(())
}
