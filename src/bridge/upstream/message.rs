//! What is published and received, whatever the version of MQTT.

/// The longest text of MQTT, in bytes; its length has two bytes on the wire.
pub(super) const MAX_TEXT_BYTES: usize = 65_535;

/// A message to publish.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// QoS 1, else 0.
    pub(crate) confirmed: bool,
    pub(crate) retain: bool,
    /// Left out with 3.1.1, which knows nothing of the kind.
    pub(crate) extras: Extras,
}

/// What MQTT 5 messages have beside topic and payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    pub(crate) user: Vec<(String, String)>,
    pub(crate) response_topic: Option<String>,
    pub(crate) correlation: Option<Vec<u8>>,
    /// Seconds after which nobody needs the message any more.
    pub(crate) expiry_s: Option<u32>,
}

impl Extras {
    /// The first user property of that name.
    pub(crate) fn user(&self, name: &str) -> Option<&str> {
        let found = self.user.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A message that has arrived.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// It was in store for those who subscribe.
    pub(crate) retained: bool,
    pub(crate) extras: Extras,
    /// What acknowledges it; nothing does at QoS 0.
    pub(crate) ack: Option<Ack>,
}

/// Acknowledges one received message, on the connection that brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(super) connection: u64,
    pub(super) packet_id: u16,
}

impl Ack {
    /// Of the message with this number; the connection adds itself.
    pub(super) fn new(packet_id: u16) -> Self {
        Self {
            connection: 0,
            packet_id,
        }
    }
}

/// True if an upstream can be expected to take the topic. MQTT permits servers to close the connection
/// on control characters and on characters that mean nothing; one such topic in store would be sent
/// again and again.
pub(crate) fn is_sendable(topic: &str) -> bool {
    let is_nothing =
        |c: char| matches!(c, '\u{FDD0}'..='\u{FDEF}') || u32::from(c) & 0xFFFE == 0xFFFE;
    let is_unwanted = |c: char| c.is_control() || c == '+' || c == '#' || is_nothing(c);
    !topic.is_empty() && topic.len() <= MAX_TEXT_BYTES && !topic.contains(is_unwanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_could_end_a_connection_are_not_sent() {
        for topic in ["a", "/", "plant/öl", "a b/c", "$a", "😀"] {
            assert!(is_sendable(topic), "{topic:?}");
        }
        let long = "a".repeat(MAX_TEXT_BYTES + 1);
        for topic in [
            "",
            "a\0",
            "a\n",
            "\u{7F}",
            "\u{85}",
            "a/+",
            "#",
            "a#",
            "\u{FDD0}",
            "\u{FFFF}",
            "\u{1FFFE}",
            &long,
        ] {
            assert!(!is_sendable(topic), "{topic:?}");
        }
        assert!(is_sendable(&"a".repeat(MAX_TEXT_BYTES)));
    }
}
