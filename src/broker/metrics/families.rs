//! Which metrics there are. `docs/metrics.md` has a row for each.

use super::snapshot::{Client, Snapshot};

/// One metric, with all its series.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: FamilyKind,
    /// The name ends in it.
    pub(super) unit: Option<&'static str>,
    pub(super) help: &'static str,
    pub(super) series: Series,
}

/// The types of OpenMetrics that are in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FamilyKind {
    Counter,
    Gauge,
    Info,
}

/// What a family is about, and where its numbers come from.
pub(super) enum Series {
    /// The version of the broker.
    Build,
    /// One number.
    Broker(fn(&Snapshot) -> u64),
    /// The clients of each kind.
    Kinds,
    /// Of each client: where it comes from.
    Origins,
    /// Of each client: a number.
    Clients(fn(&Client) -> u64),
    /// Of each client: a time in milliseconds, 0 if unknown.
    Times(fn(&Client) -> u64),
}

const fn family(
    name: &'static str,
    kind: FamilyKind,
    unit: Option<&'static str>,
    help: &'static str,
    series: Series,
) -> Family {
    Family {
        name,
        kind,
        unit,
        help,
        series,
    }
}

use FamilyKind::{Counter, Gauge, Info};
use Series::{Broker, Build, Clients, Kinds, Origins, Times};

const BYTES: Option<&str> = Some("bytes");
const SECONDS: Option<&str> = Some("seconds");

/// In the order in which they are told.
#[rustfmt::skip]
pub(super) const FAMILIES: &[Family] = &[
    family("elbus_build", Info, None, "The version of the broker.", Build),
    family("elbus_uptime_seconds", Gauge, SECONDS, "Time since the broker started.",
        Broker(|it| it.stats.uptime)),
    family("elbus_received_frames", Counter, None, "Frames received from clients.",
        Broker(|it| it.stats.r_frames)),
    family("elbus_received_bytes", Counter, BYTES, "Bytes received from clients.",
        Broker(|it| it.stats.r_bytes)),
    family("elbus_sent_frames", Counter, None, "Frames queued for clients.",
        Broker(|it| it.stats.w_frames)),
    family("elbus_sent_bytes", Counter, BYTES, "Bytes queued for clients.",
        Broker(|it| it.stats.w_bytes)),
    family("elbus_dropped_frames", Counter, None,
        "Frames not delivered because the queue of their receiver had no room.",
        Broker(|it| it.dropped)),
    family("elbus_registrations", Counter, None, "Clients registered, secondaries included.",
        Broker(|it| it.registrations)),
    family("elbus_memory_shortages", Counter, None,
        "Frames that had to wait or were refused because the memory for all clients was taken.",
        Broker(|it| it.shortages)),
    family("elbus_clients", Gauge, None, "Clients connected, secondaries included.", Kinds),
    family("elbus_clients_limit", Gauge, None, "Clients that there may be (--max-clients).",
        Broker(|it| it.clients_limit)),
    family("elbus_memory_used_bytes", Gauge, BYTES,
        "Memory taken by queues, large frames and topic filters of all clients.",
        Broker(|it| it.memory_used)),
    family("elbus_memory_limit_bytes", Gauge, BYTES,
        "Memory that these may take (--max-memory).",
        Broker(|it| it.memory_limit)),
    family("elbus_client", Info, None, "Where a client comes from.", Origins),
    family("elbus_client_connected_timestamp_seconds", Gauge, SECONDS,
        "When the client was registered, in seconds since the UNIX epoch.",
        Times(|it| it.connected_ms)),
    family("elbus_client_received_frames", Counter, None, "Frames received from the client.",
        Clients(|it| it.received_frames)),
    family("elbus_client_received_bytes", Counter, BYTES, "Bytes received from the client.",
        Clients(|it| it.received_bytes)),
    family("elbus_client_sent_frames", Counter, None, "Frames queued for the client.",
        Clients(|it| it.sent_frames)),
    family("elbus_client_sent_bytes", Counter, BYTES, "Bytes queued for the client.",
        Clients(|it| it.sent_bytes)),
    family("elbus_client_dropped_frames", Counter, None,
        "Frames for the client not delivered because its queue had no room.",
        Clients(|it| it.dropped_frames)),
    family("elbus_client_queue_frames", Gauge, None, "Frames that wait for the client.",
        Clients(|it| it.queue_frames)),
    family("elbus_client_queue_bytes", Gauge, BYTES, "Bytes that wait for the client.",
        Clients(|it| it.queue_bytes)),
    family("elbus_client_subscriptions", Gauge, None,
        "Topic filters that the client is subscribed to.",
        Clients(|it| it.subscriptions)),
    family("elbus_client_instances", Gauge, None, "The client and its secondaries, counted.",
        Clients(|it| it.instances)),
];
