//! Frames from client to broker.

use proptest::prelude::*;

use super::super::operation::{FrameOp, QoS};
use super::super::request::{
    HEADER_BYTES, Operation, Request, decode, encode_filters, encode_head,
};
use super::super::{DecodeError, Decoded, PING_FRAME};
use super::{ALL_QOS, NO_LIMIT, payload, qos, text};

/// A whole frame, field by field, without help from the encoder.
fn raw(op_id: u32, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = op_id.to_le_bytes().to_vec();
    frame.push(flags);
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(body);
    frame
}

fn whole(input: &[u8]) -> Operation<'_> {
    match decode(input, NO_LIMIT) {
        Ok(Decoded::Item {
            item: Request::Operation { operation, .. },
            size,
        }) => {
            assert_eq!(size, input.len());
            operation
        }
        other => panic!("not a whole operation: {other:?}"),
    }
}

fn filters_of<'a>(operation: &Operation<'a>) -> Vec<&'a str> {
    match operation {
        Operation::Subscribe(f)
        | Operation::Unsubscribe(f)
        | Operation::Exclude(f)
        | Operation::Unexclude(f) => f.iter().collect(),
        other => panic!("no filters in {other:?}"),
    }
}

#[test]
fn the_example_of_the_specification() {
    let bytes = b"\x07\0\0\0\xD2\x06\0\0\0bob\0hi";
    assert_eq!(
        decode(bytes, NO_LIMIT),
        Ok(Decoded::Item {
            item: Request::Operation {
                op_id: [7, 0, 0, 0],
                qos: QoS::RealtimeProcessed,
                operation: Operation::Message {
                    target: "bob",
                    payload: b"hi"
                },
            },
            size: bytes.len(),
        })
    );
    let mut encoded = Vec::new();
    encode_head(
        &mut encoded,
        7,
        FrameOp::Message,
        QoS::RealtimeProcessed,
        &["bob"],
        2,
    )
    .unwrap();
    encoded.extend_from_slice(b"hi");
    assert_eq!(encoded, bytes);
}

#[test]
fn every_code_with_every_qos() {
    let body = b"t\0r\0p";
    for code in 0x00..=0x3F_u8 {
        for qos in ALL_QOS {
            let flags = code | (qos as u8) << 6;
            let frame = raw(0xDDCC_BBAA, flags, body);
            let decoded = decode(&frame, NO_LIMIT);
            let operation = match code {
                0x00 if qos == QoS::No => {
                    let ping = Decoded::Item {
                        item: Request::Ping,
                        size: HEADER_BYTES,
                    };
                    assert_eq!(decoded, Ok(ping));
                    continue;
                }
                0x01 => Operation::Publish {
                    topic: "t",
                    payload: b"r\0p",
                },
                0x06 => Operation::PublishFor {
                    topic: "t",
                    receiver: "r",
                    payload: b"p",
                },
                0x12 => Operation::Message {
                    target: "t",
                    payload: b"r\0p",
                },
                0x13 => Operation::Broadcast {
                    mask: "t",
                    payload: b"r\0p",
                },
                0x02..=0x05 => {
                    assert_eq!(filters_of(&whole(&frame)), ["t", "r", "p"]);
                    continue;
                }
                _ => {
                    assert_eq!(decoded, Err(DecodeError::UnknownCode(flags)));
                    continue;
                }
            };
            let expected = Decoded::Item {
                item: Request::Operation {
                    op_id: [0xAA, 0xBB, 0xCC, 0xDD],
                    qos,
                    operation,
                },
                size: frame.len(),
            };
            assert_eq!(decoded, Ok(expected), "code {code:#04x}, {qos:?}");
        }
    }
}

#[test]
fn filter_operations_are_told_apart() {
    assert!(matches!(whole(&raw(1, 2, b"t")), Operation::Subscribe(_)));
    assert!(matches!(whole(&raw(1, 3, b"t")), Operation::Unsubscribe(_)));
    assert!(matches!(whole(&raw(1, 4, b"t")), Operation::Exclude(_)));
    assert!(matches!(whole(&raw(1, 5, b"t")), Operation::Unexclude(_)));
}

