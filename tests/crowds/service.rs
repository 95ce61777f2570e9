//! Who has to be served while a crowd stands at the door, and how long that takes.

use crate::common::*;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often somebody new comes.
const PAUSE: Duration = Duration::from_millis(20);

/// How long something took that was done several times.
#[derive(Debug, Default)]
struct Times {
    count: u32,
    slowest: Duration,
}

impl Times {
    fn add(&mut self, took: Duration) {
        self.count += 1;
        self.slowest = self.slowest.max(took);
    }
}

/// Two clients that were there before, one on each transport.
pub struct Pair {
    sender: Wire,
    receiver: Wire,
    times: Times,
}

impl Pair {
    pub fn new(broker: &Broker) -> Self {
        Self {
            sender: broker.client(Transport::Tcp, "a"),
            receiver: broker.client(Transport::Unix, "b"),
            times: Times::default(),
        }
    }

    /// A message, confirmed and received.
    pub fn exchange(&mut self) {
        let start = Instant::now();
        let id = self.times.count;
        let payload = id.to_le_bytes();
        self.sender
            .request(&message(id, PROCESSED, "b", &payload), id);
        self.expect(&payload);
        self.times.add(start.elapsed());
    }

    /// Others of the crowd may write to the receiver, too.
    fn expect(&mut self, payload: &[u8]) {
        loop {
            let frame = self.receiver.read_frame();
            if frame.body.starts_with(b"a\0") {
                assert_eq!(&frame.body[2..], payload);
                return;
            }
        }
    }

    pub fn serve_until(&mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            self.exchange();
            // It is about the broker, not about this client's share of a core.
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Times { count, slowest } = &self.times;
        write!(
            f,
            "{count} confirmed messages, the slowest {} ms",
            slowest.as_millis()
        )
    }
}

/// Honest clients that come, register, say something and go.
pub struct Newcomers<'a> {
    broker: &'a Broker,
    transport: Transport,
    times: Times,
    /// Had to make room for others before they were through, and came again.
    again: u32,
}

impl<'a> Newcomers<'a> {
    pub fn new(broker: &'a Broker, transport: Transport) -> Self {
        Self {
            broker,
            transport,
            times: Times::default(),
            again: 0,
        }
    }

    pub fn come(&mut self) {
        let start = Instant::now();
        let name = format!("newcomer.{}", self.times.count);
        while !self.try_to_register(name.as_bytes()) {
            self.again += 1;
        }
        self.times.add(start.elapsed());
    }

    fn try_to_register(&self, name: &[u8]) -> bool {
        let mut wire = self.broker.connect(self.transport);
        // In one piece, so that it does not matter how long this thread waits for a core.
        // The broker may close at any moment to make room for others, with a reset.
        if wire.try_send_raw(&hello(name)).is_err() || wire.try_half_close().is_err() {
            return false;
        }
        let expected = [&GREETING[..], &[OK, OK]].concat();
        wire.read_to_end() == expected
    }

    pub fn come_until(&mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            self.come();
            thread::sleep(PAUSE);
        }
    }
}

impl fmt::Display for Newcomers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Times { count, slowest } = &self.times;
        write!(
            f,
            "{count} newcomers got in, {} at the second try or later, the slowest after {} ms",
            self.again,
            slowest.as_millis()
        )
    }
}
