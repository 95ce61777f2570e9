//! Publish/subscribe: one publisher, many subscribers of the same topic.

use anyhow::Result;

use super::connection::Connection;
use super::engine::{Engine, Pace};
use super::fresh_name;
use super::outgoing::Outgoing;
use crate::wire::{Address, Protocol};

const TOPIC: &str = "bench/topic";

/// One case: how many subscribers, and how large the payload is.
#[derive(Debug, Clone, Copy)]
pub struct Fan {
    pub subscribers: usize,
    pub payload: usize,
}

pub const SUBSCRIBERS: [usize; 4] = [1, 8, 64, 512];
pub const SMALL: usize = 100;
pub const LARGE: usize = 64 * 1024;

impl Fan {
    /// How many publications the publisher is ahead of the slowest subscriber, so that no broker
    /// has a reason to cut one off, and the same for all.
    pub fn window(self) -> u64 {
        if self.payload <= 4096 {
            512
        } else {
            (1024 / self.subscribers as u64).clamp(2, 16)
        }
    }

    pub fn prepare(self, protocol: Protocol, address: &Address) -> Result<Engine> {
        let mut publisher = Connection::new(protocol, protocol.open(address, &fresh_name())?);
        let publication = protocol.publication(TOPIC, self.payload);
        publisher.requests = Outgoing::repeat(&publication);
        let mut connections = vec![publisher];
        for _ in 0..self.subscribers {
            let mut stream = protocol.open(address, &fresh_name())?;
            protocol.subscribe(&mut stream, &[TOPIC.to_owned()])?;
            connections.push(Connection::new(protocol, stream));
        }
        Engine::new(connections, Pace::AheadOfSlowest(self.window()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_bounds_what_the_broker_has_to_hold() {
        for payload in [SMALL, LARGE] {
            for subscribers in SUBSCRIBERS {
                let case = Fan {
                    subscribers,
                    payload,
                };
                assert!((2..=512).contains(&case.window()));
                assert!(case.window() * payload as u64 <= 1024 * 1024, "{case:?}");
            }
        }
    }
}
