//! What clients send (protocol, section 3), as `elbus::protocol::request` decodes it.
//!
//! - What is decoded of a stream does not depend on how it was cut when it arrived.
//! - A frame that is decoded in two parts, as large ones are, is the frame decoded at once.
//! - What was decoded can be encoded again, to the same bytes.
//! - Frames that `Repetitions` finds are those that decoding finds.

#![no_main]

use elbus::QoS;
use elbus::protocol::operation::FrameOp;
use elbus::protocol::repetition::Repetitions;
use elbus::protocol::request::{
    self, Filters, HEADER_BYTES, OpId, Operation, Request, encode_filters, encode_head,
};
use elbus::protocol::{DecodeError, Decoded};
use libfuzzer_sys::fuzz_target;

/// Longest body, in bytes: small enough to be exceeded.
const LIMIT: usize = 1024;

/// What stands between two looks at a stream: how many more bytes have arrived, 1 at least.
type Steps<'a> = &'a [u8];

fuzz_target!(|input: (Steps<'_>, &[u8])| {
    let (steps, stream) = input;
    let (whole, end) = decode_all(stream);
    assert_eq!(decode_in_pieces(stream, steps), (whole.clone(), end));
    let mut at = 0;
    for size in whole {
        let frame = &stream[at..at + size];
        check_frame(frame);
        check_repetitions(frame, &stream[at + size..]);
        at += size;
    }
});

/// The length of each frame, and why there are no more.
fn decode_all(stream: &[u8]) -> (Vec<usize>, Option<DecodeError>) {
    let mut sizes = Vec::new();
    let mut rest = stream;
    loop {
        match request::decode(rest, LIMIT) {
            Ok(Decoded::Item { size, .. }) => {
                sizes.push(size);
                rest = &rest[size..];
            }
            Ok(Decoded::Incomplete { size }) => {
                assert!(size > rest.len(), "{size} bytes are there");
                assert!(size <= HEADER_BYTES + LIMIT);
                return (sizes, None);
            }
            Err(e) => return (sizes, Some(e)),
        }
    }
}

/// The same for a stream that arrives bit by bit, and is looked at after each.
fn decode_in_pieces(stream: &[u8], steps: Steps<'_>) -> (Vec<usize>, Option<DecodeError>) {
    let mut sizes = Vec::new();
    let mut steps = steps.iter().cycle();
    let (mut start, mut end) = (0, 0);
    let mut announced = 0;
    loop {
        match request::decode(&stream[start..end], LIMIT) {
            Ok(Decoded::Item { size, .. }) => {
                assert!(announced <= size, "{announced} bytes were announced");
                announced = 0;
                sizes.push(size);
                start += size;
            }
            Ok(Decoded::Incomplete { size }) => {
                assert!(announced <= size, "announced {announced}, then {size}");
                announced = size;
                if end == stream.len() {
                    return (sizes, None);
                }
                let step = steps.next().map_or(1, |step| usize::from(*step).max(1));
                end = stream.len().min(end + step);
            }
            Err(e) => return (sizes, Some(e)),
        }
    }
}

fn check_frame(frame: &[u8]) {
    let Ok(Decoded::Item { item, size }) = request::decode(frame, LIMIT) else {
        panic!("no frame any more");
    };
    assert_eq!(size, frame.len());
    let Request::Operation {
        op_id,
        qos,
        operation,
    } = item
    else {
        assert_eq!(frame[4], 0);
        return;
    };
    assert_eq!(encode(op_id, qos, &operation), frame);
    check_head(frame, &operation);
}

