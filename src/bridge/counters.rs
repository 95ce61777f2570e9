//! What has become of messages, counted. Counters only grow, and start with the program.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that several tasks count up.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    pub(super) fn one(&self) {
        self.add(1);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// All counters of a bridge. What the store drops is counted there.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) out: OutCounters,
    pub(super) inward: InCounters,
    pub(super) rpc: RpcCounters,
    pub(super) loops: LoopCounters,
    /// Connections to the upstream that were lost.
    pub(super) reconnects: Counter,
}

/// From the bus to the upstream.
#[derive(Debug, Default)]
pub(super) struct OutCounters {
    /// Publications of the bus that a rule carries.
    pub(super) taken: Counter,
    /// Handed to the connection; again after a loss of it.
    pub(super) sent: Counter,
    /// Confirmed by the upstream.
    pub(super) acked: Counter,
    /// Answered by the upstream with a refusal; not sent again.
    pub(super) refused: Counter,
    /// QoS 0: there was no connection, or no room.
    pub(super) dropped_unsent: Counter,
    pub(super) dropped_rate: Counter,
    pub(super) dropped_size: Counter,
    /// The upstream can have no such topic.
    pub(super) dropped_topic: Counter,
    /// A newer one of the same topic took the place.
    pub(super) conflated: Counter,
}

/// From the upstream to the bus.
#[derive(Debug, Default)]
pub(super) struct InCounters {
    pub(super) received: Counter,
    /// Taken by the bus.
    pub(super) delivered: Counter,
    /// Refused by the bus.
    pub(super) refused: Counter,
    /// QoS 0: the bus was away, or too slow.
    pub(super) dropped_full: Counter,
    pub(super) dropped_rate: Counter,
    pub(super) dropped_size: Counter,
    pub(super) dropped_topic: Counter,
    pub(super) dropped_retained: Counter,
    pub(super) conflated: Counter,
}

/// Calls through the bridge.
#[derive(Debug, Default)]
pub(super) struct RpcCounters {
    /// Calls of hosts that clients of the bus have answered, with a result or an error.
    pub(super) served: Counter,
    /// Calls of clients of the bus that hosts have answered.
    pub(super) called: Counter,
    /// Calls that no rule permits.
    pub(super) denied: Counter,
    pub(super) timeouts: Counter,
    /// Calls beyond the bound of those that wait.
    pub(super) busy: Counter,
}

/// What would have gone round in circles.
#[derive(Debug, Default)]
pub(super) struct LoopCounters {
    /// From the upstream, with the mark of this bus.
    pub(super) own_origin: Counter,
    /// On the bus, published by a bridge.
    pub(super) bridged: Counter,
}
