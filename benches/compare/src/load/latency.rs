//! The time of a round trip while nothing else happens: one client, one call at a time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::connection::{Connection, READ_BYTES, Received};
use super::engine::Timing;
use super::fresh_name;
use super::outgoing::Outgoing;
use super::stages::PAYLOAD;
use crate::statistics::percentile;
use crate::wire::elbus::{self, BROKER, ECHO_METHOD};
use crate::wire::{Address, Protocol, Stream};

/// How long each probe measures before it is the turn of the next. What else the machine does
/// changes slowly, compared with this, and so is the same for all.
const SLICE: Duration = Duration::from_millis(50);

/// Percentiles of the round trip, in microseconds.
pub struct RoundTrip {
    pub p50_us: f64,
    pub p99_us: f64,
}

/// A client that waits for the answer to each of its requests.
pub struct Probe {
    client: Connection,
    done: fn(&Received) -> u64,
    times: Vec<Duration>,
}

impl Probe {
    /// Calls the broker's own client, and waits for ack and reply.
    pub fn of_calls(address: &Address) -> Result<Self> {
        let stream = Protocol::Elbus.open(address, &fresh_name())?;
        let request = elbus::call(BROKER, ECHO_METHOD, true, PAYLOAD);
        Ok(Self::new(stream, &request, |received| {
            received.acks.min(received.replies)
        }))
    }

    /// The same bytes through a relay, which sends back what it gets. To the client the call looks
    /// like a message.
    pub fn of_relay(address: &Address) -> Result<Self> {
        let call = elbus::call(BROKER, ECHO_METHOD, true, PAYLOAD);
        let message = elbus::delivered_message(call.len());
        Ok(Self::new(address.connect()?, &message, |received| {
            received.deliveries
        }))
    }

    fn new(stream: Stream, request: &[u8], done: fn(&Received) -> u64) -> Self {
        let mut client = Connection::new(Protocol::Elbus, stream);
        client.requests = Outgoing::repeat(request);
        Self {
            client,
            done,
            times: Vec::new(),
        }
    }

    fn run_until(&mut self, end: Instant, buffer: &mut [u8; READ_BYTES]) -> Result<()> {
        while Instant::now() < end {
            let departure = Instant::now();
            self.client.start(1);
            self.client.flush();
            while (self.done)(&self.client.received) < self.client.started {
                self.client.receive(buffer, false);
                ensure!(!self.client.closed, "closed by the broker");
            }
            self.times.push(departure.elapsed());
        }
        Ok(())
    }

    fn round_trip(mut self) -> RoundTrip {
        self.times.sort_unstable();
        let micros = |percent| percentile(&self.times, percent).as_secs_f64() * 1e6;
        RoundTrip {
            p50_us: micros(50.0),
            p99_us: micros(99.0),
        }
    }
}

/// Lets the probes take turns, until each has measured for the whole time.
pub fn measure(mut probes: Vec<Probe>, timing: Timing) -> Result<Vec<RoundTrip>> {
    let mut buffer = Box::new([0; READ_BYTES]);
    for phase in [timing.warm_up, timing.measured] {
        for probe in &mut probes {
            probe.times.clear();
        }
        let turns = phase.div_duration_f64(SLICE).ceil() as u32;
        for _ in 0..turns {
            for probe in &mut probes {
                probe.run_until(Instant::now() + SLICE, &mut buffer)?;
            }
        }
    }
    Ok(probes.into_iter().map(Probe::round_trip).collect())
}
