//! One operation of a client: made from the plan, encoded as a frame, or performed by a client of the
//! broker's process.

use elbus::broker::Client;
use elbus::client::AsyncClient;
use elbus::protocol::operation::FrameOp;
use elbus::protocol::request::{encode_filters, encode_head};
use elbus::{Error, OpConfirm, PING_FRAME, QoS};

use crate::plan::{Size, What, texts};

/// Payloads of one plan, in bytes. Those beyond are short.
const PAYLOAD_BUDGET: usize = 512 * 1024;

/// One operation, as it stands in a frame.
#[derive(Debug, Clone)]
pub enum Operation {
    Message(&'static str, Vec<u8>),
    Broadcast(&'static str, Vec<u8>),
    Publish(&'static str, Vec<u8>),
    PublishFor(&'static str, &'static str, Vec<u8>),
    Subscribe(Vec<&'static str>),
    Unsubscribe(Vec<&'static str>),
    Exclude(Vec<&'static str>),
    Unexclude(Vec<&'static str>),
    Ping,
}

impl Operation {
    /// Whether it does nothing but send.
    pub fn is_traffic(&self) -> bool {
        matches!(
            self,
            Self::Message(..)
                | Self::Broadcast(..)
                | Self::Publish(..)
                | Self::PublishFor(..)
                | Self::Ping
        )
    }
}

/// One frame of a client.
pub struct Request {
    pub op_id: u32,
    pub qos: QoS,
    pub operation: Operation,
}

/// An operation with a payload of its own; `None` for what is no operation.
pub fn operation(what: &What, number: u32, payload_bytes: &mut usize) -> Option<Operation> {
    let mut payload = |size: &Size| {
        // Frames that repeat each other need not have the same length.
        let mut bytes = size.bytes() + number as usize % 3;
        if *payload_bytes + bytes > PAYLOAD_BUDGET {
            bytes = 1;
        }
        *payload_bytes += bytes;
        let mut payload = vec![0xAA; bytes];
        // The first byte stays: `.broker` is not to take it for a call.
        for (byte, part) in payload.iter_mut().skip(1).zip(number.to_le_bytes()) {
            *byte = part;
        }
        payload
    };
    Some(match what {
        What::Message(target, size) => Operation::Message(target.text(), payload(size)),
        What::Broadcast(mask, size) => Operation::Broadcast(mask.text(), payload(size)),
        What::Publish(topic, size) => Operation::Publish(topic.text(), payload(size)),
        What::PublishFor(topic, receiver, size) => {
            Operation::PublishFor(topic.text(), receiver.text(), payload(size))
        }
        What::Subscribe(first, others) => Operation::Subscribe(texts(*first, others)),
        What::Unsubscribe(first, others) => Operation::Unsubscribe(texts(*first, others)),
        What::Exclude(first, others) => Operation::Exclude(texts(*first, others)),
        What::Unexclude(first, others) => Operation::Unexclude(texts(*first, others)),
        What::Ping => Operation::Ping,
        What::Garbage => return None,
    })
}

/// Appends the operation as a frame.
pub fn encode(out: &mut Vec<u8>, request: &Request) {
    let (op, texts, payload): (_, &[&str], &[u8]) = match &request.operation {
        Operation::Message(target, payload) => (FrameOp::Message, &[target], payload),
        Operation::Broadcast(mask, payload) => (FrameOp::Broadcast, &[mask], payload),
        Operation::Publish(topic, payload) => (FrameOp::PublishTopic, &[topic], payload),
        Operation::PublishFor(topic, receiver, payload) => {
            (FrameOp::PublishTopicFor, &[topic, receiver], payload)
        }
        Operation::Subscribe(filters) => {
            return encode_all(out, request, FrameOp::SubscribeTopic, filters);
        }
        Operation::Unsubscribe(filters) => {
            return encode_all(out, request, FrameOp::UnsubscribeTopic, filters);
        }
        Operation::Exclude(filters) => {
            return encode_all(out, request, FrameOp::ExcludeTopic, filters);
        }
        Operation::Unexclude(filters) => {
            return encode_all(out, request, FrameOp::UnexcludeTopic, filters);
        }
        Operation::Ping => return out.extend_from_slice(PING_FRAME),
    };
    let Request { op_id, qos, .. } = *request;
    encode_head(out, op_id, op, qos, texts, payload.len()).expect("short");
    out.extend_from_slice(payload);
}

fn encode_all(out: &mut Vec<u8>, request: &Request, op: FrameOp, filters: &[&str]) {
    encode_filters(out, request.op_id, op, request.qos, filters).expect("short");
}

/// The operation as a client of the broker's process does it.
pub async fn perform(client: &mut Client, request: &Request) -> Result<OpConfirm, Error> {
    let qos = request.qos;
    match &request.operation {
        Operation::Message(target, payload) if payload.len() > 1 => {
            let (header, payload) = payload.split_at(payload.len() / 2);
            client
                .zc_send(target, header.into(), payload.into(), qos)
                .await
        }
        Operation::Message(target, payload) => {
            client.send(target, payload.as_slice().into(), qos).await
        }
        Operation::Broadcast(mask, payload) => {
            let payload = payload.as_slice().into();
            client.send_broadcast(mask, payload, qos).await
        }
        Operation::Publish(topic, payload) => {
            client.publish(topic, payload.as_slice().into(), qos).await
        }
        Operation::PublishFor(topic, receiver, payload) => {
            let payload = payload.as_slice().into();
            client.publish_for(topic, receiver, payload, qos).await
        }
        Operation::Subscribe(filters) => client.subscribe_bulk(filters, qos).await,
        Operation::Unsubscribe(filters) => client.unsubscribe_bulk(filters, qos).await,
        Operation::Exclude(filters) => client.exclude_bulk(filters, qos).await,
        Operation::Unexclude(filters) => client.unexclude_bulk(filters, qos).await,
        Operation::Ping => client.ping().await.map(|()| None),
    }
}

/// The answer is there already, in the call itself.
pub fn check_answer(code: u8, qos: QoS, answer: Result<OpConfirm, Error>) {
    match answer {
        Err(e) => assert_eq!(e.kind() as u8, code, "{e}"),
        Ok(confirmation) => {
            assert_eq!(code, 1, "the operation succeeded");
            assert!(confirmation.is_none() || qos.needs_ack());
            if let Some(mut confirmation) = confirmation {
                let confirmed = confirmation.try_recv().expect("fulfilled");
                confirmed.expect("confirmed");
            }
        }
    }
}
