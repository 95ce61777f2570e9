//! Frames that repeat the one before, as the decoder sees them.

use proptest::prelude::*;

use super::super::operation::FrameOp;
use super::super::repetition::Repetitions;
use super::super::request::{Operation, Request, decode, encode_head};
use super::super::{Decoded, PING_FRAME};
use super::{NO_LIMIT, payload, qos};
use crate::QoS;

fn frame(op_id: u32, op: FrameOp, qos: QoS, text: &str, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_head(&mut frame, op_id, op, qos, &[text], payload.len()).expect("short");
    frame.extend_from_slice(payload);
    frame
}

fn message(text: &str, payload: &[u8]) -> Vec<u8> {
    frame(1, FrameOp::Message, QoS::No, text, payload)
}

/// What a frame is, apart from its id and payload; and its payload.
fn parts(input: &[u8]) -> Option<((QoS, FrameOp, String), Vec<u8>)> {
    let Ok(Decoded::Item {
        item: Request::Operation { qos, operation, .. },
        ..
    }) = decode(input, NO_LIMIT)
    else {
        return None;
    };
    let (op, text, payload) = match operation {
        Operation::Message { target, payload } => (FrameOp::Message, target, payload),
        Operation::Publish { topic, payload } => (FrameOp::PublishTopic, topic, payload),
        _ => return None,
    };
    Some(((qos, op, text.to_owned()), payload.to_vec()))
}

#[test]
fn only_the_payload_and_the_id_may_differ() {
    let first = message("bob", b"1");
    let second = frame(2, FrameOp::Message, QoS::No, "bob", b"other");
    let third = message("bob", b"");
    for different in [
        message("bobby", b"1"),
        message("bo", b"1"),
        frame(1, FrameOp::Message, QoS::Realtime, "bob", b"1"),
        frame(1, FrameOp::PublishTopic, QoS::No, "bob", b"1"),
        PING_FRAME.to_vec(),
    ] {
        let rest = [second.clone(), third.clone(), different.clone()].concat();
        let mut frames = Repetitions::new(&first, &rest, NO_LIMIT);
        assert_eq!(frames.peek(), Some(&b"other"[..]));
        frames.advance(b"other");
        assert_eq!(frames.peek(), Some(&b""[..]));
        frames.advance(b"");
        assert_eq!(frames.peek(), None);
        assert_eq!(frames.rest(), different);
    }
}

#[test]
fn a_frame_without_text_has_no_repetitions() {
    for first in [PING_FRAME.to_vec(), {
        let mut frame = Vec::new();
        encode_head(&mut frame, 1, FrameOp::SubscribeTopic, QoS::No, &[], 3).expect("short");
        frame.extend_from_slice(b"a/b");
        frame
    }] {
        let rest = first.repeat(2);
        let frames = Repetitions::new(&first, &rest, NO_LIMIT);
        assert_eq!(frames.peek(), None);
    }
}

#[test]
fn what_is_too_long_is_left_to_the_decoder() {
    let (first, second) = (message("bob", b""), message("bob", b"12345"));
    for (limit, expected) in [(9, Some(&b"12345"[..])), (8, None)] {
        assert_eq!(Repetitions::new(&first, &second, limit).peek(), expected);
    }
}

proptest! {
    #[test]
    fn they_are_the_frames_that_the_decoder_finds(
        frames in prop::collection::vec(
            (qos(), prop::sample::select(&[FrameOp::Message, FrameOp::PublishTopic][..]),
             prop::sample::select(&["", "a", "ab", "ä"][..]), payload()),
            1..8,
        ),
        cut in 0_usize..60,
    ) {
        let encoded: Vec<_> = frames
            .iter()
            .map(|(qos, op, text, payload)| frame(7, *op, *qos, text, payload))
            .collect();
        let (first, mut rest) = (encoded[0].clone(), encoded[1..].concat());
        rest.truncate(rest.len().saturating_sub(cut));
        let (like, _) = parts(&first).expect("a whole frame");
        let mut found = Repetitions::new(&first, &rest, NO_LIMIT);
        while let Some(payload) = found.peek() {
            prop_assert_eq!(parts(found.rest()), Some((like.clone(), payload.to_vec())));
            found.advance(payload);
        }
        prop_assert_ne!(parts(found.rest()).map(|(other, _)| other), Some(like));
    }
}
