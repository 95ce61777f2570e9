//! MQTT 3.1.1, with QoS 0.

use std::io::{Read, Write};

use anyhow::{Result, ensure};

use super::{Head, Item, Stream};

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
const REFUSED: u8 = 0x80;

pub fn open(stream: &mut Stream, name: &str) -> Result<()> {
    const LEVEL: u8 = 4;
    const CLEAN_SESSION: u8 = 0x02;
    let no_keep_alive = [0, 0];
    let body = [
        &string("MQTT"),
        [LEVEL, CLEAN_SESSION].as_slice(),
        &no_keep_alive,
        &string(name),
    ];
    stream.write_all(&packet(CONNECT, &body))?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    ensure!(answer == [CONNACK, 2, 0, 0], "refused: {answer:02x?}");
    Ok(())
}

pub fn subscribe(stream: &mut Stream, filters: &[String]) -> Result<()> {
    const PACKET_ID: [u8; 2] = [0, 1];
    const QOS: u8 = 0;
    let mut wanted = Vec::new();
    for filter in filters {
        wanted.extend(string(filter));
        wanted.push(QOS);
    }
    stream.write_all(&packet(SUBSCRIBE, &[&PACKET_ID, &wanted]))?;
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    ensure!(kind == [SUBACK], "unexpected: {kind:02x?}");
    let mut length = Vec::new();
    let length = loop {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        length.push(byte[0]);
        if let Some((length, _)) = variable_length(&length) {
            break length;
        }
    };
    let mut answers = vec![0; length];
    stream.read_exact(&mut answers)?;
    ensure!(!answers[2..].contains(&REFUSED), "a filter was refused");
    Ok(())
}

pub fn publication(topic: &str, payload: &[u8]) -> Vec<u8> {
    packet(PUBLISH, &[&string(topic), payload])
}

pub fn head(bytes: &[u8]) -> Option<Head> {
    let (&kind, rest) = bytes.split_first()?;
    let (length, size) = variable_length(rest)?;
    let item = if kind & 0xF0 == PUBLISH {
        Item::Delivery
    } else {
        Item::Other
    };
    Some(Head {
        item,
        header: 1 + size,
        total: 1 + size + length,
    })
}

fn packet(kind: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let mut packet = vec![kind];
    let mut rest = body.len();
    while rest >= 0x80 {
        packet.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    packet.push(rest as u8);
    packet.extend(body);
    packet
}

fn string(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("topics are short");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// The number, and how many bytes it takes.
fn variable_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let last = bytes.iter().take(4).position(|byte| byte & 0x80 == 0)?;
    let digits = bytes[..=last].iter().rev();
    let number = digits.fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7F));
    Some((number, last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_survive_the_way_there_and_back() {
        for length in [0, 1, 127, 128, 16383, 16384, 65536] {
            let packet = packet(PUBLISH, &[&vec![0; length]]);
            let head = head(&packet).unwrap();
            assert_eq!(head.total, packet.len());
            assert_eq!(head.total - head.header, length);
        }
    }
}
