//! What the broker sends (protocol, section 5), as `elbus::protocol::delivery` decodes it for a
//! client.
//!
//! - What is decoded of a stream does not depend on how it was cut when it arrived.
//! - A frame that is decoded in two parts, as large ones are, is the frame decoded at once.
//! - What was decoded can be encoded again, to the same bytes.

#![no_main]

use elbus::protocol::delivery::{self, Delivery, HEADER_BYTES, PING};
use elbus::protocol::{DecodeError, Decoded};
use libfuzzer_sys::fuzz_target;

/// Longest body, in bytes: small enough to be exceeded.
const LIMIT: usize = 1024;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (steps, stream) = input;
    let (whole, end) = decode_in_pieces(stream, &[]);
    assert_eq!(decode_in_pieces(stream, steps), (whole.clone(), end));
    let mut at = 0;
    for size in whole {
        check_frame(&stream[at..at + size]);
        at += size;
    }
});

/// The length of each frame of a stream that arrives in pieces of these lengths, 1 at least, and why
/// there are no more. Without lengths it arrives at once.
fn decode_in_pieces(stream: &[u8], steps: &[u8]) -> (Vec<usize>, Option<DecodeError>) {
    let mut sizes = Vec::new();
    let mut steps = steps.iter().cycle();
    let (mut start, mut end) = (0, 0);
    let mut announced = 0;
    loop {
        match delivery::decode(&stream[start..end], LIMIT) {
            Ok(Decoded::Item { size, .. }) => {
                assert!(announced <= size, "{announced} bytes were announced");
                announced = 0;
                sizes.push(size);
                start += size;
            }
            Ok(Decoded::Incomplete { size }) => {
                assert!(size > end - start, "{size} bytes are there");
                assert!(announced <= size, "announced {announced}, then {size}");
                announced = size;
                if end == stream.len() {
                    return (sizes, None);
                }
                let step = steps.next().map_or(stream.len(), |step| usize::from(*step));
                end = stream.len().min(end + step.max(1));
            }
            Err(e) => return (sizes, Some(e)),
        }
    }
}

fn check_frame(frame: &[u8]) {
    let Ok(Decoded::Item { item, size }) = delivery::decode(frame, LIMIT) else {
        panic!("no frame any more");
    };
    assert_eq!(size, frame.len());
    match item {
        // The other bytes have no meaning.
        Delivery::Ping => assert_eq!(frame[0], PING[0]),
        Delivery::Ack { op_id, code } => assert_eq!(delivery::ack(op_id, code), frame),
        Delivery::Frame { payload, .. } => {
            let at = frame.len() - payload.len();
            assert_eq!(delivery::payload_at(frame), Some(at));
            for end in HEADER_BYTES..at {
                assert_eq!(delivery::payload_at(&frame[..end]), None);
            }
            // Any value but 0 is real-time; 1 is what brokers send.
            let mut expected = frame.to_vec();
            expected[5] = u8::from(frame[5] != 0);
            assert_eq!(encode(&item, payload), expected);
            let head = delivery::decode_head(&frame[..at]).expect("a head");
            assert_eq!(encode(&head, payload), expected);
        }
    }
}

/// The frame with this payload, its length written afterwards, as a run of frames has it.
fn encode(item: &Delivery<'_>, payload: &[u8]) -> Vec<u8> {
    let Delivery::Frame {
        kind,
        realtime,
        sender,
        topic,
        ..
    } = item
    else {
        panic!("no frame with a payload");
    };
    let mut out = Vec::new();
    delivery::encode_head(&mut out, *kind, *realtime, sender, *topic, LIMIT).expect("short");
    delivery::set_payload_bytes(&mut out, payload.len());
    out.extend_from_slice(payload);
    out
}
