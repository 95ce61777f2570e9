//! The time of a round trip while nothing else happens: one client, one call at a time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::connection::{Connection, READ_BYTES};
use super::engine::Timing;
use super::fresh_name;
use super::outgoing::Outgoing;
use super::stages::PAYLOAD;
use crate::statistics::percentile;
use crate::wire::elbus::{self, BROKER, ECHO_METHOD};
use crate::wire::{Address, Protocol};

/// Percentiles of the round trip, in microseconds.
pub struct RoundTrip {
    pub p50_us: f64,
    pub p99_us: f64,
}

/// Calls of the broker's own client, until ack and reply are there.
pub fn of_calls(address: &Address, timing: Timing) -> Result<RoundTrip> {
    let stream = Protocol::Elbus.open(address, &fresh_name())?;
    let mut client = Connection::new(Protocol::Elbus, stream);
    let request = elbus::call(BROKER, ECHO_METHOD, true, PAYLOAD);
    client.requests = Outgoing::repeat(&request);
    measure(client, timing, |received| {
        received.acks.min(received.replies)
    })
}

/// The same bytes through a relay, which sends back what it gets. To the client the call looks like
/// a message to itself.
pub fn of_relay(address: &Address, timing: Timing) -> Result<RoundTrip> {
    let mut client = Connection::new(Protocol::Elbus, address.connect()?);
    // Laid out as what the broker sends: kind and length first.
    let body = [b"s\0".as_slice(), &[crate::wire::FILLER; PAYLOAD + 32]].concat();
    let length = u32::try_from(body.len())?.to_le_bytes();
    let message = [[0x12].as_slice(), &length, &[0], &body].concat();
    client.requests = Outgoing::repeat(&message);
    measure(client, timing, |received| received.deliveries)
}

fn measure(
    mut client: Connection,
    timing: Timing,
    done: impl Fn(&super::connection::Received) -> u64,
) -> Result<RoundTrip> {
    let mut buffer = Box::new([0; READ_BYTES]);
    let start = Instant::now();
    let mut times = Vec::new();
    loop {
        let departure = Instant::now();
        client.start(1);
        client.flush();
        while done(&client.received) < client.started {
            client.receive(&mut buffer, false);
            ensure!(!client.closed, "closed by the broker");
        }
        let elapsed = start.elapsed();
        if elapsed > timing.warm_up {
            times.push(departure.elapsed());
        }
        if elapsed > timing.warm_up + timing.measured {
            break;
        }
    }
    times.sort_unstable();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    Ok(RoundTrip {
        p50_us: micros(percentile(&times, 50.0)),
        p99_us: micros(percentile(&times, 99.0)),
    })
}