#[test]
fn a_ping_ignores_operation_id_and_length() {
    for bytes in [PING_FRAME, b"\xFF\xFF\xFF\xFF\0\xFF\xFF\xFF\xFF".as_slice()] {
        let ping = Decoded::Item {
            item: Request::Ping,
            size: HEADER_BYTES,
        };
        assert_eq!(decode(bytes, 0), Ok(ping));
    }
}

#[test]
fn a_nop_that_asks_for_an_ack_is_refused() {
    for flags in [0x40, 0x80, 0xC0] {
        let refused = Err(DecodeError::UnknownCode(flags));
        assert_eq!(decode(&raw(1, flags, b""), NO_LIMIT), refused);
    }
}

#[test]
fn only_the_first_nul_separates() {
    assert_eq!(
        whole(&raw(1, 0x12, b"t\0\0a\0")),
        Operation::Message {
            target: "t",
            payload: b"\0a\0"
        }
    );
    assert_eq!(
        whole(&raw(1, 0x12, b"\0")),
        Operation::Message {
            target: "",
            payload: b""
        }
    );
}

#[test]
fn empty_filters_count() {
    assert_eq!(filters_of(&whole(&raw(1, 2, b""))), [""]);
    assert_eq!(filters_of(&whole(&raw(1, 2, b"a\0"))), ["a", ""]);
    assert_eq!(filters_of(&whole(&raw(1, 2, b"\0\0"))), ["", "", ""]);
}

#[test]
fn a_body_without_nul_is_refused() {
    for flags in [0x01, 0x12, 0x13, 0x06] {
        for body in [b"".as_slice(), b"abc"] {
            let refused = Err(DecodeError::MissingNul);
            assert_eq!(decode(&raw(1, flags, body), NO_LIMIT), refused);
        }
    }
    let one_nul_of_two = raw(1, 0x06, b"topic\0receiver");
    assert_eq!(
        decode(&one_nul_of_two, NO_LIMIT),
        Err(DecodeError::MissingNul)
    );
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    let bodies: [(u8, &[u8]); 6] = [
        (0x01, b"\xFF\0"),
        (0x12, b"a\xC3\0"),
        (0x13, b"\x80\0"),
        (0x06, b"t\0\xFF\0"),
        (0x02, b"a\0\xFF"),
        (0x05, b"\xED\xA0\x80"),
    ];
    for (flags, body) in bodies {
        let refused = Err(DecodeError::NotUtf8);
        assert_eq!(decode(&raw(1, flags, body), NO_LIMIT), refused);
    }
}

#[test]
fn a_frame_cut_anywhere_is_incomplete() {
    let frame = raw(7, 0xD2, b"bob\0hi");
    for cut in 0..frame.len() {
        // The header tells how long the frame will be.
        let size = if cut < HEADER_BYTES {
            HEADER_BYTES
        } else {
            frame.len()
        };
        assert_eq!(
            decode(&frame[..cut], NO_LIMIT),
            Ok(Decoded::Incomplete { size }),
            "cut at {cut}"
        );
    }
}

#[test]
fn the_limit_is_for_the_declared_body() {
    let frame = raw(7, 0x12, b"bob\0hi");
    assert!(matches!(decode(&frame, 6), Ok(Decoded::Item { .. })));
    let refused = Err(DecodeError::TooLong {
        declared: 6,
        limit: 5,
    });
    assert_eq!(decode(&frame, 5), refused);
    // Refused by its header already, before any of the body has arrived.
    assert_eq!(decode(&frame[..HEADER_BYTES], 5), refused);
    let huge = b"\0\0\0\0\x12\xFF\xFF\xFF\xFF";
    assert!(matches!(
        decode(huge, NO_LIMIT),
        Err(DecodeError::TooLong { .. })
    ));
}

