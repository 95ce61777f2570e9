//! What is carried: one rule is one filter of topics, and what becomes of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::MqttQos;

/// Which way messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the bus to the upstream.
    Out,
    /// From the upstream to the bus.
    In,
    /// Both.
    Both,
}

impl Direction {
    /// Does anything go from the bus to the upstream?
    pub fn is_out(self) -> bool {
        self != Self::In
    }

    /// Does anything go from the upstream to the bus?
    pub fn is_in(self) -> bool {
        self != Self::Out
    }
}

impl FromStr for Direction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "out" => Ok(Self::Out),
            "in" => Ok(Self::In),
            "both" => Ok(Self::Both),
            _ => Err(r#"expected "out", "in" or "both""#.into()),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "out",
            Self::In => "in",
            Self::Both => "both",
        })
    }
}

/// Which messages are carried, and how.
///
/// A message is carried by every rule whose filter matches its topic; rules that lead to the same
/// topic make one copy, that of the first of them. `rate` and `conflate` of a rule for both directions
/// hold for each by itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// Which way.
    pub direction: Direction,
    /// A topic filter of the bus. Without it, it follows from `mqtt` by the prefixes; with both, they
    /// have to agree. `.broker/…` is carried outwards only, if the filter begins so, and never inwards.
    pub bus: Option<String>,
    /// A topic filter of MQTT. Without it, it follows from `bus` by the prefixes.
    pub mqtt: Option<String>,
    /// Cut off from topics of the bus outwards, put in front inwards. Empty, or ends with `/`.
    pub bus_prefix: String,
    /// Put in front outwards, cut off inwards. Empty, or ends with `/`.
    pub mqtt_prefix: String,
    /// Of publications upstream, and of the subscription there. Default: 1.
    pub qos: MqttQos,
    /// Outwards: the upstream keeps the newest of each topic, and gives it to new subscribers.
    /// Default: no.
    pub retain: bool,
    /// Inwards: takes what the upstream has kept, when the bridge subscribes. Default: yes.
    pub take_retained: bool,
    /// Longest payload, in bytes; longer ones are dropped and counted. Default: 64 KiB.
    pub max_payload: usize,
    /// Messages per second, as many at once; what is more is dropped and counted. 0: no bound. At most
    /// [`MAX_RATE`](super::MAX_RATE). Default: 0.
    pub rate: u32,
    /// Of each topic only the newest message, every so often; 1 ms to a day. `None`: all of them.
    pub conflate: Option<Duration>,
}

impl Rule {
    fn new(direction: Direction) -> Self {
        Self {
            direction,
            bus: None,
            mqtt: None,
            bus_prefix: String::new(),
            mqtt_prefix: String::new(),
            qos: MqttQos::AtLeastOnce,
            retain: false,
            take_retained: true,
            max_payload: 64 * 1024,
            rate: 0,
            conflate: None,
        }
    }

    /// What matches this filter goes from the bus to the upstream.
    pub fn out(bus_filter: &str) -> Self {
        Self {
            bus: Some(bus_filter.to_owned()),
            ..Self::new(Direction::Out)
        }
    }

    /// What matches this filter comes from the upstream to the bus.
    pub fn inward(mqtt_filter: &str) -> Self {
        Self {
            mqtt: Some(mqtt_filter.to_owned()),
            ..Self::new(Direction::In)
        }
    }

    /// What matches this filter of the bus, and what is its like upstream, goes both ways.
    pub fn both(bus_filter: &str) -> Self {
        Self {
            bus: Some(bus_filter.to_owned()),
            ..Self::new(Direction::Both)
        }
    }

    /// Sets both prefixes: that of the bus, that of MQTT.
    pub fn prefixes(mut self, bus: &str, mqtt: &str) -> Self {
        bus.clone_into(&mut self.bus_prefix);
        mqtt.clone_into(&mut self.mqtt_prefix);
        self
    }

    /// Sets the quality of service.
    pub fn qos(mut self, qos: MqttQos) -> Self {
        self.qos = qos;
        self
    }
}
