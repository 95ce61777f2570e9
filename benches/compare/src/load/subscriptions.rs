//! What one publication costs while many subscriptions are present, of which one matches.

use anyhow::Result;

use super::connection::Connection;
use super::engine::{Engine, Pace};
use super::fresh_name;
use super::outgoing::Outgoing;
use crate::wire::{Address, Protocol};

const CLIENTS: usize = 10;
const PAYLOAD: usize = 100;
/// Publications ahead of what has been delivered.
const WINDOW: u64 = 64;
/// So many topics are published in turn, at most: more than any cache of a processor likes.
const TOPICS: usize = 4096;

pub const COUNTS: [usize; 3] = [10, 1000, 100_000];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    Exact,
    /// `+` in the middle.
    Plus,
    /// `#` at the end.
    Hash,
}

impl Filter {
    fn filter(self, number: usize) -> String {
        let (area, device) = (number % 100, number / 100);
        match self {
            Self::Exact => format!("plant/area{area}/dev{device}/temp"),
            Self::Plus => format!("plant/+/area{area}/dev{device}"),
            Self::Hash => format!("plant/area{area}/dev{device}/#"),
        }
    }

    /// A topic that the filter with this number matches, and no other.
    fn topic(self, number: usize) -> String {
        let (area, device) = (number % 100, number / 100);
        match self {
            Self::Exact => format!("plant/area{area}/dev{device}/temp"),
            Self::Plus => format!("plant/any/area{area}/dev{device}"),
            Self::Hash => format!("plant/area{area}/dev{device}/a/b"),
        }
    }

    pub fn prepare(self, count: usize, protocol: Protocol, address: &Address) -> Result<Engine> {
        let mut publisher = Connection::new(protocol, protocol.open(address, &fresh_name())?);
        let publications: Vec<_> = scattered(count)
            .map(|number| protocol.publication(&self.topic(number), PAYLOAD))
            .collect();
        publisher.requests = Outgoing::cycle(publications.iter().map(Vec::as_slice));
        let mut connections = vec![publisher];
        for client in 0..CLIENTS {
            let numbers = (client..count).step_by(CLIENTS);
            let filters: Vec<_> = numbers.map(|number| self.filter(number)).collect();
            let mut stream = protocol.open(address, &fresh_name())?;
            protocol.subscribe(&mut stream, &filters)?;
            connections.push(Connection::new(protocol, stream));
        }
        Engine::new(connections, Pace::AheadOfAll(WINDOW))
    }
}

/// Numbers below `count` in an order that jumps about, each at most once.
fn scattered(count: usize) -> impl Iterator<Item = usize> {
    // A prime that divides no `count`, so that no number comes twice.
    const STEP: usize = 61_819;
    (0..count.min(TOPICS)).map(move |i| i * STEP % count)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_topic_is_published_as_often_as_the_others() {
        for count in COUNTS {
            let numbers: HashSet<_> = scattered(count).collect();
            assert_eq!(numbers.len(), count.min(TOPICS));
        }
    }
}