#[test]
fn what_follows_a_frame_is_left_alone() {
    let mut input = raw(1, 0x12, b"a\0");
    let size = input.len();
    input.extend_from_slice(b"\xFF\xFF");
    assert!(matches!(
        decode(&input, NO_LIMIT),
        Ok(Decoded::Item { size: taken, .. }) if taken == size
    ));
}

// A slice of that length does not exist where `usize` has 32 bits.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_body_beyond_the_length_field_is_not_encoded() {
    let mut out = b"before".to_vec();
    let beyond = u32::MAX as usize;
    let head = encode_head(&mut out, 1, FrameOp::Message, QoS::No, &["t"], beyond);
    assert_eq!((head, out.as_slice()), (None, b"before".as_slice()));
}

proptest! {
    #[test]
    fn encoded_frames_decode_to_themselves(
        op_id: u32,
        qos in qos(),
        target in text(),
        receiver in text(),
        payload in payload(),
    ) {
        let one = [target.as_str()];
        let two = [target.as_str(), receiver.as_str()];
        let cases: [(FrameOp, &[&str], Operation); 4] = [
            (FrameOp::PublishTopic, &one, Operation::Publish { topic: &target, payload: &payload }),
            (FrameOp::Message, &one, Operation::Message { target: &target, payload: &payload }),
            (FrameOp::Broadcast, &one, Operation::Broadcast { mask: &target, payload: &payload }),
            (FrameOp::PublishTopicFor, &two, Operation::PublishFor {
                topic: &target,
                receiver: &receiver,
                payload: &payload,
            }),
        ];
        for (op, texts, operation) in cases {
            let mut frame = Vec::new();
            encode_head(&mut frame, op_id, op, qos, texts, payload.len()).unwrap();
            frame.extend_from_slice(&payload);
            let item = Request::Operation { op_id: op_id.to_le_bytes(), qos, operation };
            let size = frame.len();
            prop_assert_eq!(decode(&frame, NO_LIMIT), Ok(Decoded::Item { item, size }));
        }
    }

    #[test]
    fn encoded_filters_decode_to_themselves(
        qos in qos(),
        filters in prop::collection::vec(text(), 1..5),
    ) {
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        let mut frame = Vec::new();
        encode_filters(&mut frame, 1, FrameOp::SubscribeTopic, qos, &filters).unwrap();
        prop_assert_eq!(filters_of(&whole(&frame)), filters);
    }

    /// Whatever decodes is written back as the same bytes; whatever does not, panics nowhere.
    #[test]
    fn decoded_frames_encode_to_themselves(flags: u8, body in payload()) {
        let frame = raw(0x0403_0201, flags, &body);
        let Ok(Decoded::Item { item: Request::Operation { op_id, qos, operation }, size }) =
            decode(&frame, NO_LIMIT)
        else {
            return Ok(());
        };
        prop_assert_eq!(size, frame.len());
        let id = u32::from_le_bytes(op_id);
        let op = FrameOp::try_from(flags & 0x3F).unwrap();
        let mut out = Vec::new();
        let (texts, payload): (Vec<&str>, &[u8]) = match &operation {
            Operation::Publish { topic: text, payload }
            | Operation::Message { target: text, payload }
            | Operation::Broadcast { mask: text, payload } => (vec![text], payload),
            Operation::PublishFor { topic, receiver, payload } => (vec![topic, receiver], payload),
            _ => {
                encode_filters(&mut out, id, op, qos, &filters_of(&operation)).unwrap();
                prop_assert_eq!(out, frame);
                return Ok(());
            }
        };
        encode_head(&mut out, id, op, qos, &texts, payload.len()).unwrap();
        out.extend_from_slice(payload);
        prop_assert_eq!(out, frame);
    }

    #[test]
    fn any_bytes_are_decoded_without_a_panic(input in payload(), limit in 0_usize..64) {
        let _ = decode(&input, limit);
    }
}
