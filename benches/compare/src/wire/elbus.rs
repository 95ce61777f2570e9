//! The protocol of elbus, its original and its successor.

use std::io::{Read, Write};

use anyhow::{Result, ensure};

use super::{FILLER, Head, Item, Stream};

const GREETING: [u8; 3] = [0xEB, 1, 0];
const OK: u8 = 1;

const PUBLISH: u8 = 0x01;
const SUBSCRIBE: u8 = 0x02;
const MESSAGE: u8 = 0x12;
const ACK: u8 = 0xFE;
/// Kind, length and flag, or kind, operation id and result.
const HEADER_LEN: usize = 6;

const CALL: u8 = 0x01;
const REPLY: u8 = 0x11;
/// The same for all calls: each client has one under way.
const CALL_ID: [u8; 4] = 1u32.to_le_bytes();

/// The broker's own client, and its method that returns what it is sent.
pub const BROKER: &str = ".broker";
pub const ECHO_METHOD: &str = "benchmark.test";

/// Operation ids say which acks are those of replies.
const REQUEST_ID: [u8; 4] = 1u32.to_le_bytes();
const REPLY_ID: [u8; 4] = 2u32.to_le_bytes();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QoS {
    No = 0x00,
    Processed = 0x40,
    RealtimeProcessed = 0xC0,
}

pub fn open(stream: &mut Stream, name: &str) -> Result<()> {
    let mut greeting = [0; 3];
    stream.read_exact(&mut greeting)?;
    ensure!(greeting == GREETING, "not an elbus broker");
    stream.write_all(&GREETING)?;
    let length = u16::try_from(name.len())?.to_le_bytes();
    stream.write_all(&[&length, name.as_bytes()].concat())?;
    let mut answers = [0; 2];
    stream.read_exact(&mut answers)?;
    ensure!(answers == [OK, OK], "{name} was refused: {answers:02x?}");
    Ok(())
}

pub fn subscribe(stream: &mut Stream, filters: &[String]) -> Result<()> {
    let body = filters.join("\0").into_bytes();
    stream.write_all(&frame(REQUEST_ID, SUBSCRIBE, QoS::Processed, &[&body]))?;
    // Nothing was published yet, so whatever else arrives is a ping.
    loop {
        let mut header = [0; HEADER_LEN];
        stream.read_exact(&mut header)?;
        if header[0] == ACK {
            ensure!(header[5] == OK, "refused: {:02x}", header[5]);
            return Ok(());
        }
    }
}

pub fn publication(topic: &str, payload: &[u8]) -> Vec<u8> {
    let body = [topic.as_bytes(), b"\0", payload];
    frame(REQUEST_ID, PUBLISH, QoS::No, &body)
}

pub fn message(target: &str, qos: QoS, payload_len: usize) -> Vec<u8> {
    let payload = vec![FILLER; payload_len];
    let body = [target.as_bytes(), b"\0", &payload];
    frame(REQUEST_ID, MESSAGE, qos, &body)
}

/// A remote call. Without a reply it has the call id 0.
pub fn call(target: &str, method: &str, wants_reply: bool, params_len: usize) -> Vec<u8> {
    let id = if wants_reply { CALL_ID } else { [0; 4] };
    let params = vec![FILLER; params_len];
    let body = [
        target.as_bytes(),
        b"\0",
        &[CALL],
        &id,
        method.as_bytes(),
        b"\0",
        &params,
    ];
    frame(REQUEST_ID, MESSAGE, QoS::RealtimeProcessed, &body)
}

pub fn reply(target: &str, result_len: usize) -> Vec<u8> {
    let result = vec![FILLER; result_len];
    let body = [target.as_bytes(), b"\0", &[REPLY], &CALL_ID, &result];
    frame(REPLY_ID, MESSAGE, QoS::RealtimeProcessed, &body)
}

/// What a broker would deliver, of this length.
pub fn delivered_message(total_len: usize) -> Vec<u8> {
    let sender = b"s\0";
    let payload = vec![FILLER; total_len - HEADER_LEN - sender.len()];
    let length = (sender.len() + payload.len()) as u32;
    [
        &[MESSAGE],
        length.to_le_bytes().as_slice(),
        &[0],
        sender,
        &payload,
    ]
    .concat()
}

fn frame(id: [u8; 4], operation: u8, qos: QoS, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let length = u32::try_from(body.len()).expect("frames are small");
    let flags = [operation | qos as u8];
    [&id, flags.as_slice(), &length.to_le_bytes(), &body].concat()
}

pub fn head(bytes: &[u8]) -> Option<Head> {
    let header: [u8; HEADER_LEN] = bytes.get(..HEADER_LEN)?.try_into().ok()?;
    let [kind, a, b, c, d, _] = header;
    let number = [a, b, c, d];
    let total = HEADER_LEN + u32::from_le_bytes(number) as usize;
    let of_six_bytes = |item| Head {
        item,
        header: HEADER_LEN,
        total: HEADER_LEN,
    };
    match kind {
        ACK if number == REPLY_ID => Some(of_six_bytes(Item::ReplyAck)),
        ACK => Some(of_six_bytes(Item::Ack)),
        PUBLISH => Some(Head {
            item: Item::Delivery,
            header: HEADER_LEN,
            total,
        }),
        // Whether it is a call stands behind the sender, in the first byte of the payload.
        MESSAGE => {
            let sender = bytes[HEADER_LEN..].iter().position(|&byte| byte == 0)?;
            let first = HEADER_LEN + sender + 1;
            Some(Head {
                item: match *bytes.get(first)? {
                    CALL => Item::Call,
                    REPLY => Item::Reply,
                    _ => Item::Delivery,
                },
                header: first + 1,
                total,
            })
        }
        // Pings, which have neither body nor meaning.
        _ => Some(Head {
            item: Item::Other,
            header: HEADER_LEN,
            total,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_laid_out_as_the_protocol_says() {
        let expected = b"\x01\0\0\0\xD2\x06\0\0\0bob\0\xEE\xEE";
        assert_eq!(message("bob", QoS::RealtimeProcessed, 2), expected);
    }

    #[test]
    fn a_delivered_message_is_as_long_as_was_asked() {
        let message = delivered_message(150);
        assert_eq!(message.len(), 150);
        let head = head(&message).unwrap();
        assert_eq!((head.item, head.total), (Item::Delivery, 150));
    }

    #[test]
    fn calls_and_replies_are_told_apart() {
        for (payload, item) in [
            (CALL, Item::Call),
            (REPLY, Item::Reply),
            (FILLER, Item::Delivery),
        ] {
            let frame = [MESSAGE, 4, 0, 0, 0, 0, b'x', b'y', 0, payload];
            let expected = Head {
                item,
                header: 10,
                total: 10,
            };
            assert_eq!(head(&frame), Some(expected));
        }
    }

    #[test]
    fn acks_of_replies_are_no_acks_of_requests() {
        assert_eq!(head(&[ACK, 1, 0, 0, 0, 1]).unwrap().item, Item::Ack);
        assert_eq!(head(&[ACK, 2, 0, 0, 0, 1]).unwrap().item, Item::ReplyAck);
    }
}
