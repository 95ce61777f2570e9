//! The text protocol of NATS.

use std::io::Write;

use anyhow::{Result, bail, ensure};

use super::{Head, Item, Stream, line_end};

pub fn open(stream: &mut Stream) -> Result<()> {
    let info = stream.read_line()?;
    ensure!(info.starts_with("INFO "), "not a NATS server: {info}");
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
    round_trip(stream)
}

/// Subscriptions have numbers, unique within the connection.
pub fn subscribe(stream: &mut Stream, filters: &[String], first_number: usize) -> Result<()> {
    let mut requests = String::new();
    for (number, filter) in (first_number..).zip(filters) {
        requests.push_str(&format!("SUB {filter} {number}\r\n"));
    }
    stream.write_all(requests.as_bytes())?;
    // Nothing confirms a subscription, but requests are handled in order.
    round_trip(stream)
}

fn round_trip(stream: &mut Stream) -> Result<()> {
    stream.write_all(b"PING\r\n")?;
    loop {
        match stream.read_line()?.trim_end() {
            "PONG" => return Ok(()),
            "PING" => stream.write_all(b"PONG\r\n")?,
            other => bail!("unexpected: {other}"),
        }
    }
}

pub fn publication(topic: &str, payload: &[u8]) -> Vec<u8> {
    let line = format!("PUB {topic} {}\r\n", payload.len());
    [line.as_bytes(), payload, b"\r\n"].concat()
}

pub fn head(bytes: &[u8]) -> Option<Head> {
    let header = line_end(bytes)?;
    let line = bytes[..header].trim_ascii_end();
    if !line.starts_with(b"MSG ") {
        return Some(Head {
            item: Item::Other,
            header,
            total: header,
        });
    }
    // MSG subject sid [reply-to] length
    let length = line.rsplit(|&byte| byte == b' ').next()?;
    let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
    Some(Head {
        item: Item::Delivery,
        header,
        total: header + length + 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_are_deliveries() {
        let ping = head(b"PING\r\nMSG t 1 4\r\n").unwrap();
        assert_eq!((ping.item, ping.total), (Item::Other, 6));
    }
}
