//! Frames to acks and received frames.

use std::sync::Arc;

use crate::protocol::delivery::{Delivery, decode, decode_head, payload_at};
use crate::protocol::{DecodeError, Decoded};
use crate::{Frame, FrameData};

/// What arrives at a client. Pings need no attention.
pub(crate) enum Incoming {
    /// The answer to an operation.
    Ack {
        /// That of the operation.
        op_id: u32,
        /// `01`, or an error code.
        code: u8,
    },
    /// A message, broadcast or publication.
    Frame(Frame),
}

/// Where the whole frames end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Bytes of the frames that were whole.
    pub(crate) consumed: usize,
    /// Of the frame that comes next, in bytes, as far as known.
    pub(crate) size: usize,
    /// Where its payload begins, if that can be told.
    pub(crate) payload_at: Option<usize>,
}

/// Gives every whole frame in `bytes` to `take`. `limit` bounds the body of each, in bytes.
///
/// # Errors
///
/// What no broker of this protocol sends; what came before has been taken.
pub(crate) fn split_frames(
    bytes: &[u8],
    limit: usize,
    mut take: impl FnMut(Incoming),
) -> Result<Rest, DecodeError> {
    let mut consumed = 0;
    loop {
        let rest = &bytes[consumed..];
        match decode(rest, limit)? {
            Decoded::Item { item, size } => {
                consumed += size;
                match item {
                    Delivery::Ping => {}
                    Delivery::Ack { op_id, code } => take(Incoming::Ack {
                        op_id: u32::from_le_bytes(op_id),
                        code,
                    }),
                    Delivery::Frame {
                        kind,
                        realtime,
                        sender,
                        topic,
                        payload,
                    } => {
                        let payload = payload.into();
                        let frame =
                            FrameData::received(kind, realtime, sender, topic, None, payload);
                        take(Incoming::Frame(Arc::new(frame)));
                    }
                }
            }
            Decoded::Incomplete { size } => {
                return Ok(Rest {
                    consumed,
                    size,
                    payload_at: payload_at(rest),
                });
            }
        }
    }
}

/// The frame whose payload was received by itself; `head` is all that precedes it. `None` if it is
/// nothing for the application.
///
/// # Errors
///
/// As [`split_frames`].
pub(crate) fn large_frame(head: &[u8], payload: Vec<u8>) -> Result<Option<Frame>, DecodeError> {
    let Delivery::Frame {
        kind,
        realtime,
        sender,
        topic,
        ..
    } = decode_head(head)?
    else {
        return Ok(None);
    };
    let frame = FrameData::received(kind, realtime, sender, topic, None, payload.into());
    Ok(Some(Arc::new(frame)))
}
