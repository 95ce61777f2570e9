//! The seven stages of the original's own benchmark, over raw sockets.

use anyhow::Result;

use super::connection::Connection;
use super::engine::{Engine, Pace};
use super::fresh_name;
use super::outgoing::Outgoing;
use crate::wire::elbus::{self, BROKER, ECHO_METHOD, QoS};
use crate::wire::{Address, Protocol};

pub const CLIENTS: usize = 8;
pub const PAYLOAD: usize = 100;

/// Unconfirmed messages that a client has under way to itself. Less than the queues of all brokers,
/// so that nobody is cut off.
const UNCONFIRMED: u64 = 2048;

/// In the order in which they run. The names are those of the original.
pub const ALL: [&str; 7] = [
    "send.qos.no",
    "send.qos.processed",
    "send+recv.qos.no",
    "send+recv.qos.processed",
    "rpc.call",
    "rpc.call+handle",
    "rpc.call0",
];

/// Connects the clients of a stage.
pub fn prepare(stage: &str, address: &Address) -> Result<Engine> {
    let connections = (0..CLIENTS).map(|_| connect(stage, address));
    Engine::new(connections.collect::<Result<_>>()?, pace(stage))
}

fn pace(stage: &str) -> Pace {
    match stage {
        "send.qos.no" => Pace::Flood,
        "send+recv.qos.no" => Pace::Delivered(UNCONFIRMED),
        "send+recv.qos.processed" => Pace::AckedAndDelivered(1),
        "rpc.call" | "rpc.call+handle" => Pace::AckedAndReplied(1),
        _ => Pace::Acked(1),
    }
}

fn connect(stage: &str, address: &Address) -> Result<Connection> {
    let name = fresh_name();
    let nobody = format!("{name}-null");
    let stream = Protocol::Elbus.open(address, &name)?;
    let mut connection = Connection::new(Protocol::Elbus, stream);
    let request = match stage {
        "send.qos.no" => elbus::message(&nobody, QoS::No, PAYLOAD),
        "send.qos.processed" => elbus::message(&nobody, QoS::RealtimeProcessed, PAYLOAD),
        "send+recv.qos.no" => elbus::message(&name, QoS::No, PAYLOAD),
        "send+recv.qos.processed" => elbus::message(&name, QoS::RealtimeProcessed, PAYLOAD),
        "rpc.call" => elbus::call(BROKER, ECHO_METHOD, true, PAYLOAD),
        "rpc.call+handle" => elbus::call(&name, "benchmark.selftest", true, PAYLOAD),
        "rpc.call0" => elbus::call(&nobody, "test", false, PAYLOAD),
        _ => anyhow::bail!("no such stage: {stage}"),
    };
    connection.requests = Outgoing::repeat(&request);
    connection.replies = Outgoing::repeat(&elbus::reply(&name, PAYLOAD));
    Ok(connection)
}
