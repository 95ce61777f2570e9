//! What a connection has to pass before its handshake.

use std::sync::Arc;
use std::time::Instant;

use super::config::ServerConfig;
use super::origin::Origin;
use super::sources::{Sources, Visit};
use super::tally::Tally;
use crate::protocol::ERR_BUSY;
use crate::protocol::handshake::greeting;
use crate::transport::socket::Socket;

/// The gate of one listener.
pub(super) struct Gate {
    sources: Arc<Sources>,
    /// Connections from where none are allowed.
    strangers: Tally,
    /// Connections beyond a bound.
    excess: Tally,
}

impl Gate {
    pub(super) fn new(config: &ServerConfig) -> Self {
        Self {
            sources: Sources::new(config.sources),
            strangers: Tally::default(),
            excess: Tally::default(),
        }
    }

    /// Lets a connection in, or turns it away: without a word if it comes from where none are
    /// allowed, as busy if it is one too many. The log is told how many these are, not of each.
    pub(super) fn pass(&mut self, socket: &Socket, origin: &Origin) -> Option<Visit> {
        let now = Instant::now();
        let port = origin.port.as_deref().unwrap_or_default();
        if !origin.is_from_allowed_host() {
            if let Some(count) = self.strangers.count(now) {
                log::warn!(
                    "{port}: {count} connections refused, the last one {origin}: connections from \
                     there are not allowed"
                );
            }
            return None;
        }
        match self.sources.admit(&origin.identity, now) {
            Ok(visit) => Some(visit),
            Err(excess) => {
                let [magic, low, high] = greeting();
                socket.say_last(&[magic, low, high, ERR_BUSY]);
                if let Some(count) = self.excess.count(now) {
                    log::warn!(
                        "{port}: {count} connections refused, the last one {origin}: {excess}"
                    );
                }
                None
            }
        }
    }
}
