//! The numbers of one moment. They are copied, so that an answer which takes its time keeps no client
//! from going.

use std::sync::Arc;

use crate::broker::hub::Hub;
use crate::broker::origin::Kind;
use crate::broker::roster::{self, Listed};
use crate::common::BrokerStats;

/// Every way in which a client can be attached.
pub(super) const KINDS: [Kind; 3] = [Kind::Internal, Kind::LocalIpc, Kind::Tcp];

/// What is known of the broker.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) stats: BrokerStats,
    pub(super) dropped: u64,
    pub(super) registrations: u64,
    pub(super) shortages: u64,
    /// Of each of [`KINDS`], secondaries included.
    pub(super) clients_by_kind: [u64; 3],
    pub(super) clients_limit: u64,
    /// In bytes.
    pub(super) memory_used: u64,
    pub(super) memory_limit: u64,
    /// The primary ones, by name.
    pub(super) clients: Vec<Client>,
}

/// What is known of a client, see [`ClientInfo`](crate::common::ClientInfo).
pub(super) struct Client {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) source: Option<Box<str>>,
    pub(super) port: Option<Arc<str>>,
    pub(super) uid: Option<u32>,
    pub(super) pid: Option<i32>,
    /// In milliseconds since the UNIX epoch.
    pub(super) connected_ms: u64,
    pub(super) received_frames: u64,
    pub(super) received_bytes: u64,
    pub(super) sent_frames: u64,
    pub(super) sent_bytes: u64,
    pub(super) dropped_frames: u64,
    pub(super) queue_frames: u64,
    pub(super) queue_bytes: u64,
    pub(super) subscriptions: u64,
    pub(super) instances: u64,
}

impl Snapshot {
    pub(super) fn take(hub: &Hub) -> Self {
        let peers = hub.peers();
        let of_kind = |kind| {
            let peers = peers.iter().filter(|(peer, _)| peer.origin.kind == kind);
            peers.count() as u64
        };
        Self {
            stats: hub.stats(),
            dropped: hub.refused(),
            registrations: hub.registrations(),
            shortages: hub.shortages(),
            clients_by_kind: KINDS.map(of_kind),
            clients_limit: hub.max_clients() as u64,
            memory_used: hub.budget.used() as u64,
            memory_limit: hub.budget.limit() as u64,
            clients: roster::of(peers, |_| true).iter().map(Client::of).collect(),
        }
    }
}

impl Client {
    fn of(listed: &Listed) -> Self {
        let (peer, info) = (&listed.peer, listed.info());
        Self {
            name: peer.name.clone(),
            kind: peer.origin.kind,
            source: info.source.map(Box::from),
            port: peer.origin.port.clone(),
            uid: info.uid,
            pid: info.pid,
            connected_ms: info.connected / 1_000_000,
            received_frames: info.r_frames,
            received_bytes: info.r_bytes,
            sent_frames: info.w_frames,
            sent_bytes: info.w_bytes,
            dropped_frames: info.dropped,
            queue_frames: info.queue as u64,
            queue_bytes: info.queue_bytes as u64,
            subscriptions: info.subscriptions,
            instances: info.instances as u64,
        }
    }
}
