//! How the bridge is, as `bridge.status` tells it: a MessagePack map of maps.

use std::time::Instant;

use serde::Serialize;

use super::counters::{Counter, Counters};
use super::shared::Shared;
use super::spool::State;
use super::upstream::Version;
use crate::rpc::RpcError;

/// The connection to the upstream.
#[derive(Debug, Default)]
pub(super) struct Connection {
    up: Option<Up>,
    last_error: Option<String>,
}

#[derive(Debug)]
struct Up {
    address: String,
    version: Version,
    since: Instant,
}

impl Connection {
    pub(super) fn is_up(&mut self, address: String, version: Version) {
        self.up = Some(Up {
            address,
            version,
            since: Instant::now(),
        });
    }

    pub(super) fn is_down(&mut self, error: String) {
        self.up = None;
        self.last_error = Some(error);
    }

    /// Something is wrong that leaves the connection as it is.
    pub(super) fn trouble(&mut self, error: String) {
        self.last_error = Some(error);
    }

    /// The version that is spoken; `None` without a connection.
    pub(super) fn version(&self) -> Option<Version> {
        self.up.as_ref().map(|up| up.version)
    }
}

#[derive(Serialize)]
struct Status {
    upstream: Upstream,
    out: Out,
    #[serde(rename = "in")]
    inward: In,
    rpc: Rpc,
    loops: Loops,
    store: Store,
}

#[derive(Serialize)]
struct Upstream {
    connected: bool,
    address: Option<String>,
    version: Option<&'static str>,
    /// Seconds since it is connected.
    since_s: u64,
    reconnects: u64,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct Out {
    taken: u64,
    sent: u64,
    acked: u64,
    refused: u64,
    dropped_full: u64,
    dropped_age: u64,
    dropped_unsent: u64,
    dropped_rate: u64,
    dropped_size: u64,
    dropped_topic: u64,
    conflated: u64,
    queued: u64,
    queued_bytes: u64,
    disk_bytes: u64,
    memory_bytes: u64,
}

#[derive(Serialize)]
struct In {
    received: u64,
    delivered: u64,
    refused: u64,
    dropped_full: u64,
    dropped_rate: u64,
    dropped_size: u64,
    dropped_topic: u64,
    dropped_retained: u64,
    conflated: u64,
}

#[derive(Serialize)]
struct Rpc {
    served: u64,
    called: u64,
    denied: u64,
    timeouts: u64,
    busy: u64,
}

#[derive(Serialize)]
struct Loops {
    own_origin: u64,
    bridged: u64,
}

#[derive(Serialize)]
struct Store {
    state: &'static str,
    lost: u64,
    damaged: u64,
    last_error: Option<String>,
}

/// The answer to `bridge.status`.
///
/// # Errors
///
/// None that could be thought of.
pub(super) fn tell(shared: &Shared) -> Result<Vec<u8>, RpcError> {
    Ok(rmp_serde::to_vec_named(&status(shared))?)
}

fn status(shared: &Shared) -> Status {
    let (out, store) = outward(shared);
    let Counters {
        inward, rpc, loops, ..
    } = &*shared.counters;
    Status {
        upstream: upstream(shared),
        out,
        inward: In {
            received: inward.received.get(),
            delivered: inward.delivered.get(),
            refused: inward.refused.get(),
            dropped_full: inward.dropped_full.get(),
            dropped_rate: inward.dropped_rate.get(),
            dropped_size: inward.dropped_size.get(),
            dropped_topic: inward.dropped_topic.get(),
            dropped_retained: inward.dropped_retained.get(),
            conflated: inward.conflated.get(),
        },
        rpc: Rpc {
            served: rpc.served.get(),
            called: rpc.called.get(),
            denied: rpc.denied.get(),
            timeouts: rpc.timeouts.get(),
            busy: rpc.busy.get(),
        },
        loops: Loops {
            own_origin: loops.own_origin.get(),
            bridged: loops.bridged.get(),
        },
        store,
    }
}

fn upstream(shared: &Shared) -> Upstream {
    let connection = shared.connection.lock();
    let up = connection.up.as_ref();
    Upstream {
        connected: up.is_some(),
        address: up.map(|up| up.address.clone()),
        version: up.map(|up| up.version.as_str()),
        since_s: up.map_or(0, |up| up.since.elapsed().as_secs()),
        reconnects: shared.counters.reconnects.get(),
        last_error: connection.last_error.clone(),
    }
}

fn outward(shared: &Shared) -> (Out, Store) {
    let stored = shared.outward.lock().spool.stats();
    let out = &shared.counters.out;
    let get = Counter::get;
    let messages = Out {
        taken: get(&out.taken),
        sent: get(&out.sent),
        acked: get(&out.acked),
        refused: get(&out.refused),
        dropped_full: stored.dropped_full,
        dropped_age: stored.dropped_age,
        dropped_unsent: get(&out.dropped_unsent),
        dropped_rate: get(&out.dropped_rate),
        dropped_size: get(&out.dropped_size),
        dropped_topic: get(&out.dropped_topic),
        conflated: get(&out.conflated),
        queued: stored.queued,
        queued_bytes: stored.queued_bytes,
        disk_bytes: stored.disk_bytes,
        memory_bytes: stored.memory_bytes,
    };
    let store = Store {
        state: match stored.state {
            State::Disk => "disk",
            State::Memory => "memory",
            State::DiskFailed => "disk-failed",
        },
        lost: stored.lost,
        damaged: stored.damaged,
        last_error: stored.last_error,
    };
    (messages, store)
}
