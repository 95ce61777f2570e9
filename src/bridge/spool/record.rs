//! Records of the log: messages, and how far messages are done with.
//!
//! ```text
//! u32  bytes that follow the checksum
//! u32  CRC-32 of the salt of the segment, the length, and what follows
//! u8   kind: 0 message, 1 message to be retained, 2 done
//! u64  message: its number; done: all with smaller numbers are done with
//! — messages only —
//! u64  wall clock when it was stored, ms since 1970
//! u32  seconds from the start of that run of the program until it was stored
//! u16  bytes of the topic
//! ..   topic, payload
//! ```
//!
//! All little endian. The salt is another one in each segment: what a file system leaves of a deleted
//! segment in the blocks of a new one is no record of that.

use super::Message;
use super::crc::Crc;

/// Length and checksum, in bytes.
pub(super) const HEAD_BYTES: usize = 8;

/// A record that says what is done with, in bytes.
pub(super) const DONE_BYTES: u64 = (HEAD_BYTES + DONE_BODY) as u64;

const DONE_BODY: usize = 1 + 8;
const MESSAGE_BODY: usize = DONE_BODY + 8 + 4 + 2;

const KIND_MESSAGE: u8 = 0;
const KIND_RETAINED: u8 = 1;
const KIND_DONE: u8 = 2;

/// Numbers on disk are below this, which no honest run ever reaches.
const END_OF_NUMBERS: u64 = 1 << 61;

/// A record as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record<'a> {
    Message(Stored<'a>),
    /// All messages with smaller numbers are done with.
    Done {
        below: u64,
    },
}

/// A message as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    pub(super) number: u64,
    pub(super) stamp_s: u32,
    pub(super) stored_ms: u64,
    pub(super) retain: bool,
    pub(super) topic: &'a str,
    pub(super) payload: &'a [u8],
}

impl Stored<'_> {
    /// What it counts in the statistics, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        (self.topic.len() + self.payload.len()) as u64
    }

    pub(super) fn to_message(self) -> Message {
        Message {
            topic: self.topic.to_owned(),
            payload: self.payload.to_vec(),
            retain: self.retain,
            stored_ms: self.stored_ms,
        }
    }
}

/// What the record of a message takes, in bytes.
pub(super) fn message_bytes(message: &Message) -> u64 {
    (HEAD_BYTES + MESSAGE_BODY + message.topic.len() + message.payload.len()) as u64
}

/// Appends the record of a message. Its topic is at most 65,535 bytes long.
pub(super) fn put_message(
    out: &mut Vec<u8>,
    salt: u64,
    number: u64,
    stamp_s: u32,
    message: &Message,
) {
    put(out, salt, |out| {
        out.push(match message.retain {
            true => KIND_RETAINED,
            false => KIND_MESSAGE,
        });
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&message.stored_ms.to_le_bytes());
        out.extend_from_slice(&stamp_s.to_le_bytes());
        out.extend_from_slice(&(message.topic.len() as u16).to_le_bytes());
        out.extend_from_slice(message.topic.as_bytes());
        out.extend_from_slice(&message.payload);
    });
}

/// Appends the record that all messages with smaller numbers are done with.
pub(super) fn put_done(out: &mut Vec<u8>, salt: u64, below: u64) {
    put(out, salt, |out| {
        out.push(KIND_DONE);
        out.extend_from_slice(&below.to_le_bytes());
    });
}

fn put(out: &mut Vec<u8>, salt: u64, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    body(out);
    let length = (out.len() - start - HEAD_BYTES) as u32;
    if let Some((head, body)) = out
        .get_mut(start..)
        .and_then(|record| record.split_at_mut_checked(HEAD_BYTES))
    {
        let crc = checksum(salt, length, body);
        let (first, second) = head.split_at_mut(4);
        first.copy_from_slice(&length.to_le_bytes());
        second.copy_from_slice(&crc.to_le_bytes());
    }
}

