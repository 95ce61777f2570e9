//! How topics and filters of one side are called on the other: a prefix is cut off, another one put in
//! front.

use super::names::{check_bus_filter, check_mqtt_filter};

/// The prefixes of one rule. Both are valid: empty, or whole levels that end with `/`, so that what is
/// cut off is never a part of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping<'a> {
    pub(crate) bus: &'a str,
    pub(crate) mqtt: &'a str,
}

/// What a rule matches on each side: the same topics in the names of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) bus: String,
    pub(crate) mqtt: String,
}

/// Which of the two filters is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FilterFault {
    Bus(String),
    Mqtt(String),
    /// There is none.
    Missing,
}

impl Mapping<'_> {
    /// A topic of the bus as it is called upstream; `None` if it does not begin with the prefix.
    pub(crate) fn outward(&self, topic: &str) -> Option<String> {
        replaced(topic, self.bus, self.mqtt)
    }

    /// A topic of MQTT as it is called on the bus; `None` if it does not begin with the prefix.
    pub(crate) fn inward(&self, topic: &str) -> Option<String> {
        replaced(topic, self.mqtt, self.bus)
    }

    /// The filters of both sides, of which one may be missing.
    pub(crate) fn filters(
        &self,
        bus: Option<&str>,
        mqtt: Option<&str>,
    ) -> Result<Filters, FilterFault> {
        if let Some(bus) = bus {
            check_bus_filter(bus).map_err(FilterFault::Bus)?;
        }
        if let Some(mqtt) = mqtt {
            check_mqtt_filter(mqtt).map_err(FilterFault::Mqtt)?;
        }
        match (bus, mqtt) {
            (Some(bus), mqtt) => {
                let derived = self
                    .outward(bus)
                    .ok_or_else(|| FilterFault::Bus(does_not_begin(bus, "bus_prefix", self.bus)))?;
                check_mqtt_filter(&derived).map_err(|why| {
                    FilterFault::Bus(format!("{bus:?} makes a wrong filter of MQTT: {why}"))
                })?;
                if let Some(mqtt) = mqtt
                    && mqtt != derived
                {
                    return Err(FilterFault::Mqtt(format!(
                        "{mqtt:?} does not agree with `bus` and the prefixes, which make it \
                         {derived:?}; leave one of the two out, or write two rules"
                    )));
                }
                Ok(Filters {
                    bus: bus.to_owned(),
                    mqtt: derived,
                })
            }
            (None, Some(mqtt)) => {
                let derived = self.inward(mqtt).ok_or_else(|| {
                    FilterFault::Mqtt(does_not_begin(mqtt, "mqtt_prefix", self.mqtt))
                })?;
                check_bus_filter(&derived).map_err(|why| {
                    FilterFault::Mqtt(format!("{mqtt:?} makes a wrong filter of the bus: {why}"))
                })?;
                Ok(Filters {
                    bus: derived,
                    mqtt: mqtt.to_owned(),
                })
            }
            (None, None) => Err(FilterFault::Missing),
        }
    }
}

fn replaced(text: &str, cut: &str, put: &str) -> Option<String> {
    let rest = text.strip_prefix(cut)?;
    Some([put, rest].concat())
}

fn does_not_begin(filter: &str, key: &str, prefix: &str) -> String {
    format!("{filter:?} does not begin with `{key}`, {prefix:?}, which is to be cut off")
}
