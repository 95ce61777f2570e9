//! What all sessions of a broker share: who is registered, who is subscribed, what was counted.
//!
//! Lock order: a peer's own filters, then the topics, then the registry, then an outbox. No lock is
//! held across an announcement, a flush or an await.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};

#[cfg(feature = "rpc")]
use super::announce::{BrokerEvent, SlowConsumer};
use super::config::{BrokerOptions, KeepAlive};
use super::peer::{Inbox, Peer, Reason};
use super::registry::Registry;
use super::tally::Tally;
use super::topics::{FilterSet, Topics};
use super::workers::Crew;
use super::{BROKER_NAME, BROKER_WARN_TOPIC};
use crate::common::BrokerStats;
use crate::limits::MAX_FILTERS;
use crate::transport::budget::Budget;
use crate::{Error, ErrorKind};

/// See the top of this file.
pub(super) struct Hub {
    pub(super) topics: Topics,
    pub(super) crew: Crew,
    /// What all clients together may take.
    pub(super) budget: Arc<Budget>,
    shortages: Mutex<Tally>,
    registry: RwLock<Registry>,
    /// Grows with every registration.
    registrations: AtomicU64,
    /// What clients that have gone have contributed.
    retired: RetiredTotals,
    started: Instant,
    next_id: AtomicU64,
    /// Frames that wait for a client of this process.
    internal_queue_size: AtomicUsize,
    pub(super) keep_alive: KeepAlive,
}

#[derive(Default)]
struct RetiredTotals {
    r_frames: AtomicU64,
    r_bytes: AtomicU64,
    w_frames: AtomicU64,
    w_bytes: AtomicU64,
    refused: AtomicU64,
}

impl RetiredTotals {
    fn add(&self, peer: &Peer) {
        let (r_frames, r_bytes) = peer.received();
        let (_, queued) = peer.queued();
        self.r_frames.fetch_add(r_frames, Relaxed);
        self.r_bytes.fetch_add(r_bytes, Relaxed);
        self.w_frames.fetch_add(queued.frames, Relaxed);
        self.w_bytes.fetch_add(queued.bytes, Relaxed);
        self.refused.fetch_add(queued.refused, Relaxed);
    }
}

impl Hub {
    pub(super) fn new(options: BrokerOptions) -> Self {
        let budget = Budget::new(options.max_memory);
        let max_filters = options.max_subscriptions.clamp(1, MAX_FILTERS);
        Self {
            topics: Topics::new(max_filters, budget.clone()),
            budget,
            shortages: Mutex::default(),
            registry: RwLock::new(Registry::new(options.max_clients)),
            registrations: AtomicU64::new(0),
            retired: RetiredTotals::default(),
            started: Instant::now(),
            next_id: AtomicU64::new(0),
            crew: Crew::new(options.workers, options.wake_worker),
            internal_queue_size: AtomicUsize::new(options.queue_size),
            keep_alive: options.keep_alive,
        }
    }

    /// A number that no other client of this broker had or will have.
    pub(super) fn new_peer_id(&self) -> u64 {
        self.next_id.fetch_add(1, Relaxed)
    }

    pub(super) fn queue_size(&self) -> usize {
        self.internal_queue_size.load(Relaxed)
    }

    pub(super) fn set_queue_size(&self, frames: usize) {
        self.internal_queue_size.store(frames, Relaxed);
    }

    /// Registers a client whose name has been checked, subscribes it to the broker's warnings and
    /// announces it.
    ///
    /// # Errors
    ///
    /// As [`Registry::insert`].
    pub(super) fn register(&self, peer: &Arc<Peer>) -> Result<(), Error> {
        self.registry.write().insert(peer)?;
        self.registrations.fetch_add(1, Release);
        if !matches!(peer.inbox, Inbox::Channel(_)) && &*peer.name != BROKER_NAME {
            let warnings = std::iter::once(BROKER_WARN_TOPIC);
            self.topics
                .add(peer, FilterSet::Subscriptions, warnings)
                .map_err(Error::data)?;
        }
        #[cfg(feature = "rpc")]
        if is_announced(peer) {
            self.announce(&BrokerEvent::reg(&peer.name));
        }
        Ok(())
    }

    /// Unregisters this very client, whoever may have its name by now, and ends its secondaries.
    /// Does nothing, and returns false, the second time. `announced` is false for clients of this
    /// process that are merely dropped.
    pub(super) fn unregister(&self, peer: &Arc<Peer>, announced: bool) -> bool {
        if !peer.retire() {
            return false;
        }
        let secondaries = self.remove(peer);
        self.topics.forget(peer);
        for secondary in secondaries {
            self.expel(&secondary, Reason::PrimaryGone);
        }
        #[cfg(feature = "rpc")]
        if announced && is_announced(peer) {
            self.announce(&BrokerEvent::unreg(&peer.name));
        }
        #[cfg(not(feature = "rpc"))]
        let _ = announced;
        true
    }

    /// Whoever looks at the totals, under the same lock, sees the client either connected or gone:
    /// they never fall.
    fn remove(&self, peer: &Arc<Peer>) -> Vec<Arc<Peer>> {
        let mut registry = self.registry.write();
        self.retired.add(peer);
        registry.remove(peer)
    }

