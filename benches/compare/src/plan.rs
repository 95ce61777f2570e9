//! What is measured, in which order.

use crate::brokers::Transport;
use crate::load::fan::{self, Fan};
use crate::load::stages;
use crate::load::subscriptions::{self, Filter};

/// Measurements that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Stages(Transport),
    /// Payload in bytes.
    Fan(usize),
    Subscriptions(Filter),
    Latency,
    Idle,
    /// Workers.
    CommandLine(usize),
}

/// One load.
#[derive(Debug, Clone, Copy)]
pub enum Case {
    Stage(&'static str),
    Fan(Fan),
    Subscriptions(Filter, usize),
}

impl Group {
    /// Everything, in the order of the document.
    pub const ALL: [Self; 11] = [
        Self::Stages(Transport::Unix),
        Self::Stages(Transport::Tcp),
        Self::Fan(fan::SMALL),
        Self::Fan(fan::LARGE),
        Self::Subscriptions(Filter::Exact),
        Self::Subscriptions(Filter::Plus),
        Self::Subscriptions(Filter::Hash),
        Self::Latency,
        Self::Idle,
        Self::CommandLine(1),
        Self::CommandLine(8),
    ];

    /// The name in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stages(Transport::Unix) => "stages-unix",
            Self::Stages(Transport::Tcp) => "stages-tcp",
            Self::Fan(fan::SMALL) => "fan-small",
            Self::Fan(_) => "fan-large",
            Self::Subscriptions(Filter::Exact) => "subscriptions-exact",
            Self::Subscriptions(Filter::Plus) => "subscriptions-plus",
            Self::Subscriptions(Filter::Hash) => "subscriptions-hash",
            Self::Latency => "latency",
            Self::Idle => "idle",
            Self::CommandLine(1) => "command-line-1",
            Self::CommandLine(_) => "command-line-8",
        }
    }

    pub fn transport(self) -> Transport {
        match self {
            Self::Stages(transport) => transport,
            Self::Latency | Self::CommandLine(_) => Transport::Unix,
            // Where every broker is.
            Self::Fan(_) | Self::Subscriptions(_) | Self::Idle => Transport::Tcp,
        }
    }

    pub fn takes_part(self, broker: &str) -> bool {
        match self {
            Self::Stages(_) => matches!(broker, "elbusd" | "elbusd -w 1" | "original" | "busrtd"),
            Self::Fan(_) | Self::Subscriptions(_) | Self::Idle => broker != "elbusd -w 1",
            Self::Latency => matches!(broker, "elbusd" | "original" | "busrtd"),
            Self::CommandLine(_) => matches!(broker, "elbusd" | "original"),
        }
    }

    /// Once is enough for what does not vary.
    pub fn is_repeated(self) -> bool {
        self != Self::Idle
    }

    /// The loads of those groups that consist of loads.
    pub fn cases(self) -> Vec<Case> {
        match self {
            Self::Stages(_) => stages::ALL.map(Case::Stage).to_vec(),
            Self::Fan(payload) => fan::SUBSCRIBERS
                .map(|subscribers| {
                    Case::Fan(Fan {
                        subscribers,
                        payload,
                    })
                })
                .to_vec(),
            Self::Subscriptions(filter) => subscriptions::COUNTS
                .map(|count| Case::Subscriptions(filter, count))
                .to_vec(),
            Self::Latency | Self::Idle | Self::CommandLine(_) => Vec::new(),
        }
    }
}

impl Case {
    /// The name in the results.
    pub fn name(self) -> String {
        match self {
            Self::Stage(stage) => stage.to_owned(),
            Self::Fan(fan) => fan.subscribers.to_string(),
            Self::Subscriptions(_, count) => count.to_string(),
        }
    }
}
