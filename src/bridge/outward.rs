//! From the bus to the upstream, up to where a message waits to be sent.
//!
//! Whatever reads the bus brings messages here and never waits: what there is no room for is dropped and
//! counted. The engine fetches them when the upstream takes one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::config::{MqttQos, Rule};
use super::counters::Counters;
use super::gate::{Gate, first_due};
use super::rules::Rules;
use super::spool::{self, Now, Spool};
use super::upstream::is_sendable;

/// What messages of QoS 0 that wait to be sent may take, in bytes; the oldest are dropped for newer ones.
pub(super) const UNSTORED_BYTES: usize = 256 * 1024;

/// What a message of QoS 0 is charged with beside topic and payload, in bytes.
const UNSTORED_COST: usize = 64;

/// A copy of a message, on its way through the gate of its rule.
#[derive(Debug)]
struct Copy {
    rule: usize,
    topic: String,
    payload: Vec<u8>,
}

impl Copy {
    fn bytes(&self) -> usize {
        self.topic.len() + self.payload.len() + UNSTORED_COST
    }
}

/// Why a message is not on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No rule carries it, or none does with QoS 1.
    NoRule,
    /// Its payload, or what it takes in store, is too long.
    Size,
    /// The upstream can have no such topic.
    Topic,
    /// More messages per second than the rule permits.
    Rate,
}

/// A message to send now. Its topic has no mark yet.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Its number in the store; none with QoS 0.
    pub(super) seq: Option<u64>,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Outward {
    rules: Arc<Rules>,
    counters: Arc<Counters>,
    gates: Vec<Gate<Copy>>,
    pub(super) spool: Spool,
    unstored: VecDeque<Copy>,
    unstored_bytes: usize,
    is_connected: bool,
    /// Somebody waits for a message to be safe.
    pub(super) is_urgent: bool,
    passing: Vec<Copy>,
}

impl Outward {
    pub(super) fn new(rules: Arc<Rules>, counters: Arc<Counters>, spool: Spool) -> Self {
        Self {
            gates: rules.iter().map(Gate::new).collect(),
            rules,
            counters,
            spool,
            unstored: VecDeque::new(),
            unstored_bytes: 0,
            is_connected: false,
            is_urgent: false,
            passing: Vec::new(),
        }
    }

    /// Takes a publication of the bus. True if there is something new to send, or to store.
    pub(super) fn publication(&mut self, topic: &str, payload: &[u8], now: Now) -> bool {
        let rules = Arc::clone(&self.rules);
        let routes = rules.outward(topic, payload.len());
        let out = &self.counters.out;
        out.dropped_size.add(routes.refused.size);
        out.dropped_topic.add(routes.refused.topic);
        for route in routes.copies {
            // In store it would end the connection again and again.
            if !is_sendable(&route.topic) {
                out.dropped_topic.one();
                continue;
            }
            let Some(gate) = self.gates.get_mut(route.rule) else {
                continue;
            };
            out.taken.one();
            if !gate.has_rate(now.instant) {
                out.dropped_rate.one();
                continue;
            }
            let copy = Copy {
                rule: route.rule,
                topic: route.topic.clone(),
                payload: payload.to_vec(),
            };
            let size = (route.topic.as_str(), copy.bytes());
            gate.pass(size, copy, now.instant, &out.conflated, &mut self.passing);
        }
        self.store_what_passes(now)
    }

    /// Takes a message whose sender wants to know that it is in store: returns the number of its last
    /// copy there. It does not wait for a newer one to take its place.
    pub(super) fn confirmed(
        &mut self,
        topic: &str,
        payload: &[u8],
        now: Now,
    ) -> Result<u64, Refusal> {
        let rules = Arc::clone(&self.rules);
        let routes = rules.outward(topic, payload.len());
        let is_stored = |rule: usize| {
            let rule = rules.rule(rule);
            rule.is_some_and(|rule| rule.qos == MqttQos::AtLeastOnce)
        };
        let mut last = Err(match routes.refused {
            refused if refused.size > 0 => Refusal::Size,
            refused if refused.topic > 0 => Refusal::Topic,
            _ => Refusal::NoRule,
        });
        for route in routes.copies.into_iter().filter(|it| is_stored(it.rule)) {
            if !is_sendable(&route.topic) {
                self.counters.out.dropped_topic.one();
                return Err(Refusal::Topic);
            }
            self.counters.out.taken.one();
            let gate = self.gates.get_mut(route.rule);
            if !gate.is_some_and(|gate| gate.has_rate(now.instant)) {
                self.counters.out.dropped_rate.one();
                return Err(Refusal::Rate);
            }
            last = self.store(
                Copy {
                    rule: route.rule,
                    topic: route.topic,
                    payload: payload.to_vec(),
                },
                now,
            );
        }
        last
    }

