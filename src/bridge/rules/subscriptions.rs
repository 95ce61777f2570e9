//! What a bridge has to subscribe to, on both sides, so that its rules get what they carry.
//!
//! A filter that another one covers is left out: some MQTT brokers send a message once for each
//! subscription that matches. Filters that cross each other (`a/+` and `+/b`) stay, so with such rules
//! a message may come twice.

use super::Rules;
use crate::bridge::config::MqttQos;
use crate::bridge::topics::filter::covers;
use crate::matching::TOPIC;

/// One subscription upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) filter: String,
    /// The highest of the rules that it serves.
    pub(crate) qos: MqttQos,
    /// Some rule wants what is retained.
    pub(crate) take_retained: bool,
}

impl Rules {
    /// The filters to subscribe to upstream, each with its marked form where there is one.
    pub(crate) fn subscriptions(&self) -> Vec<Subscription> {
        let mut kept: Vec<Subscription> = Vec::new();
        for compiled in &self.rules {
            if !compiled.rule.direction.is_in() {
                continue;
            }
            let plain = compiled.filters.mqtt.clone();
            let marked = self.marks.marked_filter(&plain);
            for filter in std::iter::once(plain).chain(marked) {
                let (qos, take_retained) = (compiled.rule.qos, compiled.rule.take_retained);
                add(
                    &mut kept,
                    Subscription {
                        filter,
                        qos,
                        take_retained,
                    },
                );
            }
        }
        kept
    }

    /// The filters to subscribe to on the bus.
    pub(crate) fn bus_filters(&self) -> Vec<&str> {
        let mut kept: Vec<&str> = Vec::new();
        for compiled in &self.rules {
            let filter = compiled.filters.bus.as_str();
            if !compiled.rule.direction.is_out() || kept.iter().any(|one| TOPIC.covers(one, filter))
            {
                continue;
            }
            kept.retain(|one| !TOPIC.covers(filter, one));
            kept.push(filter);
        }
        kept
    }
}

/// Adds one, or widens what is there.
fn add(kept: &mut Vec<Subscription>, mut new: Subscription) {
    if let Some(wide) = kept.iter_mut().find(|one| covers(&one.filter, &new.filter)) {
        wide.widen(&new);
        return;
    }
    kept.retain(|one| {
        let is_covered = covers(&new.filter, &one.filter);
        if is_covered {
            new.widen(one);
        }
        !is_covered
    });
    kept.push(new);
}

impl Subscription {
    fn widen(&mut self, other: &Self) {
        self.qos = self.qos.max(other.qos);
        self.take_retained |= other.take_retained;
    }
}
