//! What the broker itself says to its clients: publications by `.broker` (protocol, section 8).

use rmp_serde::Serializer;
use serde::ser::{Serialize, SerializeMap};

use super::hub::Hub;
use super::parcel::{Contents, Parcel};
use super::{BROKER_INFO_TOPIC, BROKER_NAME, BROKER_WARN_TOPIC};
use crate::FrameKind;
use crate::borrow::Cow;
use crate::common::now_ns;
use crate::transport::outbox::{Account, Push};

/// Something that happened to the broker or one of its clients.
#[derive(Debug, Clone)]
pub struct BrokerEvent<'a> {
    subject: &'a str,
    data: Option<&'a str>,
    time: u64,
    /// What was done about it.
    action: Option<&'a str>,
    topic: &'a str,
}

/// What was done to a client that did not drain its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlowConsumer {
    Disconnected,
    /// It stays, and frames for it are dropped.
    Dropped,
}

impl<'a> BrokerEvent<'a> {
    /// An event of the application's own, published to `topic`. `s` is the subject, `d` whom or
    /// what it concerns.
    pub fn new(s: &'a str, d: Option<&'a str>, topic: &'a str) -> Self {
        Self {
            subject: s,
            data: d,
            time: now_ns(),
            action: None,
            topic,
        }
    }

    /// The broker stops.
    pub fn shutdown() -> Self {
        Self::new("shutdown", None, BROKER_WARN_TOPIC)
    }

    /// A primary client has registered.
    pub fn reg(name: &'a str) -> Self {
        Self::new("reg", Some(name), BROKER_INFO_TOPIC)
    }

    /// A primary client has gone.
    pub fn unreg(name: &'a str) -> Self {
        Self::new("unreg", Some(name), BROKER_INFO_TOPIC)
    }

    /// The queue of a client was full.
    pub(super) fn slow(name: &'a str, what: SlowConsumer) -> Self {
        Self {
            action: Some(match what {
                SlowConsumer::Disconnected => "disconnected",
                SlowConsumer::Dropped => "dropped",
            }),
            ..Self::new("slow", Some(name), BROKER_WARN_TOPIC)
        }
    }

    /// What happened.
    pub fn subject(&self) -> &str {
        self.subject
    }

    /// Whom or what it concerns.
    pub fn data(&self) -> Option<&str> {
        self.data
    }

    /// When, in nanoseconds since the UNIX epoch.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The topic to which the event is published.
    pub(super) fn topic(&self) -> &str {
        self.topic
    }
}

impl Serialize for BrokerEvent<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 2 + usize::from(self.data.is_some()) + usize::from(self.action.is_some());
        let mut map = serializer.serialize_map(Some(fields))?;
        map.serialize_entry("s", self.subject)?;
        if let Some(data) = self.data {
            map.serialize_entry("d", data)?;
        }
        // The present takes the full nine bytes of a MessagePack integer.
        map.serialize_entry("t", &self.time)?;
        if let Some(action) = self.action {
            map.serialize_entry("a", action)?;
        }
        map.end()
    }
}

impl Hub {
    /// Publishes an event. Never waits: a subscriber whose queue is full, reserve included, misses
    /// the announcement, which is counted.
    pub(super) fn announce(&self, event: &BrokerEvent<'_>) {
        let Some(core) = self.find(BROKER_NAME) else {
            return;
        };
        let (_, receivers) = self.topics.receivers(event.topic());
        if receivers.is_empty() {
            return;
        }
        let mut payload = Vec::with_capacity(64);
        if let Err(e) = event.serialize(&mut Serializer::new(&mut payload)) {
            log::error!("an announcement cannot be encoded: {e}");
            return;
        }
        let contents = Contents {
            kind: FrameKind::Publish,
            realtime: false,
            topic: Some(event.topic()),
            header: None,
            counted: event.topic().len() + 1 + payload.len(),
            payload: Cow::Owned(payload),
        };
        let mut parcel = Parcel::new(core.name.clone(), contents, Vec::new());
        for receiver in receivers.iter() {
            match receiver.push(&mut parcel, Account::Control) {
                Push::Queued { .. } => receiver.flush(),
                // Nothing is announced about that: it would be missed, too.
                Push::Full | Push::NoMemory => drop(receiver.count_refused()),
                Push::Closed => {}
            }
        }
    }
}
