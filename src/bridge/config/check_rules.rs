//! What makes no sense in the rules.

use std::time::Duration;

use super::bounds::{Checked, Count, within};
use super::check::{MAX_RATE, MAX_RULES};
use super::error::{At, Fault};
use super::{Config, ConfigError, Rule};
use crate::bridge::topics::filter::overlap;
use crate::bridge::topics::mapping::{FilterFault, Filters, Mapping};
use crate::bridge::topics::names::{check_prefix, is_of_broker};
use crate::config_file::sizes::ByteSize;

const CONFLATE_MIN: Duration = Duration::from_millis(1);
const CONFLATE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What a stored message takes beside its payload is less than this, in bytes, unless its topic is
/// unusually long.
const MESSAGE_OVERHEAD: usize = 1024;

impl Rule {
    /// The prefixes.
    pub(in crate::bridge) fn mapping(&self) -> Mapping<'_> {
        Mapping {
            bus: &self.bus_prefix,
            mqtt: &self.mqtt_prefix,
        }
    }

    /// The filters of both sides.
    pub(in crate::bridge) fn filters(&self) -> Result<Filters, FilterFault> {
        let mapping = self.mapping();
        mapping.filters(self.bus.as_deref(), self.mqtt.as_deref())
    }

    /// The same for the rule at this index.
    pub(in crate::bridge) fn filters_at(&self, index: usize) -> Result<Filters, ConfigError> {
        filters_of(index, self).map_err(ConfigError::from)
    }
}

/// The filters of the rule at this index, or what is wrong with them.
fn filters_of(index: usize, rule: &Rule) -> Result<Filters, Fault> {
    let at = |key| At::nth("rule", index, key);
    rule.filters().map_err(|fault| match fault {
        FilterFault::Bus(why) => Fault::new(at("bus"), why),
        FilterFault::Mqtt(why) => Fault::new(at("mqtt"), why),
        FilterFault::Missing => Fault::new(at(""), "has neither `bus` nor `mqtt`"),
    })
}

pub(super) fn check_rules(config: &Config) -> Checked {
    let at = At::key("rule", "");
    within(at, Count(config.rules.len()), Count(0), Count(MAX_RULES))?;
    let mut rules = config.rules.iter().enumerate();
    rules.try_for_each(|(index, rule)| check_rule(config, index, rule))
}

fn check_rule(config: &Config, index: usize, rule: &Rule) -> Checked {
    let at = |key| At::nth("rule", index, key);
    for (key, prefix) in [
        ("bus_prefix", &rule.bus_prefix),
        ("mqtt_prefix", &rule.mqtt_prefix),
    ] {
        check_prefix(prefix).map_err(|why| Fault::new(at(key), why))?;
    }
    let filters = filters_of(index, rule)?;
    // Where the filter stands that the other one follows from.
    let key = if rule.bus.is_some() { "bus" } else { "mqtt" };
    if rule.direction.is_in() && is_of_broker(&filters.bus) {
        let what = format!(
            "{:?} would be a topic of the broker, and nothing is carried to those",
            filters.bus
        );
        return Err(Fault::new(at(key), what));
    }
    if rule.direction.is_out() && filters.mqtt.starts_with('$') {
        let what = format!(
            "{:?} would be published by the MQTT broker itself, and nobody else",
            filters.mqtt
        );
        return Err(Fault::new(at(key), what));
    }
    within(
        at("rate"),
        Count(rule.rate as usize),
        Count(0),
        Count(MAX_RATE as usize),
    )?;
    if let Some(interval) = rule.conflate {
        within(at("conflate_ms"), interval, CONFLATE_MIN, CONFLATE_MAX)?;
    }
    check_room(config, at("max_payload"), rule)
}

/// A message of the largest size that is let through has to fit everywhere.
fn check_room(config: &Config, at: At, rule: &Rule) -> Checked {
    let largest = rule.max_payload.saturating_add(MESSAGE_OVERHEAD);
    let size = ByteSize(rule.max_payload);
    if rule.max_payload == 0 {
        return Err(Fault::new(at, "0 is not at least 1"));
    }
    for (room, name) in [
        (config.mqtt.max_packet, "[mqtt] max_packet"),
        (config.store.max_memory, "[store] max_memory"),
    ] {
        if largest > room {
            let what = format!(
                "{size} and 1K for the rest of the message are more than {name}, {}",
                ByteSize(room)
            );
            return Err(Fault::new(at, what));
        }
    }
    Ok(())
}

/// Without marks in the topics, what goes out must not be what comes in.
pub(super) fn check_overlaps(config: &Config) -> Checked {
    if !config.mqtt.origin_prefix.is_empty() || !config.mqtt.version.may_be_v311() {
        return Ok(());
    }
    let mut outward = Vec::new();
    let mut inward = Vec::new();
    for (index, rule) in config.rules.iter().enumerate() {
        let filter = filters_of(index, rule)?.mqtt;
        if rule.direction.is_out() {
            outward.push((index, filter.clone()));
        }
        if rule.direction.is_in() {
            inward.push((index, filter));
        }
    }
    for (index, filter) in &inward {
        let found = outward.iter().find(|(_, other)| overlap(filter, other));
        if let Some((other, out)) = found {
            let what = format!(
                "takes {filter:?} from where rule {} publishes {out:?}: with MQTT 3.1.1 and without \
                 [mqtt] origin_prefix the bridge would take its own messages for those of others",
                other + 1
            );
            return Err(Fault::new(At::nth("rule", *index, ""), what));
        }
    }
    Ok(())
}
