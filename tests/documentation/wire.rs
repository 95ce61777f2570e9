//! The bytes in `docs/protocol.md`, exchanged with a real broker.
//!
//! A block `text wire` is a conversation, with a broker of its own. Its lines are `NAME -> BYTES` for
//! what that client sends, `NAME <- BYTES` for what it receives then, and `NAME <- end` for the end of
//! its connection. Bytes are two hexadecimal digits each, `"text"`, or `..` for one that may be any. A
//! client that begins with the greeting does the whole handshake itself; others are registered before.

use crate::common::{Broker, Ended, GREETING, Transport, Wire, show};
use crate::markdown::Block;
use crate::pages::page;
use std::collections::HashMap;

const PAGE: &str = "docs/protocol.md";

/// One line of a conversation.
struct Line<'a> {
    client: &'a str,
    sends: bool,
    /// `None`: the end of the connection.
    bytes: Option<Vec<Option<u8>>>,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Self {
        let (client, sends, bytes) = match (line.split_once("->"), line.split_once("<-")) {
            (Some((client, bytes)), None) => (client, true, bytes),
            (None, Some((client, bytes))) => (client, false, bytes),
            _ => panic!("neither sent nor received: {line}"),
        };
        let bytes = (bytes.trim() != "end").then(|| read_bytes(bytes));
        Self {
            client: client.trim(),
            sends,
            bytes,
        }
    }
}

fn read_bytes(text: &str) -> Vec<Option<u8>> {
    let mut bytes = Vec::new();
    for (number, part) in text.split('"').enumerate() {
        if number % 2 == 1 {
            bytes.extend(part.bytes().map(Some));
            continue;
        }
        for word in part.split_whitespace() {
            bytes.push(match word {
                ".." => None,
                word => Some(u8::from_str_radix(word, 16).unwrap_or_else(|_| panic!("{word:?}"))),
            });
        }
    }
    bytes
}

/// A client of a conversation: before or after its registration.
struct Speaker {
    wire: Wire,
    registered: bool,
}

impl Speaker {
    fn new(broker: &Broker, name: &str, begins_with_greeting: bool) -> Self {
        let wire = if begins_with_greeting {
            broker.connect(Transport::Unix)
        } else {
            broker.client(Transport::Unix, name)
        };
        Self {
            wire,
            registered: !begins_with_greeting,
        }
    }

    fn receives(&mut self, expected: &[Option<u8>]) {
        let known: Option<Vec<u8>> = expected.iter().copied().collect();
        if !self.registered {
            let bytes = known.expect("a handshake has no unknown bytes");
            self.wire.expect_raw(&bytes);
            return;
        }
        let mut got = Vec::new();
        while got.len() < expected.len() {
            got.extend(self.wire.read_frame().bytes());
        }
        let same = got.len() == expected.len()
            && (expected.iter().zip(&got)).all(|(byte, got)| byte.is_none_or(|byte| byte == *got));
        assert!(same, "got {}, expected {expected:02x?}", show(&got));
    }

    fn ends(&mut self) {
        let end = self.wire.try_frame();
        assert_eq!(end, Err(Ended::BetweenFrames));
    }
}

fn hold(block: &Block) {
    let broker = Broker::start(&[]);
    let lines = block.text.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<Line<'_>> = lines.map(Line::read).collect();
    let mut speakers: HashMap<&str, Speaker> = HashMap::new();
    for line in &lines {
        let greeting = GREETING.map(Some);
        let greets = !line.sends && line.bytes.as_deref() == Some(&greeting);
        let new = || Speaker::new(&broker, line.client, greets);
        speakers.entry(line.client).or_insert_with(new);
    }
    for line in &lines {
        let speaker = speakers.get_mut(line.client).expect("a client");
        match &line.bytes {
            Some(bytes) if line.sends => {
                let bytes: Option<Vec<u8>> = bytes.iter().copied().collect();
                let bytes = bytes.expect("what is sent has no unknown bytes");
                speaker.wire.send_raw(&bytes);
                // The last step of the handshake; its answer is the last byte outside of frames.
                if !speaker.registered && bytes != GREETING {
                    speaker.wire.expect_raw(&take_answer(&lines, line));
                    speaker.registered = true;
                }
            }
            Some(bytes) if !(speaker.registered && bytes.len() == 1) => speaker.receives(bytes),
            // The answer to the registration, which was expected when the name was sent.
            Some(_) => {}
            None => speaker.ends(),
        }
    }
}

/// What the client of a line receives next.
fn take_answer(lines: &[Line<'_>], sent: &Line<'_>) -> Vec<u8> {
    let mut after = lines.iter().skip_while(|line| !std::ptr::eq(*line, sent));
    let answer = after.find(|line| line.client == sent.client && !line.sends);
    let bytes = answer.and_then(|line| line.bytes.clone());
    let bytes = bytes.expect("an answer to the registration");
    bytes.into_iter().collect::<Option<_>>().expect("one byte")
}

#[test]
fn documented_bytes_are_those_of_the_wire() {
    let page = page(PAGE);
    let conversations = page.blocks.iter().filter(|b| b.is(&["text", "wire"]));
    let mut held = 0;
    for block in conversations {
        // Shown only if the test fails.
        eprintln!("{PAGE}, line {}:\n{}", block.line, block.text);
        hold(block);
        held += 1;
    }
    assert!(held > 0, "{PAGE} has no bytes");
}

#[test]
fn wrong_bytes_are_noticed() {
    for wrong in [
        "a -> 07 00 00 00  D2  04 00 00 00  \"a\" 00 \"hi\"\na <- 12  05 00 00 00  01  \"a\" 00 \"hi\"\n",
        "a <- EB 01 00\na -> EB 02 00\na <- 01\n",
        "a <- EB 01 00\na -> EB 01 00\na <- 01\na -> 01 00 \"a\"\na <- 76\n",
    ] {
        let block = Block {
            info: Vec::new(),
            text: wrong.to_owned(),
            line: 1,
        };
        let outcome = std::panic::catch_unwind(|| hold(&block));
        assert!(outcome.is_err(), "{wrong}");
    }
}
