//! A connection as a client sees it: what it has yet to send, what it waits for, what it may receive.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

use super::Step;
use super::ledger::{Id, Ledger, Sent, Target};
use crate::matching::{MASK, TOPIC};
use crate::protocol::delivery::{self, Delivery};
use crate::protocol::handshake::{GREETING_BYTES, greeting, name_frame};
use crate::protocol::operation::FrameOp;
use crate::protocol::request::{encode_filters, encode_head};
use crate::protocol::{Decoded, ERR_BUSY, RESPONSE_OK};
use crate::transport::simulated::Far;
use crate::{FrameKind, QoS};

/// Longest body that a client accepts, in bytes.
const LIMIT: usize = 1 << 24;

/// How far a connection has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// In the handshake.
    Opening,
    Registered,
    /// It sends no more, and reads what still comes.
    Finishing,
    Over,
}

/// What an ack will be about.
#[derive(Debug)]
enum Asked {
    Frame(usize),
    Subscribe(String),
    Unsubscribe(String),
}

/// What a client knows of one of its subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subscription {
    /// Asked for, or asked to end.
    Uncertain,
    Confirmed,
    EndedAt(Step),
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) far: Far,
    pub(super) phase: Phase,
    outgoing: Vec<u8>,
    sent: usize,
    /// What has come and is not a whole frame yet.
    incoming: Vec<u8>,
    awaiting: VecDeque<(u32, Asked)>,
    last_op: u32,
    /// The last frame that came from each sender.
    last_from: BTreeMap<Id, usize>,
    topics: BTreeMap<String, Subscription>,
    pub(super) opened_at: Step,
    pub(super) registered_at: Option<Step>,
    /// When another one was registered under the same name.
    pub(super) superseded_at: Option<Step>,
    /// All that is sent will be carried out: the connection has not been cut.
    pub(super) has_sent_all: bool,
    /// All that is queued will be received.
    pub(super) has_got_all: bool,
    /// Somebody wanted it to end.
    pub(super) is_condemned: bool,
    /// When nothing was on its way in either direction.
    pub(super) idle_at: Instant,
    /// It neither reads nor writes until then.
    pub(super) stalled_until: Step,
}

impl Connection {
    pub(super) fn new(id: Id, name: &str, far: Far, now: Step) -> Self {
        let mut outgoing = greeting().to_vec();
        outgoing.extend(name_frame(name).expect("a short name"));
        Self {
            id,
            name: name.to_owned(),
            far,
            phase: Phase::Opening,
            outgoing,
            sent: 0,
            incoming: Vec::new(),
            awaiting: VecDeque::new(),
            last_op: 0,
            last_from: BTreeMap::new(),
            topics: BTreeMap::new(),
            opened_at: now,
            registered_at: None,
            superseded_at: None,
            has_sent_all: true,
            has_got_all: true,
            is_condemned: false,
            idle_at: Instant::now(),
            stalled_until: 0,
        }
    }

    pub(super) fn is_registered(&self) -> bool {
        self.phase == Phase::Registered
    }

    /// True if it has nothing to send, and nothing to wait for.
    pub(super) fn is_quiet(&self) -> bool {
        let is_quiet = self.sent == self.outgoing.len()
            && self.awaiting.is_empty()
            && self.far.is_heard()
            && self.far.is_drained();
        match self.phase {
            Phase::Over => true,
            Phase::Registered => is_quiet,
            Phase::Opening | Phase::Finishing => false,
        }
    }

    /// True if it would get a frame to `target` that was sent now.
    pub(super) fn is_due(&self, target: &Target) -> bool {
        self.is_registered()
            && self.has_got_all
            && match target {
                Target::Name(name) => *name == self.name,
                Target::Mask(mask) => MASK.matches(mask, &self.name),
                Target::Topic(topic) => self.topics.iter().any(|(filter, state)| {
                    *state == Subscription::Confirmed && TOPIC.matches(filter, topic)
                }),
            }
    }

    /// Puts a frame behind what is yet to be sent.
    pub(super) fn queue_frame(&mut self, target: &Target, number: usize, payload: &[u8], qos: QoS) {
        let (op, text) = match target {
            Target::Name(name) => (FrameOp::Message, name),
            Target::Mask(mask) => (FrameOp::Broadcast, mask),
            Target::Topic(topic) => (FrameOp::PublishTopic, topic),
        };
        let op_id = self.next_op(qos, Asked::Frame(number));
        let out = &mut self.outgoing;
        encode_head(out, op_id, op, qos, &[text], payload.len()).expect("short");
        out.extend_from_slice(payload);
    }

    /// Puts the start of a subscription, or its end, behind what is yet to be sent.
    pub(super) fn queue_subscription(&mut self, topic: &str, starts: bool) {
        let (op, asked) = match starts {
            true => (FrameOp::SubscribeTopic, Asked::Subscribe(topic.to_owned())),
            false => (
                FrameOp::UnsubscribeTopic,
                Asked::Unsubscribe(topic.to_owned()),
            ),
        };
        self.topics
            .insert(topic.to_owned(), Subscription::Uncertain);
        let qos = QoS::Processed;
        let op_id = self.next_op(qos, asked);
        encode_filters(&mut self.outgoing, op_id, op, qos, &[topic]).expect("short");
    }

    fn next_op(&mut self, qos: QoS, asked: Asked) -> u32 {
        self.last_op += 1;
        if qos.needs_ack() {
            self.awaiting.push_back((self.last_op, asked));
        }
        self.last_op
    }

    /// Sends at most so many bytes. False if none could be sent.
    pub(super) fn write(&mut self, most: usize) -> bool {
        let end = self.outgoing.len().min(self.sent.saturating_add(most));
        // An end of the stream is noticed by reading.
        let n = self.far.send(&self.outgoing[self.sent..end]).unwrap_or(0);
        self.sent += n;
        n > 0
    }

