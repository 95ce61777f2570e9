//! Frames from broker to client (protocol, section 5).

use super::operation::FrameKind;
use super::request::OpId;
use super::{DecodeError, Decoded, OP_ACK, split_text};

/// Length of the header, in bytes: kind, body length or operation id, real-time flag or code.
pub const HEADER_BYTES: usize = 6;

/// A ping of the broker: six zero bytes.
pub const PING: [u8; HEADER_BYTES] = [0; HEADER_BYTES];

/// One frame of the broker.
#[derive(Debug, PartialEq, Eq)]
pub enum Delivery<'a> {
    /// The broker is alive.
    Ping,
    /// The answer to an operation.
    Ack {
        /// The operation id of the request.
        op_id: OpId,
        /// `01`, or an error code.
        code: u8,
    },
    /// A message, broadcast or publication.
    Frame {
        /// Which of them.
        kind: FrameKind,
        /// Sent with a real-time QoS.
        realtime: bool,
        /// Who sent it.
        sender: &'a str,
        /// The topic of a publication.
        topic: Option<&'a str>,
        /// Any bytes; always the tail of the frame.
        payload: &'a [u8],
    },
}

/// Decodes the frame at the start of `input`. `limit` bounds the body, in bytes.
///
/// # Errors
///
/// What no broker of this protocol sends; the stream cannot be read any further.
#[inline]
pub fn decode(input: &[u8], limit: usize) -> Result<Decoded<Delivery<'_>>, DecodeError> {
    let Some((header, rest)) = input.split_at_checked(HEADER_BYTES) else {
        return Ok(Decoded::Incomplete { size: HEADER_BYTES });
    };
    let word = [header[1], header[2], header[3], header[4]];
    let kind = FrameKind::try_from(header[0]).map_err(|_| DecodeError::UnknownCode(header[0]))?;
    let whole = |item| {
        Ok(Decoded::Item {
            item,
            size: HEADER_BYTES,
        })
    };
    match kind {
        FrameKind::Nop => return whole(Delivery::Ping),
        FrameKind::Acknowledge => {
            return whole(Delivery::Ack {
                op_id: word,
                code: header[5],
            });
        }
        FrameKind::Prepared => return Err(DecodeError::UnknownCode(header[0])),
        FrameKind::Message | FrameKind::Broadcast | FrameKind::Publish => {}
    }
    let declared = u32::from_le_bytes(word) as usize;
    if declared > limit {
        return Err(DecodeError::TooLong { declared, limit });
    }
    let size = HEADER_BYTES + declared;
    let Some(body) = rest.get(..declared) else {
        return Ok(Decoded::Incomplete { size });
    };
    let item = decode_body(kind, header[5] != 0, body)?;
    Ok(Decoded::Item { item, size })
}

#[inline]
fn decode_body(kind: FrameKind, realtime: bool, body: &[u8]) -> Result<Delivery<'_>, DecodeError> {
    let (sender, rest) = split_text(body)?;
    let (topic, payload) = match kind {
        FrameKind::Publish => split_text(rest).map(|(topic, payload)| (Some(topic), payload))?,
        _ => (None, rest),
    };
    Ok(Delivery::Frame {
        kind,
        realtime,
        sender,
        topic,
        payload,
    })
}

/// Where the payload begins in an incomplete frame of which [`decode`] has told the size. `None` if
/// too little of it is there.
pub fn payload_at(input: &[u8]) -> Option<usize> {
    let (header, body) = input.split_at_checked(HEADER_BYTES)?;
    let texts = match FrameKind::try_from(header[0]).ok()? {
        FrameKind::Publish => 2,
        _ => 1,
    };
    Some(HEADER_BYTES + super::texts_end(body, texts)?)
}

/// Decodes a frame of which `head` is all that precedes the payload, as [`payload_at`] has told. The
/// payload of the delivery is empty.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_head(head: &[u8]) -> Result<Delivery<'_>, DecodeError> {
    let (header, texts) = head
        .split_at_checked(HEADER_BYTES)
        .ok_or(DecodeError::MissingNul)?;
    let kind = FrameKind::try_from(header[0]).map_err(|_| DecodeError::UnknownCode(header[0]))?;
    decode_body(kind, header[5] != 0, texts)
}

/// Appends to `out` all of a frame but its payload. `None` if the body would not fit the length
/// field; `out` is unchanged then.
#[inline]
pub fn encode_head(
    out: &mut Vec<u8>,
    kind: FrameKind,
    realtime: bool,
    sender: &str,
    topic: Option<&str>,
    payload_bytes: usize,
) -> Option<()> {
    let topic_bytes = topic.map_or(0, |topic| topic.len() + 1);
    let body = u32::try_from(sender.len() + 1 + topic_bytes + payload_bytes).ok()?;
    let [a, b, c, d] = body.to_le_bytes();
    out.extend_from_slice(&[kind as u8, a, b, c, d, u8::from(realtime)]);
    out.extend_from_slice(sender.as_bytes());
    out.push(0);
    if let Some(topic) = topic {
        out.extend_from_slice(topic.as_bytes());
        out.push(0);
    }
    Some(())
}

/// Writes the body length of another payload into the head of a frame. It has to fit the length
/// field, as it does with every payload that is no longer than the one the head was encoded for.
#[inline]
pub fn set_payload_bytes(head: &mut [u8], payload_bytes: usize) {
    let body = (head.len() - HEADER_BYTES + payload_bytes) as u32;
    head[1..5].copy_from_slice(&body.to_le_bytes());
}

/// The ack of an operation.
#[inline]
pub fn ack(op_id: OpId, code: u8) -> [u8; HEADER_BYTES] {
    let [a, b, c, d] = op_id;
    [OP_ACK, a, b, c, d, code]
}