    /// When something passes although nothing new comes.
    pub(super) fn next_due(&self) -> Option<Instant> {
        first_due(&self.gates)
    }

    /// Lets pass what has waited long enough for something newer.
    pub(super) fn due(&mut self, now: Now) {
        for gate in &mut self.gates {
            gate.due(now.instant, &mut self.passing);
        }
        self.store_what_passes(now);
    }

    /// The bridge ends: what still waits for something newer goes into the store.
    pub(super) fn drain(&mut self, now: Now) {
        for gate in &mut self.gates {
            gate.drain(&mut self.passing);
        }
        self.store_what_passes(now);
    }

    /// The upstream is there. What was on its way is sent again.
    pub(super) fn connected(&mut self) {
        self.is_connected = true;
        self.spool.rewind();
    }

    /// The upstream is gone, and with it what is not stored.
    pub(super) fn disconnected(&mut self) {
        self.is_connected = false;
        let dropped = self.unstored.len() as u64;
        self.counters.out.dropped_unsent.add(dropped);
        self.unstored.clear();
        self.unstored_bytes = 0;
        self.spool.rewind();
    }

    /// The next message to send: those of QoS 0 first, there are few of them.
    pub(super) fn next(&mut self, now: Now) -> Option<Outgoing> {
        if let Some(copy) = self.unstored.pop_front() {
            self.unstored_bytes -= copy.bytes();
            let retain = self.rules.rule(copy.rule).is_some_and(|rule| rule.retain);
            return Some(Outgoing {
                seq: None,
                topic: copy.topic,
                payload: copy.payload,
                retain,
            });
        }
        let (seq, message) = self.spool.next(now)?;
        Some(Outgoing {
            seq: Some(seq),
            topic: message.topic,
            payload: message.payload,
            retain: message.retain,
        })
    }

    fn store_what_passes(&mut self, now: Now) -> bool {
        let mut has_new = false;
        for copy in std::mem::take(&mut self.passing) {
            let rule = self.rules.rule(copy.rule);
            if rule.is_some_and(|rule| rule.qos == MqttQos::AtLeastOnce) {
                has_new |= self.store(copy, now).is_ok();
            } else {
                has_new |= self.keep_unstored(copy);
            }
        }
        has_new
    }

    fn store(&mut self, copy: Copy, now: Now) -> Result<u64, Refusal> {
        let retain = self
            .rules
            .rule(copy.rule)
            .is_some_and(|rule: &Rule| rule.retain);
        let message = spool::Message {
            topic: copy.topic,
            payload: copy.payload,
            retain,
            stored_ms: now.wall_ms,
        };
        self.spool.push(message, now).map_err(|too_large| {
            self.counters.out.dropped_size.one();
            log::warn!("a message is not stored: {too_large}");
            Refusal::Size
        })
    }

    fn keep_unstored(&mut self, copy: Copy) -> bool {
        let dropped = &self.counters.out.dropped_unsent;
        let bytes = copy.bytes();
        if !self.is_connected || bytes > UNSTORED_BYTES {
            dropped.one();
            return false;
        }
        while self.unstored_bytes + bytes > UNSTORED_BYTES {
            let Some(oldest) = self.unstored.pop_front() else {
                break;
            };
            self.unstored_bytes -= oldest.bytes();
            dropped.one();
        }
        self.unstored_bytes += bytes;
        self.unstored.push_back(copy);
        true
    }
}
