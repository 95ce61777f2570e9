//! Frames from broker to client.

use super::{Expected, LIMIT, Vector, decoded_whole, read};
use elbus::FrameKind;
use elbus::protocol::delivery::{Delivery, PING, ack, decode, encode_head};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Meaning {
    Ping {},
    Ack {
        id: u32,
        code: u8,
    },
    Message {
        realtime: bool,
        sender: String,
        payload: String,
    },
    Broadcast {
        realtime: bool,
        sender: String,
        payload: String,
    },
    Publication {
        realtime: bool,
        sender: String,
        topic: String,
        payload: String,
    },
}

/// The same in the terms of the codec, without its payload.
fn meant(meaning: &Meaning) -> (Delivery<'_>, &str) {
    let frame = |kind, realtime, sender, topic| Delivery::Frame {
        kind,
        realtime,
        sender,
        topic,
        payload: &[],
    };
    match meaning {
        Meaning::Ping {} => (Delivery::Ping, ""),
        Meaning::Ack { id, code } => {
            let op_id = id.to_le_bytes();
            (Delivery::Ack { op_id, code: *code }, "")
        }
        Meaning::Message {
            realtime,
            sender,
            payload,
        } => (frame(FrameKind::Message, *realtime, sender, None), payload),
        Meaning::Broadcast {
            realtime,
            sender,
            payload,
        } => (
            frame(FrameKind::Broadcast, *realtime, sender, None),
            payload,
        ),
        Meaning::Publication {
            realtime,
            sender,
            topic,
            payload,
        } => (
            frame(FrameKind::Publish, *realtime, sender, Some(topic)),
            payload,
        ),
    }
}

fn encoded(delivery: &Delivery<'_>) -> Vec<u8> {
    match delivery {
        Delivery::Ping => PING.to_vec(),
        Delivery::Ack { op_id, code } => ack(*op_id, *code).to_vec(),
        Delivery::Frame {
            kind,
            realtime,
            sender,
            topic,
            payload,
        } => {
            let mut frame = Vec::new();
            encode_head(&mut frame, *kind, *realtime, sender, *topic, payload.len())
                .expect("it fits");
            frame.extend_from_slice(payload);
            frame
        }
    }
}

fn check(vector: &Vector<Meaning>, meaning: &Meaning, is_encoded_so: bool) {
    let name = &vector.name;
    let (mut expected, hex) = meant(meaning);
    let data = vector.payload(hex);
    if let Delivery::Frame { payload, .. } = &mut expected {
        *payload = &data;
    }
    let delivery = decoded_whole(name, &vector.bytes, |input| decode(input, LIMIT));
    assert_eq!(delivery, expected, "{name}");
    let is_same = encoded(&expected) == vector.bytes;
    assert_eq!(is_same, is_encoded_so, "{name}: encoded");
}

#[test]
fn frames_from_broker_to_client() {
    for vector in read::<Meaning>(include_str!("../../bindings/vectors/deliveries.json")) {
        match &vector.expected {
            Expected::Malformed => {
                assert!(decode(&vector.bytes, LIMIT).is_err(), "{}", vector.name);
            }
            Expected::Meaning {
                meaning,
                is_encoded_so,
            } => check(&vector, meaning, *is_encoded_so),
        }
    }
}
