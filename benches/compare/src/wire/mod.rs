//! The protocols of the brokers, each as far as a load generator needs it: connect, subscribe,
//! publish, and see where a frame ends.

pub mod elbus;
mod mqtt;
mod nats;
mod redis;
mod stream;

use anyhow::Result;

pub use stream::{Address, Stream};

/// A byte that no protocol gives a meaning, in payloads or elsewhere.
pub const FILLER: u8 = 0xEE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Elbus,
    Nats,
    Mqtt,
    Redis,
}

/// What has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// A message, or a publication.
    Delivery,
    /// The broker acknowledges a request of this client.
    Ack,
    /// The broker acknowledges the reply to a call.
    ReplyAck,
    /// A remote call that wants a reply.
    Call,
    /// The reply to a call.
    Reply,
    /// Anything else; it is not counted.
    Other,
}

/// The beginning of a frame, in bytes. Frames that begin with the same `header` have the same
/// meaning and length, so whoever has seen one recognises the others by comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub item: Item,
    pub header: usize,
    pub total: usize,
}

impl Protocol {
    /// Connects, and returns when the broker has accepted the client.
    pub fn open(self, address: &Address, name: &str) -> Result<Stream> {
        let mut stream = address.connect()?;
        match self {
            Self::Elbus => elbus::open(&mut stream, name)?,
            Self::Nats => nats::open(&mut stream)?,
            Self::Mqtt => mqtt::open(&mut stream, name)?,
            Self::Redis => redis::open(&mut stream)?,
        }
        Ok(stream)
    }

    /// Subscribes to filters in the spelling of elbus, and returns when they are in effect.
    pub fn subscribe(self, stream: &mut Stream, filters: &[String]) -> Result<()> {
        const AT_ONCE: usize = 500;
        for (round, some) in filters.chunks(AT_ONCE).enumerate() {
            let some: Vec<String> = some.iter().map(|filter| self.spell(filter)).collect();
            match self {
                Self::Elbus => elbus::subscribe(stream, &some)?,
                Self::Nats => nats::subscribe(stream, &some, round * AT_ONCE)?,
                Self::Mqtt => mqtt::subscribe(stream, &some)?,
                Self::Redis => redis::subscribe(stream, &some)?,
            }
        }
        Ok(())
    }

    /// A publication that nobody confirms. The topic is in the spelling of elbus.
    pub fn publication(self, topic: &str, payload_len: usize) -> Vec<u8> {
        let topic = &self.spell(topic);
        let payload = &vec![FILLER; payload_len];
        match self {
            Self::Elbus => elbus::publication(topic, payload),
            Self::Nats => nats::publication(topic, payload),
            Self::Mqtt => mqtt::publication(topic, payload),
            Self::Redis => redis::publication(topic, payload),
        }
    }

    /// The frame at the beginning of `bytes`, if enough of it is there to tell its length.
    pub fn head(self, bytes: &[u8]) -> Option<Head> {
        match self {
            Self::Elbus => elbus::head(bytes),
            Self::Nats => nats::head(bytes),
            Self::Mqtt => mqtt::head(bytes),
            Self::Redis => redis::head(bytes),
        }
    }

    fn spell(self, topic: &str) -> String {
        match self {
            Self::Elbus | Self::Mqtt => topic.to_owned(),
            Self::Nats => topic.replace('/', ".").replace('+', "*").replace('#', ">"),
            Self::Redis => topic.replace(['+', '#'], "*"),
        }
    }
}

/// The position behind the first CR LF.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.iter().position(|&byte| byte == b'\n')?;
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Protocol; 4] = [
        Protocol::Elbus,
        Protocol::Nats,
        Protocol::Mqtt,
        Protocol::Redis,
    ];

    #[test]
    fn topics_are_spelled_as_each_broker_wants_them() {
        let spelled = ALL.map(|protocol| protocol.spell("a/+/b/#"));
        assert_eq!(spelled, ["a/+/b/#", "a.*.b.>", "a/+/b/#", "a/*/b/*"]);
    }

    /// A cut-off header must not be taken for a whole one.
    #[test]
    fn a_head_needs_all_of_the_header_and_nothing_else() {
        let frames: [(Protocol, &[u8]); 4] = [
            (
                Protocol::Elbus,
                b"\x01\x0A\0\0\0\0s\0t\0\xEE\xEE\xEE\xEE\xEE\xEE",
            ),
            (Protocol::Nats, b"MSG t 1 4\r\n\xEE\xEE\xEE\xEE\r\n"),
            (Protocol::Mqtt, b"\x30\x07\0\x01t\xEE\xEE\xEE\xEE"),
            (
                Protocol::Redis,
                b"*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$4\r\n\xEE\xEE\xEE\xEE\r\n",
            ),
        ];
        for (protocol, frame) in frames {
            let whole = protocol.head(frame).expect("a whole frame");
            assert_eq!(whole.item, Item::Delivery, "{protocol:?}");
            assert_eq!(whole.total, frame.len(), "{protocol:?}");
            for cut in 0..frame.len() {
                let seen = protocol.head(&frame[..cut]);
                let expected = (cut >= whole.header).then_some(whole);
                assert_eq!(seen, expected, "{protocol:?}, {cut} bytes");
            }
        }
    }
}