    /// Unregisters a client and ends its connection: nothing more is queued for it. False if it was
    /// gone already.
    pub(super) fn expel(&self, peer: &Arc<Peer>, reason: Reason) -> bool {
        // First, so that it is this call, and not the end of the session that follows from it, which
        // finds the client registered.
        let first = self.unregister(peer, true);
        peer.tell_to_end(reason);
        match &peer.inbox {
            Inbox::Socket { outbox, .. } => {
                if reason == Reason::SlowConsumer {
                    outbox.close();
                }
            }
            Inbox::Channel(channel) => {
                channel.frames.close();
            }
            #[cfg(feature = "rpc")]
            Inbox::Core => {}
        }
        first
    }

    /// Expels a client that made no room, and says so.
    pub(super) fn expel_slow(&self, peer: &Arc<Peer>) {
        if !self.expel(peer, Reason::SlowConsumer) {
            return;
        }
        log::warn!("client {:?}: {}", peer.name, Reason::SlowConsumer.as_str());
        #[cfg(feature = "rpc")]
        self.announce(&BrokerEvent::slow(&peer.name, SlowConsumer::Disconnected));
    }

    /// Says that frames are dropped because their receiver has no room, when that starts: not with
    /// each frame, and not again soon for a receiver that goes back and forth.
    pub(super) fn warn_of_drops(&self, peer: &Peer, spell: u64) {
        if !peer.is_worth_a_warning(spell) {
            return;
        }
        log::warn!(
            "client {:?}: its queue is full, frames are dropped",
            peer.name
        );
        #[cfg(feature = "rpc")]
        self.announce(&BrokerEvent::slow(&peer.name, SlowConsumer::Dropped));
    }

    /// Says that memory is short, once in a while.
    pub(super) fn warn_of_memory(&self) {
        let times = self.shortages.lock().count(Instant::now());
        if let Some(times) = times {
            log::warn!(
                "memory is short: {} of the {} bytes for all clients are taken; {times} frames had to \
                 wait or were refused",
                self.budget.used(),
                self.budget.limit()
            );
        }
    }

    /// As long as this does not change, who was not registered still is not.
    #[inline]
    pub(super) fn registrations(&self) -> u64 {
        self.registrations.load(Acquire)
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Peer>> {
        self.registry.read().get(name).cloned()
    }

    /// The clients that a broadcast mask reaches.
    pub(super) fn find_by_mask(&self, mask: &str) -> Vec<Arc<Peer>> {
        let mut found = Vec::new();
        self.registry
            .read()
            .for_each_matching(mask, |peer| found.push(peer.clone()));
        found
    }

    /// Every client, with the number of its secondaries.
    pub(super) fn peers(&self) -> Vec<(Arc<Peer>, usize)> {
        let registry = self.registry.read();
        let all = registry.iter();
        all.map(|(peer, secondaries)| (peer.clone(), secondaries))
            .collect()
    }

    /// Those that are connected by a socket.
    pub(super) fn socket_peers(&self) -> Vec<Arc<Peer>> {
        let registry = self.registry.read();
        let peers = registry.iter().map(|(peer, _)| peer);
        let on_sockets = peers.filter(|peer| matches!(peer.inbox, Inbox::Socket { .. }));
        on_sockets.cloned().collect()
    }

    /// Disconnects a client by name.
    ///
    /// # Errors
    ///
    /// `NotRegistered` if there is none, `NotSupported` if it lives in this process.
    pub(super) fn force_disconnect(&self, name: &str) -> Result<(), Error> {
        let peer = self.find(name).ok_or_else(Error::not_registered)?;
        if !matches!(peer.inbox, Inbox::Socket { .. }) {
            return Err(ErrorKind::NotSupported.into());
        }
        self.expel(&peer, Reason::Forced);
        Ok(())
    }

    pub(super) fn stats(&self) -> BrokerStats {
        let registry = self.registry.read();
        let retired = &self.retired;
        let mut stats = BrokerStats {
            uptime: self.started.elapsed().as_secs(),
            r_frames: retired.r_frames.load(Relaxed),
            r_bytes: retired.r_bytes.load(Relaxed),
            w_frames: retired.w_frames.load(Relaxed),
            w_bytes: retired.w_bytes.load(Relaxed),
        };
        for (peer, _) in registry.iter() {
            let (r_frames, r_bytes) = peer.received();
            let (_, queued) = peer.queued();
            stats.r_frames += r_frames;
            stats.r_bytes += r_bytes;
            stats.w_frames += queued.frames;
            stats.w_bytes += queued.bytes;
        }
        stats
    }

    /// Frames that were not delivered for lack of room, since the start.
    #[cfg(feature = "metrics")]
    pub(super) fn refused(&self) -> u64 {
        let registry = self.registry.read();
        let connected = registry.iter().map(|(peer, _)| peer.queued().1.refused);
        connected.sum::<u64>() + self.retired.refused.load(Relaxed)
    }

    /// Frames that had to wait or were refused because memory was short, since the start.
    #[cfg(feature = "metrics")]
    pub(super) fn shortages(&self) -> u64 {
        self.shortages.lock().total()
    }

    /// Clients that there may be at a time.
    #[cfg(feature = "metrics")]
    pub(super) fn max_clients(&self) -> usize {
        self.registry.read().max_clients()
    }
}

/// Secondaries come and go with their primary, and `.broker` is who announces.
#[cfg(feature = "rpc")]
fn is_announced(peer: &Peer) -> bool {
    !peer.is_secondary() && &*peer.name != BROKER_NAME
}
