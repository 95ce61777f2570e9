//! Frames that repeat the one before.

use super::operation::QoS;
use super::request::HEADER_BYTES;

/// The frames at the start of some input that differ from the frame before them in their operation
/// ids and payloads only: same operation, same QoS, same target or topic. Whoever has checked and
/// routed the first has done so for them.
///
/// Frames of which only a part is there, and those that are too long, are none of them.
#[derive(Debug, Clone)]
pub struct Repetitions<'a> {
    flags: u8,
    /// The target or topic, with its NUL.
    text: &'a [u8],
    rest: &'a [u8],
    limit: usize,
}

impl<'a> Repetitions<'a> {
    /// Looks for repetitions of `first`, a whole frame that begins with a text, at the start of
    /// `rest`. `limit` bounds the body, in bytes.
    #[inline]
    pub fn new(first: &'a [u8], rest: &'a [u8], limit: usize) -> Self {
        let (header, body) = first.split_at(HEADER_BYTES);
        let nul = body.iter().position(|byte| *byte == 0);
        Self {
            flags: header[4],
            text: nul.map_or(&[], |nul| &body[..=nul]),
            // A frame without text has no repetitions.
            rest: nul.map_or(&[], |_| rest),
            limit,
        }
    }

    /// The payload of the next one.
    #[inline]
    pub fn peek(&self) -> Option<&'a [u8]> {
        let (header, rest) = self.rest.split_at_checked(HEADER_BYTES)?;
        let declared = u32::from_le_bytes([header[5], header[6], header[7], header[8]]) as usize;
        if header[4] != self.flags || declared > self.limit {
            return None;
        }
        rest.get(..declared)?.strip_prefix(self.text)
    }

    /// Goes past the one that was just peeked at.
    #[inline]
    pub fn advance(&mut self, payload: &[u8]) {
        self.rest = &self.rest[HEADER_BYTES + self.text.len() + payload.len()..];
    }

    /// The QoS of each of them.
    pub fn qos(&self) -> QoS {
        QoS::from_flags(self.flags)
    }

    /// What follows those that were gone past.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The target or topic of each of them, with its NUL.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }
}