    /// True if the broker did not register it.
    pub(super) fn is_refused(&self) -> bool {
        self.registered_at.is_none() && self.is_condemned
    }

    /// What it still has to do, for whoever looks for the reason of a failure.
    pub(super) fn describe(&self) -> String {
        format!(
            "connection {} {:?}: {:?}, {} of {} bytes sent, awaits {:?}, {:?}\n",
            self.id,
            self.name,
            self.phase,
            self.sent,
            self.outgoing.len(),
            self.awaiting,
            self.far
        )
    }

    /// Has everything been handed over that was to be sent?
    pub(super) fn is_sent(&self) -> bool {
        self.sent == self.outgoing.len()
    }

    /// Takes note of bytes from the broker.
    pub(super) fn read(&mut self, bytes: &[u8], now: Step, ledger: &mut Ledger) {
        self.incoming.extend_from_slice(bytes);
        if self.registered_at.is_none() && !self.read_answers(now) {
            return;
        }
        let incoming = std::mem::take(&mut self.incoming);
        let mut rest = &incoming[..];
        while let Ok(Decoded::Item { item, size }) = delivery::decode(rest, LIMIT) {
            rest = &rest[size..];
            self.take(item, now, ledger);
        }
        let is_sound = matches!(
            delivery::decode(rest, LIMIT),
            Ok(Decoded::Incomplete { .. })
        );
        assert!(
            is_sound,
            "connection {}: no frame begins with {rest:02x?}",
            self.id
        );
        self.incoming = rest.to_vec();
    }

    /// Reads the broker's side of the handshake. True when it is complete.
    fn read_answers(&mut self, now: Step) -> bool {
        let mut expected = greeting().to_vec();
        expected.push(RESPONSE_OK);
        let known = self.incoming.len().min(expected.len());
        assert_eq!(
            self.incoming[..known],
            expected[..known],
            "the broker's greeting"
        );
        let Some(code) = self.incoming.get(GREETING_BYTES + 1).copied() else {
            return false;
        };
        if code != RESPONSE_OK {
            // Whether the name was taken, the world knows.
            assert_eq!(
                code, ERR_BUSY,
                "nothing else is wrong with connection {}",
                self.id
            );
            assert_eq!(
                self.incoming.len(),
                expected.len() + 1,
                "a refusal is the last word"
            );
            self.is_condemned = true;
            return false;
        }
        self.incoming.drain(..=expected.len());
        self.registered_at = Some(now);
        if self.phase == Phase::Opening {
            self.phase = Phase::Registered;
        }
        true
    }

    fn take(&mut self, delivery: Delivery<'_>, now: Step, ledger: &mut Ledger) {
        let (kind, sender, topic, payload) = match delivery {
            Delivery::Ping => return,
            Delivery::Ack { op_id, code } => return self.take_ack(op_id, code, now, ledger),
            Delivery::Frame {
                kind,
                sender,
                topic,
                payload,
                ..
            } => (kind, sender, topic, payload),
        };
        if sender == crate::broker::BROKER_NAME {
            return;
        }
        let number = ledger.receive(payload, self.id);
        let frame = ledger.frame(number);
        self.check_target(frame, kind, topic);
        let last = self.last_from.insert(frame.by, number);
        assert!(
            last.is_none_or(|last| last < number),
            "connection {}: frame {number} has come after frame {last:?} of the same sender",
            self.id
        );
    }

    fn check_target(&self, frame: &Sent, kind: FrameKind, topic: Option<&str>) {
        let Sent { to, at, .. } = frame;
        let is_mine = match to {
            Target::Name(name) => kind == FrameKind::Message && *name == self.name,
            Target::Mask(mask) => kind == FrameKind::Broadcast && MASK.matches(mask, &self.name),
            Target::Topic(sent) => kind == FrameKind::Publish && topic == Some(sent),
        };
        assert!(is_mine, "connection {} has received {frame:?}", self.id);
        assert!(
            self.superseded_at.is_none_or(|since| since >= *at),
            "connection {} has been replaced, and has received {frame:?} all the same",
            self.id
        );
        if let Target::Topic(topic) = to {
            let is_wanted = |filter: &String, state: &Subscription| {
                TOPIC.matches(filter, topic)
                    && !matches!(state, Subscription::EndedAt(end) if end < at)
            };
            let wanted = self
                .topics
                .iter()
                .any(|(filter, state)| is_wanted(filter, state));
            assert!(wanted, "connection {} does not want {frame:?}", self.id);
        }
    }

    fn take_ack(&mut self, op_id: [u8; 4], code: u8, now: Step, ledger: &mut Ledger) {
        let op_id = u32::from_le_bytes(op_id);
        let asked = self.awaiting.pop_front();
        let (expected, asked) = asked.expect("an ack only for what asks for one");
        assert_eq!(
            op_id, expected,
            "acks of connection {} come in order",
            self.id
        );
        let (topic, state) = match asked {
            Asked::Frame(number) => return ledger.acknowledge(number, code),
            Asked::Subscribe(topic) => (topic, Subscription::Confirmed),
            Asked::Unsubscribe(topic) => (topic, Subscription::EndedAt(now)),
        };
        assert_eq!(code, RESPONSE_OK, "the filter {topic:?}");
        // Another change may have been asked for meanwhile.
        let is_last = !self.awaiting.iter().any(|(_, asked)| match asked {
            Asked::Subscribe(other) | Asked::Unsubscribe(other) => *other == topic,
            Asked::Frame(_) => false,
        });
        if is_last {
            self.topics.insert(topic, state);
        }
    }
}