/// The head alone says what the whole frame says, but for the payload.
fn check_head(frame: &[u8], operation: &Operation<'_>) {
    let payload = payload(operation);
    let at = request::payload_at(frame);
    assert_eq!(at, payload.map(|payload| frame.len() - payload.len()));
    let Some(at) = at else {
        return;
    };
    for end in HEADER_BYTES..at {
        assert_eq!(request::payload_at(&frame[..end]), None);
    }
    let Ok(Request::Operation {
        op_id,
        qos,
        operation: head,
    }) = request::decode_head(&frame[..at])
    else {
        panic!("the head is none");
    };
    let mut again = encode(op_id, qos, &head);
    again.extend_from_slice(&frame[at..]);
    again[5..HEADER_BYTES].copy_from_slice(&frame[5..HEADER_BYTES]);
    assert_eq!(again, frame);
}

fn payload<'a>(operation: &Operation<'a>) -> Option<&'a [u8]> {
    match operation {
        Operation::Publish { payload, .. }
        | Operation::PublishFor { payload, .. }
        | Operation::Message { payload, .. }
        | Operation::Broadcast { payload, .. } => Some(payload),
        _ => None,
    }
}

fn encode(op_id: OpId, qos: QoS, operation: &Operation<'_>) -> Vec<u8> {
    let (op, texts): (_, &[&str]) = match operation {
        Operation::Publish { topic, .. } => (FrameOp::PublishTopic, &[*topic]),
        Operation::PublishFor {
            topic, receiver, ..
        } => (FrameOp::PublishTopicFor, &[*topic, *receiver]),
        Operation::Message { target, .. } => (FrameOp::Message, &[*target]),
        Operation::Broadcast { mask, .. } => (FrameOp::Broadcast, &[*mask]),
        Operation::Subscribe(filters) => {
            return encode_texts(op_id, qos, FrameOp::SubscribeTopic, filters);
        }
        Operation::Unsubscribe(filters) => {
            return encode_texts(op_id, qos, FrameOp::UnsubscribeTopic, filters);
        }
        Operation::Exclude(filters) => {
            return encode_texts(op_id, qos, FrameOp::ExcludeTopic, filters);
        }
        Operation::Unexclude(filters) => {
            return encode_texts(op_id, qos, FrameOp::UnexcludeTopic, filters);
        }
    };
    let payload = payload(operation).unwrap_or_default();
    let mut frame = Vec::new();
    let id = u32::from_le_bytes(op_id);
    encode_head(&mut frame, id, op, qos, texts, payload.len()).expect("it was short enough");
    frame.extend_from_slice(payload);
    frame
}

fn encode_texts(op_id: OpId, qos: QoS, op: FrameOp, filters: &Filters<'_>) -> Vec<u8> {
    let filters: Vec<&str> = filters.iter().collect();
    let mut frame = Vec::new();
    let id = u32::from_le_bytes(op_id);
    encode_filters(&mut frame, id, op, qos, &filters).expect("it was short enough");
    frame
}

/// What follows `first` and repeats it: the same operation, but for its id and payload.
fn check_repetitions(first: &[u8], rest: &[u8]) {
    let Ok(Decoded::Item {
        item: Request::Operation { operation, .. },
        ..
    }) = request::decode(first, LIMIT)
    else {
        return;
    };
    // Runs are made of frames with one text and a payload.
    let (Operation::Message { .. } | Operation::Broadcast { .. } | Operation::Publish { .. }) =
        operation
    else {
        return;
    };
    let mut repetitions = Repetitions::new(first, rest, LIMIT);
    let text_end = request::payload_at(first).expect("there is a payload");
    let mut at = 0;
    loop {
        let expected = match request::decode(&rest[at..], LIMIT) {
            Ok(Decoded::Item { size, .. }) => {
                let frame = &rest[at..at + size];
                let texts = first[HEADER_BYTES..text_end].to_vec();
                let is_same = frame[4] == first[4] && frame[HEADER_BYTES..].starts_with(&texts);
                is_same.then(|| &frame[text_end..])
            }
            _ => None,
        };
        assert_eq!(repetitions.peek(), expected);
        let Some(payload) = expected else {
            return;
        };
        repetitions.advance(payload);
        at += text_end + payload.len();
        assert_eq!(repetitions.rest(), &rest[at..]);
    }
}
