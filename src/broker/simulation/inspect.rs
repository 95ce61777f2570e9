//! What must be true of the broker at any time, and after everybody has gone.

use std::collections::BTreeSet;

use super::connection::Phase;
use super::world::World;
use crate::broker::peer::Inbox;
use crate::limits::{DEFAULT_MAX_HANDSHAKES, QUEUE_RESERVE_FRAMES};
use crate::transport::outbox::{Allowance, Load};

/// More than a delivered frame has in addition to its payload, in bytes.
const FRAME_OVERHEAD_BYTES: usize = 64;

impl World {
    /// Looks at every queue, and notes which connections have nothing on their way.
    pub(super) fn inspect(&mut self) {
        let allowance = Allowance {
            largest_frame: self.plan.largest_payload + FRAME_OVERHEAD_BYTES,
            reserve: match self.plan.has_core {
                true => QUEUE_RESERVE_FRAMES,
                false => 0,
            },
        };
        let mut idle = BTreeSet::new();
        for (peer, _) in self.broker.hub.peers() {
            if let Inbox::Socket { outbox, .. } = &peer.inbox
                && outbox.audit_at_rest(allowance) == Load::default()
            {
                idle.insert(peer.name.clone());
            }
            let known = self.peers.entry(peer.id);
            known.or_insert_with(|| std::sync::Arc::downgrade(&peer));
        }
        let now = World::now();
        for connection in &mut self.connections {
            if connection.phase == Phase::Registered
                && connection.is_quiet()
                && idle.contains(&*connection.name)
            {
                connection.idle_at = now;
            }
        }
    }

    /// True if nothing waits in any queue.
    pub(super) fn queues_are_empty(&self) -> bool {
        let peers = self.broker.hub.peers();
        peers
            .iter()
            .all(|(peer, _)| peer.queued().0 == Load::default())
    }

    /// Looks at what is left when everybody has gone.
    pub(super) fn check_that_nothing_is_left(&self) {
        let hub = &self.broker.hub;
        let core = usize::from(self.plan.has_core);
        assert_eq!(hub.peers().len(), core, "clients are still registered");
        let reached = hub.find_by_mask("*").len();
        assert_eq!(reached, core, "clients are still reached by broadcasts");
        assert!(hub.topics.is_empty(), "somebody is still subscribed");
        assert_eq!(hub.budget.used(), 0, "memory is still charged");
        let clients = self.listener.as_ref().map(|listener| listener.clients());
        assert_eq!(clients.unwrap_or(0), 0, "clients are still counted");
        let free = self.admission.free_places();
        assert_eq!(free, DEFAULT_MAX_HANDSHAKES, "places of handshakes");
        assert_eq!(self.sources.open(), 0, "connections are still counted");
        let held = self.fars().filter(|far| !far.is_let_go()).count();
        assert_eq!(held, 0, "streams are still open");
        let core = hub.find(crate::broker::BROKER_NAME).map(|core| core.id);
        let mut kept = self.peers.iter();
        let kept = kept.find(|(id, peer)| Some(**id) != core && peer.strong_count() > 0);
        assert!(kept.is_none(), "somebody still refers to client {kept:?}");
    }
}