/// Bytes of the body that follows this head; `None` if no record can be that long or short.
pub(super) fn body_bytes(head: [u8; HEAD_BYTES]) -> Option<usize> {
    let (length, _) = split_head(head);
    let length = length as usize;
    (length >= DONE_BODY).then_some(length)
}

/// Reads a record; `None` if it is damaged.
pub(super) fn decode(salt: u64, head: [u8; HEAD_BYTES], body: &[u8]) -> Option<Record<'_>> {
    let (length, crc) = split_head(head);
    if length as usize != body.len() || crc != checksum(salt, length, body) {
        return None;
    }
    let (&[kind], rest) = body.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let number = u64::from_le_bytes(*number);
    if number >= END_OF_NUMBERS {
        return None;
    }
    let retain = match kind {
        KIND_DONE => return rest.is_empty().then_some(Record::Done { below: number }),
        KIND_MESSAGE => false,
        KIND_RETAINED => true,
        _ => return None,
    };
    let (stored_ms, rest) = rest.split_first_chunk()?;
    let (stamp_s, rest) = rest.split_first_chunk()?;
    let (topic_bytes, rest) = rest.split_first_chunk()?;
    let (topic, payload) = rest.split_at_checked(u16::from_le_bytes(*topic_bytes).into())?;
    Some(Record::Message(Stored {
        number,
        stamp_s: u32::from_le_bytes(*stamp_s),
        stored_ms: u64::from_le_bytes(*stored_ms),
        retain,
        topic: std::str::from_utf8(topic).ok()?,
        payload,
    }))
}

fn split_head(head: [u8; HEAD_BYTES]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = head;
    (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    )
}

fn checksum(salt: u64, length: u32, body: &[u8]) -> u32 {
    Crc::new()
        .update(&salt.to_le_bytes())
        .update(&length.to_le_bytes())
        .update(body)
        .value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            topic: "plant/tür".to_owned(),
            payload: vec![0, 255, 7],
            retain: true,
            stored_ms: u64::MAX,
        }
    }

    fn read(salt: u64, bytes: &[u8]) -> Option<Record<'_>> {
        let (head, body) = bytes.split_first_chunk()?;
        (body_bytes(*head)? == body.len()).then_some(())?;
        decode(salt, *head, body)
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 9, 77, 12, &message());
        assert_eq!(bytes.len() as u64, message_bytes(&message()));
        let Some(Record::Message(stored)) = read(9, &bytes) else {
            panic!("no message");
        };
        assert_eq!((stored.number, stored.stamp_s), (77, 12));
        assert_eq!(stored.bytes(), 13);
        assert_eq!(stored.to_message(), message());
    }

    #[test]
    fn so_is_what_is_done_with() {
        let mut bytes = Vec::new();
        put_done(&mut bytes, 9, 78);
        assert_eq!(bytes.len() as u64, DONE_BYTES);
        assert_eq!(read(9, &bytes), Some(Record::Done { below: 78 }));
    }

    #[test]
    fn each_changed_bit_is_noticed() {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 9, 77, 12, &message());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(9, &bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_record_belongs_to_its_segment() {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 9, 77, 12, &message());
        assert_eq!(read(10, &bytes), None);
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(read(0, &[0; 64]), None);
        assert_eq!(body_bytes([0; HEAD_BYTES]), None);
    }

    #[test]
    fn bodies_that_no_writer_makes_are_damage() {
        let written = |body: &[u8]| {
            let mut bytes = Vec::new();
            put(&mut bytes, 0, |out| out.extend_from_slice(body));
            bytes
        };
        let unknown_kind = [&[3][..], &[0; 22]].concat();
        let huge_number = [&[0][..], &[255; 8], &[0; 14]].concat();
        let long_topic = [&[0][..], &[0; 20], &[9, 0]].concat();
        let no_utf8 = [&[0][..], &[0; 20], &[1, 0, 0xFF]].concat();
        let long_done = [&[2][..], &[0; 9]].concat();
        for body in [unknown_kind, huge_number, long_topic, no_utf8, long_done] {
            assert_eq!(read(0, &written(&body)), None, "{body:?}");
        }
    }
}
