//! Frames from client to broker.

use super::{Expected, LIMIT, Vector, decoded_whole, qos, read};
use elbus::protocol::PING_FRAME;
use elbus::protocol::request::{Operation, Request, decode, encode_filters, encode_head};
use elbus::{FrameOp, QoS};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
enum Meaning {
    Ping {},
    Publish {
        id: u32,
        qos: u8,
        topic: String,
        payload: String,
    },
    Message {
        id: u32,
        qos: u8,
        target: String,
        payload: String,
    },
    Broadcast {
        id: u32,
        qos: u8,
        mask: String,
        payload: String,
    },
    Subscribe {
        id: u32,
        qos: u8,
        topics: Vec<String>,
    },
    Unsubscribe {
        id: u32,
        qos: u8,
        topics: Vec<String>,
    },
}

/// The same in the terms of the codec.
#[derive(Debug, PartialEq)]
enum Sent {
    Ping,
    Payload(u32, QoS, FrameOp, String, Vec<u8>),
    Filters(u32, QoS, FrameOp, Vec<String>),
}

impl Sent {
    fn meant(vector: &Vector<Meaning>, meaning: &Meaning) -> Self {
        let payload = |id: &u32, level: &u8, op, text: &String, payload: &String| {
            Self::Payload(*id, qos(*level), op, text.clone(), vector.payload(payload))
        };
        let filters = |id: &u32, level: &u8, op, topics: &Vec<String>| {
            Self::Filters(*id, qos(*level), op, topics.clone())
        };
        match meaning {
            Meaning::Ping {} => Self::Ping,
            Meaning::Publish {
                id,
                qos,
                topic,
                payload: data,
            } => payload(id, qos, FrameOp::PublishTopic, topic, data),
            Meaning::Message {
                id,
                qos,
                target,
                payload: data,
            } => payload(id, qos, FrameOp::Message, target, data),
            Meaning::Broadcast {
                id,
                qos,
                mask,
                payload: data,
            } => payload(id, qos, FrameOp::Broadcast, mask, data),
            Meaning::Subscribe { id, qos, topics } => {
                filters(id, qos, FrameOp::SubscribeTopic, topics)
            }
            Meaning::Unsubscribe { id, qos, topics } => {
                filters(id, qos, FrameOp::UnsubscribeTopic, topics)
            }
        }
    }

    fn read(request: &Request<'_>) -> Self {
        let Request::Operation {
            op_id,
            qos,
            operation,
        } = request
        else {
            return Self::Ping;
        };
        let id = u32::from_le_bytes(*op_id);
        let payload = |op, text: &str, data: &[u8]| {
            Self::Payload(id, *qos, op, text.to_owned(), data.to_vec())
        };
        match operation {
            Operation::Publish { topic, payload: p } => payload(FrameOp::PublishTopic, topic, p),
            Operation::Message { target, payload: p } => payload(FrameOp::Message, target, p),
            Operation::Broadcast { mask, payload: p } => payload(FrameOp::Broadcast, mask, p),
            Operation::Subscribe(filters) => {
                let filters = filters.iter().map(str::to_owned).collect();
                Self::Filters(id, *qos, FrameOp::SubscribeTopic, filters)
            }
            Operation::Unsubscribe(filters) => {
                let filters = filters.iter().map(str::to_owned).collect();
                Self::Filters(id, *qos, FrameOp::UnsubscribeTopic, filters)
            }
            other => panic!("no vector has {other:?}"),
        }
    }

    fn encoded(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        match self {
            Self::Ping => frame.extend_from_slice(PING_FRAME),
            Self::Payload(id, qos, op, text, data) => {
                encode_head(&mut frame, *id, *op, *qos, &[text], data.len()).expect("it fits");
                frame.extend_from_slice(data);
            }
            Self::Filters(id, qos, op, filters) => {
                let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
                encode_filters(&mut frame, *id, *op, *qos, &filters).expect("it fits");
            }
        }
        frame
    }
}

#[test]
fn frames_from_client_to_broker() {
    for vector in read::<Meaning>(include_str!("../../bindings/vectors/requests.json")) {
        let name = &vector.name;
        match &vector.expected {
            Expected::Malformed => assert!(decode(&vector.bytes, LIMIT).is_err(), "{name}"),
            Expected::Meaning {
                meaning,
                is_encoded_so,
            } => {
                let expected = Sent::meant(&vector, meaning);
                let request = decoded_whole(name, &vector.bytes, |input| decode(input, LIMIT));
                assert_eq!(Sent::read(&request), expected, "{name}");
                let is_same = expected.encoded() == vector.bytes;
                assert_eq!(is_same, *is_encoded_so, "{name}: encoded");
            }
        }
    }
}
