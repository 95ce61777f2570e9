//! Operations to frames.

use crate::protocol::operation::FrameOp;
use crate::protocol::request;
use crate::{Error, QoS};

/// Appends to `out` all of a frame but its payload: the header and the text parts. `payload_bytes` is
/// what follows.
///
/// # Errors
///
/// `Data` if a text contains a NUL, or the body does not fit the length field.
pub(crate) fn encode_head(
    out: &mut Vec<u8>,
    op_id: u32,
    op: FrameOp,
    qos: QoS,
    texts: &[&str],
    payload_bytes: usize,
) -> Result<(), Error> {
    check_texts(texts)?;
    request::encode_head(out, op_id, op, qos, texts, payload_bytes).ok_or_else(too_long)
}

/// Appends to `out` a whole frame that carries topic filters.
///
/// # Errors
///
/// As [`encode_head`].
pub(crate) fn encode_filters(
    out: &mut Vec<u8>,
    op_id: u32,
    op: FrameOp,
    qos: QoS,
    filters: &[&str],
) -> Result<(), Error> {
    check_texts(filters)?;
    request::encode_filters(out, op_id, op, qos, filters).ok_or_else(too_long)
}

fn too_long() -> Error {
    Error::data("the frame is longer than the protocol can say")
}

/// A NUL would end a name or topic early, and what follows would be read as something else.
fn check_texts(texts: &[&str]) -> Result<(), Error> {
    match texts.iter().find(|text| text.contains('\0')) {
        None => Ok(()),
        Some(text) => Err(Error::data(format_args!(
            "NUL in the name or topic {text:?}"
        ))),
    }
}
