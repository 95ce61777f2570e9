//! What becomes of a message: which rules carry it, and under which topic on the other side; how often
//! one may pass.
//!
//! Pure: no I/O, and the clock is passed in.
//!
//! | file | job |
//! |---|---|
//! | here | the rules that carry a message |
//! | `subscriptions` | what has to be subscribed to for that, on both sides |
//! | `rate` | messages per second |
//! | `conflation` | only the newest message of each topic, every so often |

pub(super) mod conflation;
pub(super) mod rate;
pub(super) mod subscriptions;
#[cfg(test)]
mod tests;

use super::config::{Config, ConfigError, Identity, Rule};
use super::marks::Marks;
use super::topics::filter;
use super::topics::mapping::Filters;
use super::topics::names::{MAX_TOPIC_BYTES, is_bus_topic, is_mqtt_topic, is_of_broker};
use crate::matching::TOPIC;

/// The rules of a bridge.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Compiled>,
    marks: Marks,
    /// Longest topic upstream, which may get a mark yet, in bytes.
    max_mqtt_topic: usize,
}

/// A rule, and what both sides call its topics.
#[derive(Debug)]
struct Compiled {
    rule: Rule,
    filters: Filters,
    /// Its filter names topics of the broker itself, and does not just happen to match them.
    takes_broker_topics: bool,
}

/// What becomes of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Routes {
    /// One for each topic of the other side, in the order of the rules.
    pub(crate) copies: Vec<Route>,
    /// Rules whose filter matched, and that did not carry it because ...
    pub(crate) refused: Refused,
}

/// One copy of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// Which rule carries it.
    pub(crate) rule: usize,
    /// The topic on the other side, without a mark.
    pub(crate) topic: String,
}

/// Numbers of rules.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// ... the payload is too long.
    pub(crate) size: u64,
    /// ... the other side can have no such topic, or must not get it from a bridge.
    pub(crate) topic: u64,
    /// ... it was retained.
    pub(crate) retained: u64,
}

impl Rules {
    /// The rules of this configuration, on the bus with this identity.
    ///
    /// # Errors
    ///
    /// If a rule has no filters that make sense.
    pub(crate) fn new(config: &Config, identity: &Identity) -> Result<Self, ConfigError> {
        let rules = config.rules.iter().enumerate();
        let compiled = rules.map(|(index, rule)| Compiled::new(index, rule));
        let marks = Marks::new(&identity.bus_id, &config.mqtt.origin_prefix);
        Ok(Self {
            rules: compiled.collect::<Result<_, _>>()?,
            max_mqtt_topic: MAX_TOPIC_BYTES.saturating_sub(marks.overhead()),
            marks,
        })
    }

    /// The marks of this bus.
    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// The rule of this number.
    pub(crate) fn rule(&self, index: usize) -> Option<&Rule> {
        self.rules.get(index).map(|compiled| &compiled.rule)
    }

    /// All rules, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// Which rules carry a message of the bus, and under which topic upstream.
    ///
    /// Whether it came from a bridge has to be asked before, see
    /// [`is_from_bridge`](super::marks::is_from_bridge).
    pub(crate) fn outward(&self, topic: &str, payload_bytes: usize) -> Routes {
        let mut routes = Routes::default();
        let is_of_broker = is_of_broker(topic);
        for (index, compiled) in self.rules.iter().enumerate() {
            if !compiled.rule.direction.is_out()
                || is_of_broker && !compiled.takes_broker_topics
                || !TOPIC.matches(&compiled.filters.bus, topic)
            {
                continue;
            }
            if payload_bytes > compiled.rule.max_payload {
                routes.refused.size += 1;
                continue;
            }
            let called = compiled.rule.mapping().outward(topic).filter(|called| {
                is_mqtt_topic(called)
                    && called.len() <= self.max_mqtt_topic
                    && !self.marks.is_reserved(called)
            });
            routes.add(index, called);
        }
        routes
    }

    /// Which rules carry a message of the upstream, and under which topic on the bus.
    ///
    /// The topic is without its mark, and the message not this bus's own, see [`Marks::read`].
    /// `retained`: it was sent because the bridge has subscribed.
    pub(crate) fn inward(&self, topic: &str, payload_bytes: usize, retained: bool) -> Routes {
        let mut routes = Routes::default();
        for (index, compiled) in self.rules.iter().enumerate() {
            let rule = &compiled.rule;
            if !rule.direction.is_in() || !filter::matches(&compiled.filters.mqtt, topic) {
                continue;
            }
            if retained && !rule.take_retained {
                routes.refused.retained += 1;
                continue;
            }
            if payload_bytes > rule.max_payload {
                routes.refused.size += 1;
                continue;
            }
            let called = rule.mapping().inward(topic);
            let called = called.filter(|called| is_bus_topic(called) && !is_of_broker(called));
            routes.add(index, called);
        }
        routes
    }
}

impl Compiled {
    fn new(index: usize, rule: &Rule) -> Result<Self, ConfigError> {
        let filters = rule.filters_at(index)?;
        Ok(Self {
            rule: rule.clone(),
            takes_broker_topics: is_of_broker(&filters.bus),
            filters,
        })
    }
}

impl Routes {
    /// The topic of the other side; `None`: there can be none.
    fn add(&mut self, rule: usize, topic: Option<String>) {
        match topic {
            None => self.refused.topic += 1,
            // The same message twice would be no news.
            Some(topic) if self.copies.iter().any(|copy| copy.topic == topic) => {}
            Some(topic) => self.copies.push(Route { rule, topic }),
        }
    }
}
