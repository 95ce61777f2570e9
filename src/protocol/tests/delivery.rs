//! Frames from broker to client.

use proptest::prelude::*;

use super::super::delivery::{Delivery, HEADER_BYTES, PING, ack, decode, encode_head};
use super::super::operation::FrameKind;
use super::super::{DecodeError, Decoded};
use super::{NO_LIMIT, payload, text};

const EXAMPLE: &[u8] = b"\x12\x05\0\0\0\x01n0\0hi";

#[test]
fn the_example_of_the_specification() {
    assert_eq!(
        decode(EXAMPLE, NO_LIMIT),
        Ok(Decoded::Item {
            item: Delivery::Frame {
                kind: FrameKind::Message,
                realtime: true,
                sender: "n0",
                topic: None,
                payload: b"hi",
            },
            size: EXAMPLE.len(),
        })
    );
    let mut encoded = Vec::new();
    encode_head(&mut encoded, FrameKind::Message, true, "n0", None, 2).unwrap();
    encoded.extend_from_slice(b"hi");
    assert_eq!(encoded, EXAMPLE);
}

#[test]
fn the_ack_of_the_specification() {
    let bytes = *b"\xFE\x07\0\0\0\x01";
    assert_eq!(ack([7, 0, 0, 0], 0x01), bytes);
    let item = Delivery::Ack {
        op_id: [7, 0, 0, 0],
        code: 0x01,
    };
    let size = HEADER_BYTES;
    assert_eq!(decode(&bytes, 0), Ok(Decoded::Item { item, size }));
}

#[test]
fn a_publication_carries_its_topic() {
    let bytes = b"\x01\x07\0\0\0\0n\0a/b\0p";
    let mut encoded = Vec::new();
    encode_head(&mut encoded, FrameKind::Publish, false, "n", Some("a/b"), 1).unwrap();
    encoded.push(b'p');
    assert_eq!(encoded, bytes);
    assert_eq!(
        decode(bytes, NO_LIMIT),
        Ok(Decoded::Item {
            item: Delivery::Frame {
                kind: FrameKind::Publish,
                realtime: false,
                sender: "n",
                topic: Some("a/b"),
                payload: b"p",
            },
            size: bytes.len(),
        })
    );
}

#[test]
fn a_ping_is_six_zeros() {
    assert_eq!(PING, [0; 6]);
    let ping = Decoded::Item {
        item: Delivery::Ping,
        size: HEADER_BYTES,
    };
    assert_eq!(decode(&PING, 0), Ok(ping));
}

#[test]
fn every_kind_of_frame() {
    for kind in 0..=u8::MAX {
        let mut bytes = EXAMPLE.to_vec();
        bytes[0] = kind;
        let decoded = decode(&bytes, NO_LIMIT);
        match kind {
            0x00 | 0x12 | 0x13 | 0xFE => assert!(decoded.is_ok(), "kind {kind:#04x}"),
            // The example has no NUL after a topic.
            0x01 => assert_eq!(decoded, Err(DecodeError::MissingNul)),
            _ => assert_eq!(decoded, Err(DecodeError::UnknownCode(kind))),
        }
    }
}

#[test]
fn bad_text_is_refused() {
    let no_nul = b"\x12\x02\0\0\0\0hi";
    assert_eq!(decode(no_nul, NO_LIMIT), Err(DecodeError::MissingNul));
    let bad_sender = b"\x12\x02\0\0\0\0\xFF\0";
    assert_eq!(decode(bad_sender, NO_LIMIT), Err(DecodeError::NotUtf8));
    let bad_topic = b"\x01\x04\0\0\0\0n\0\xFF\0";
    assert_eq!(decode(bad_topic, NO_LIMIT), Err(DecodeError::NotUtf8));
}

#[test]
fn a_frame_cut_anywhere_is_incomplete() {
    for cut in 0..EXAMPLE.len() {
        let size = if cut < HEADER_BYTES {
            HEADER_BYTES
        } else {
            EXAMPLE.len()
        };
        assert_eq!(
            decode(&EXAMPLE[..cut], NO_LIMIT),
            Ok(Decoded::Incomplete { size }),
            "cut at {cut}"
        );
    }
}

#[test]
fn the_limit_is_for_the_declared_body() {
    assert!(decode(EXAMPLE, 5).is_ok());
    let refused = Err(DecodeError::TooLong {
        declared: 5,
        limit: 4,
    });
    assert_eq!(decode(&EXAMPLE[..HEADER_BYTES], 4), refused);
}

// A slice of that length does not exist where `usize` has 32 bits.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_body_beyond_the_length_field_is_not_encoded() {
    let mut out = b"before".to_vec();
    let beyond = u32::MAX as usize;
    let head = encode_head(&mut out, FrameKind::Message, false, "n", None, beyond);
    assert_eq!((head, out.as_slice()), (None, b"before".as_slice()));
}

proptest! {
    #[test]
    fn encoded_frames_decode_to_themselves(
        kind in prop::sample::select(&[FrameKind::Message, FrameKind::Broadcast, FrameKind::Publish]),
        realtime: bool,
        sender in text(),
        topic in text(),
        payload in payload(),
    ) {
        let topic = (kind == FrameKind::Publish).then_some(topic.as_str());
        let mut frame = Vec::new();
        encode_head(&mut frame, kind, realtime, &sender, topic, payload.len()).unwrap();
        frame.extend_from_slice(&payload);
        let item = Delivery::Frame { kind, realtime, sender: &sender, topic, payload: &payload };
        let size = frame.len();
        prop_assert_eq!(decode(&frame, NO_LIMIT), Ok(Decoded::Item { item, size }));
    }

    #[test]
    fn decoded_frames_encode_to_themselves(
        code in prop::sample::select(&[0x01_u8, 0x12, 0x13]),
        flag in 0..=1_u8,
        body in payload(),
    ) {
        let mut frame = vec![code];
        frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
        frame.push(flag);
        frame.extend_from_slice(&body);
        let Ok(Decoded::Item { item, size }) = decode(&frame, NO_LIMIT) else {
            return Ok(());
        };
        prop_assert_eq!(size, frame.len());
        let Delivery::Frame { kind, realtime, sender, topic, payload } = item else {
            panic!("not a frame: {item:?}");
        };
        let mut out = Vec::new();
        encode_head(&mut out, kind, realtime, sender, topic, payload.len()).unwrap();
        out.extend_from_slice(payload);
        prop_assert_eq!(out, frame);
    }

    #[test]
    fn acks_decode_to_themselves(op_id: [u8; 4], code: u8) {
        let item = Delivery::Ack { op_id, code };
        let bytes = ack(op_id, code);
        prop_assert_eq!(decode(&bytes, 0), Ok(Decoded::Item { item, size: bytes.len() }));
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(input in payload(), limit in 0_usize..64) {
        let _ = decode(&input, limit);
    }
}
