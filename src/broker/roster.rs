//! The primary clients with what is known of each, as `client.list` and the metrics show them.

use std::sync::Arc;

use super::peer::Peer;
use crate::common::ClientInfo;

/// A primary client.
pub(super) struct Listed {
    pub(super) peer: Arc<Peer>,
    /// The client and its secondaries, counted.
    instances: usize,
}

/// Those of all clients that are primary and wanted, by name.
pub(super) fn of(peers: Vec<(Arc<Peer>, usize)>, is_wanted: impl Fn(&Peer) -> bool) -> Vec<Listed> {
    let mut clients: Vec<Listed> = peers
        .into_iter()
        .filter(|(peer, _)| !peer.is_secondary() && is_wanted(peer))
        .map(|(peer, secondaries)| Listed {
            peer,
            instances: 1 + secondaries,
        })
        .collect();
    clients.sort_unstable_by(|a, b| a.peer.name.cmp(&b.peer.name));
    clients
}

impl Listed {
    pub(super) fn info(&self) -> ClientInfo<'_> {
        let peer = &*self.peer;
        let (r_frames, r_bytes) = peer.received();
        let (load, queued) = peer.queued();
        ClientInfo {
            name: &peer.name,
            kind: peer.origin.kind.as_str(),
            source: peer.origin.source.as_deref(),
            port: peer.origin.port.as_deref(),
            r_frames,
            r_bytes,
            w_frames: queued.frames,
            w_bytes: queued.bytes,
            queue: load.frames + load.acks,
            instances: self.instances,
            dropped: queued.refused,
            queue_bytes: load.bytes,
            subscriptions: peer.own_filters.lock().subscriptions.len() as u64,
            connected: peer.connected_ns,
            uid: peer.origin.identity.uid,
            pid: peer.origin.pid,
        }
    }
}
