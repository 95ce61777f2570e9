//! The harness of the integration tests: a broker process, a scripted broker, a client that speaks
//! raw bytes, and builders for those bytes.
//!
//! Nothing here uses the crate's own codec. What the tests expect is written down from the
//! protocol specification by hand, so a mistake in the codec cannot hide behind itself.
//!
//! Rules the harness is built around: tests wait for events, never for time to pass; every wait
//! has a deadline (`DEADLINE`) that only ever ends a test that has already failed.
//!
//! Environment, read when the tests run:
//! * `ELBUSD`: the broker program to test instead of the one cargo built;
//! * `ELBUSD_RUNNER`: words put in front of it, for instance an emulator.

// Every test binary uses a part of the harness.
#![allow(dead_code, unused_imports)]

pub mod broker;
pub mod bytes;
pub mod client_list;
pub mod fake;
pub mod snapshot;
pub mod wire;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use broker::{Broker, Launch};
pub use bytes::*;
pub use wire::{Ended, Frame, Transport, Wire};

/// How long anything may take before the test is declared failed. Generous, because the same
/// tests run on emulated devices.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A fresh broker and the transport over which the test body shall talk to it.
pub struct Bus {
    pub broker: Broker,
    pub transport: Transport,
}

impl Bus {
    /// A connection on which nothing was sent or read yet.
    pub fn connect(&self) -> Wire {
        self.broker.connect(self.transport)
    }

    /// A registered client.
    pub fn client(&self, name: &str) -> Wire {
        self.broker.client(self.transport, name)
    }

    /// A registered client that has undone its automatic subscription to `.broker/warn`: for
    /// tests that provoke warnings but are not about them.
    pub fn quiet_client(&self, name: &str) -> Wire {
        let mut client = self.client(name);
        client.send_raw(&unsubscribe(1, PROCESSED, &[".broker/warn"]));
        loop {
            let frame = client.read_frame();
            if frame.bytes() == ack(1, OK) {
                return client;
            }
            // A warning that was faster than the end of the subscription.
            let warning = frame.body.starts_with(b".broker\0.broker/warn\0");
            assert!(warning, "{name:?} got {}", show(&frame.bytes()));
        }
    }
}

/// Runs the body against a fresh broker over the UNIX socket, then against another over TCP.
pub fn on_both(body: impl Fn(&Bus)) {
    on_both_with(&[], body);
}

/// The same for a broker with arguments.
pub fn on_both_with(args: &[&str], body: impl Fn(&Bus)) {
    for transport in [Transport::Unix, Transport::Tcp] {
        // Shown only if the test fails.
        eprintln!("transport: {transport:?}");
        body(&Bus {
            broker: Broker::start(args),
            transport,
        });
    }
}

/// Waits until the counter has begun to count, and counts no more.
pub fn wait_until_still(counter: &AtomicU32) {
    let mut last = 0;
    eventually("a counter that stands still", || {
        // No event tells that something does not happen.
        std::thread::sleep(Duration::from_millis(100));
        let now = counter.load(Ordering::Relaxed);
        let is_still = last > 0 && now == last;
        last = now;
        is_still.then_some(())
    });
}

/// Polls until the probe has an answer. For effects that nothing on the wire tells about.
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < end, "did not happen in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
