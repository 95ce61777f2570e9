//! The publish/subscribe commands of Redis, in its protocol RESP 2.

use std::io::Write;

use anyhow::{Result, ensure};

use super::{Head, Item, Stream, line_end};

pub fn open(stream: &mut Stream) -> Result<()> {
    stream.write_all(&command(&[b"PING"]))?;
    let answer = stream.read_line()?;
    ensure!(answer == "+PONG\r\n", "not a Redis server: {answer}");
    Ok(())
}

pub fn subscribe(stream: &mut Stream, filters: &[String]) -> Result<()> {
    let (patterns, exact): (Vec<_>, Vec<_>) = filters.iter().partition(|f| f.contains('*'));
    for (name, filters) in [("PSUBSCRIBE", patterns), ("SUBSCRIBE", exact)] {
        if filters.is_empty() {
            continue;
        }
        let mut words = vec![name.as_bytes()];
        words.extend(filters.iter().map(|filter| filter.as_bytes()));
        stream.write_all(&command(&words))?;
        // Each is confirmed by an array of three, with the number of subscriptions at its end.
        let mut confirmed = 0;
        while confirmed < filters.len() {
            let line = stream.read_line()?;
            ensure!(!line.starts_with('-'), "refused: {line}");
            confirmed += usize::from(line.starts_with(':'));
        }
    }
    Ok(())
}

pub fn publication(topic: &str, payload: &[u8]) -> Vec<u8> {
    command(&[b"PUBLISH", topic.as_bytes(), payload])
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut command = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        command.extend(format!("${}\r\n", word.len()).bytes());
        command.extend(*word);
        command.extend(b"\r\n");
    }
    command
}

/// Deliveries are arrays, of which the last element is the payload. What a publisher gets is a
/// number.
pub fn head(bytes: &[u8]) -> Option<Head> {
    let mut at = line_end(bytes)?;
    if bytes[0] != b'*' {
        return Some(Head {
            item: Item::Other,
            header: at,
            total: at,
        });
    }
    let elements = number(&bytes[1..at])?;
    let mut header = at;
    for _ in 0..elements {
        let rest = bytes.get(at..)?;
        let line = &rest[..line_end(rest)?];
        header = at + line.len();
        at = header;
        if line[0] == b'$' {
            at += number(&line[1..])? + 2;
        }
    }
    Some(Head {
        item: Item::Delivery,
        header,
        total: at,
    })
}

fn number(line: &[u8]) -> Option<usize> {
    std::str::from_utf8(line)
        .ok()?
        .trim_ascii_end()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_receivers_is_no_delivery() {
        let head = head(b":12\r\n*3\r\n").unwrap();
        assert_eq!((head.item, head.total), (Item::Other, 5));
    }

    #[test]
    fn publications_are_arrays_of_three() {
        let expected = b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nt\r\n$2\r\nhi\r\n";
        assert_eq!(publication("t", b"hi"), expected);
    }
}
