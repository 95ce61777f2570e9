//! One thread that keeps all clients busy, and counts.

use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::connection::{Connection, READ_BYTES};
use crate::proc::{Elapsed, Snapshot};

/// What makes an operation complete, and so lets the next one begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Nothing: as fast as the socket takes them.
    Flood,
    /// The ack, with so many under way per client.
    Acked(u64),
    /// The message that the client has sent to itself is back.
    Delivered(u64),
    /// Both of them.
    AckedAndDelivered(u64),
    /// Ack and reply to a call.
    AckedAndReplied(u64),
    /// The first client publishes, so far ahead of the slowest of the others. What they get is
    /// counted.
    AheadOfSlowest(u64),
    /// The first client publishes, so far ahead of all others together; each publication has one
    /// receiver.
    AheadOfAll(u64),
}

impl Pace {
    fn has_one_publisher(self) -> bool {
        matches!(self, Self::AheadOfSlowest(_) | Self::AheadOfAll(_))
    }
}

/// How long a load runs: first unmeasured, then measured.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub warm_up: Duration,
    pub measured: Duration,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    pub operations: u64,
    pub elapsed: Elapsed,
    /// What makes the figures worthless.
    pub trouble: Option<String>,
}

/// Fewer are no measurement. It goes on until there are as many, but not for ever.
const OPERATIONS_MIN: u64 = 500;
const PATIENCE: u32 = 4;

pub struct Engine {
    connections: Vec<Connection>,
    pace: Pace,
    epoll: Epoll,
    buffer: Box<[u8; READ_BYTES]>,
}

impl Engine {
    pub fn new(connections: Vec<Connection>, pace: Pace) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let interest = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        for (index, connection) in connections.iter().enumerate() {
            connection.stream.set_nonblocking()?;
            epoll.add(&connection.stream, EpollEvent::new(interest, index as u64))?;
        }
        Ok(Self {
            connections,
            pace,
            epoll,
            buffer: Box::new([0; READ_BYTES]),
        })
    }

    /// Runs the load against the broker with this process id.
    pub fn run(mut self, broker: u32, timing: Timing) -> Result<Measured> {
        let start = Instant::now();
        let mut events = vec![EpollEvent::empty(); 256];
        for index in 0..self.connections.len() {
            self.advance(index);
        }
        self.turn_until(start + timing.warm_up, &mut events)?;
        let (before, done_before) = (Snapshot::take(broker)?, self.done());
        let start = Instant::now();
        self.turn_until(start + timing.measured, &mut events)?;
        while self.done() - done_before < OPERATIONS_MIN
            && start.elapsed() < timing.measured * PATIENCE
        {
            self.turn_until(Instant::now() + timing.measured, &mut events)?;
        }
        let (after, done_after) = (Snapshot::take(broker)?, self.done());
        let closed = self.connections.iter().filter(|c| c.closed).count();
        let operations = done_after - done_before;
        Ok(Measured {
            operations,
            elapsed: after - before,
            trouble: match (closed, operations) {
                (0, 0) => Some("nothing arrived".to_owned()),
                (0, _) => None,
                _ => Some(format!("the broker closed {closed} connections")),
            },
        })
    }

    fn turn_until(&mut self, end: Instant, events: &mut [EpollEvent]) -> Result<()> {
        while Instant::now() < end {
            let waits = if self.is_hungry() { 0u8 } else { 50 };
            let count = self.epoll.wait(events, EpollTimeout::from(waits))?;
            for event in &events[..count] {
                self.handle(event);
            }
            if self.pace.has_one_publisher() {
                self.advance(0);
            } else if self.pace == Pace::Flood {
                for index in 0..self.connections.len() {
                    self.advance(index);
                }
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: &EpollEvent) {
        let index = event.data() as usize;
        let connection = &mut self.connections[index];
        let flags = event.events();
        let ended = flags.intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP);
        if ended || flags.contains(EpollFlags::EPOLLIN) {
            let calls = connection.received.calls;
            connection.receive(&mut self.buffer, ended);
            let calls = connection.received.calls - calls;
            if calls > 0 && !connection.replies.is_empty() {
                connection.replies.ask(calls);
            }
        }
        if flags.contains(EpollFlags::EPOLLOUT) {
            connection.writable = true;
        }
        if !self.pace.has_one_publisher() {
            self.advance(index);
        }
    }

    /// Starts what the pace allows, and writes what is due.
    fn advance(&mut self, index: usize) {
        let room = self.room(index);
        let connection = &mut self.connections[index];
        if connection.closed || connection.requests.is_empty() {
            return;
        }
        if room > 0 {
            connection.start(room);
        }
        connection.flush();
    }

    /// How many operations the client may start.
    fn room(&self, index: usize) -> u64 {
        let connection = &self.connections[index];
        let received = connection.received;
        let (done, window) = match self.pace {
            Pace::Flood if connection.requests.is_due() => return 0,
            Pace::Flood => return connection.requests.operations(),
            Pace::Acked(window) => (received.acks, window),
            Pace::Delivered(window) => (received.deliveries, window),
            Pace::AckedAndDelivered(window) => (received.acks.min(received.deliveries), window),
            Pace::AckedAndReplied(window) => (received.acks.min(received.replies), window),
            Pace::AheadOfSlowest(window) => {
                let open = self.connections[1..].iter().filter(|c| !c.closed);
                let slowest = open.map(|c| c.received.deliveries).min();
                (slowest.unwrap_or(0), window)
            }
            Pace::AheadOfAll(window) => (self.done(), window),
        };
        (done + window).saturating_sub(connection.started)
    }

    /// Whether somebody could write without anything having arrived.
    fn is_hungry(&self) -> bool {
        let wants = |c: &Connection| !c.closed && c.writable;
        match self.pace {
            Pace::Flood => self.connections.iter().any(wants),
            _ if self.pace.has_one_publisher() => {
                wants(&self.connections[0]) && self.connections[0].requests.is_due()
            }
            _ => false,
        }
    }

    /// Operations of all clients that are complete.
    fn done(&self) -> u64 {
        let of_each = self.connections.iter().map(|connection| {
            let received = connection.received;
            match self.pace {
                Pace::Flood => connection.requests.written_operations(),
                Pace::Acked(_) => received.acks,
                Pace::AckedAndDelivered(_) => received.acks.min(received.deliveries),
                Pace::AckedAndReplied(_) => received.acks.min(received.replies),
                Pace::Delivered(_) | Pace::AheadOfSlowest(_) | Pace::AheadOfAll(_) => {
                    received.deliveries
                }
            }
        });
        of_each.sum()
    }
}
