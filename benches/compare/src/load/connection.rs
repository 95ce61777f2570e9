//! A client: what it has sent, and what has arrived.

use std::io::{ErrorKind, Read};
use std::ops::AddAssign;

use super::outgoing::{Flushed, Outgoing};
use crate::wire::{Head, Item, Protocol, Stream};

/// As much is read at once, at most. All connections share the buffer.
pub const READ_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub struct Connection {
    pub stream: Stream,
    protocol: Protocol,
    pub requests: Outgoing,
    /// The answer to each call that arrives. Not due while a request is, and the other way round: a
    /// client that answers has one call under way.
    pub replies: Outgoing,
    /// Operations that were asked for.
    pub started: u64,
    pub received: Received,
    pub writable: bool,
    pub closed: bool,
    /// The beginning of a frame, too short to tell what it is.
    carry: Vec<u8>,
    /// The frame that is arriving, and how much of it is missing.
    arriving: Option<(Item, usize)>,
    /// How the last delivery began; the next one most likely begins so, too.
    known: Vec<u8>,
    known_total: usize,
}

/// How many of each have arrived.
#[derive(Debug, Default, Clone, Copy)]
pub struct Received {
    pub deliveries: u64,
    pub acks: u64,
    pub calls: u64,
    pub replies: u64,
}

impl Connection {
    pub fn new(protocol: Protocol, stream: Stream) -> Self {
        Self {
            stream,
            protocol,
            requests: Outgoing::default(),
            replies: Outgoing::default(),
            started: 0,
            received: Received::default(),
            writable: true,
            closed: false,
            carry: Vec::new(),
            arriving: None,
            known: Vec::new(),
            known_total: 0,
        }
    }

    pub fn start(&mut self, operations: u64) {
        self.started += operations;
        self.requests.ask(operations);
    }

    /// Writes what is due, as far as the socket takes it.
    pub fn flush(&mut self) {
        for outgoing in [&mut self.replies, &mut self.requests] {
            if self.writable && outgoing.is_due() {
                match outgoing.flush(&mut self.stream) {
                    Ok(flushed) => self.writable = flushed != Flushed::Full,
                    Err(_) => self.closed = true,
                }
            }
        }
    }

    /// Reads until the socket is empty. `ended` says that the peer has closed it.
    pub fn receive(&mut self, buffer: &mut [u8; READ_BYTES], ended: bool) {
        while !self.closed {
            let carried = self.carry.len();
            buffer[..carried].copy_from_slice(&self.carry);
            let room = &mut buffer[carried..];
            match self.stream.read(room) {
                Ok(0) => self.closed = true,
                Ok(read) => {
                    let emptied = read < room.len();
                    self.carry.clear();
                    self.take(&buffer[..carried + read]);
                    if emptied && !ended {
                        return;
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.closed = true,
            }
        }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        if let Some((item, missing)) = self.arriving.take() {
            if missing > bytes.len() {
                self.arriving = Some((item, missing - bytes.len()));
                return;
            }
            self.received += (item, 1);
            bytes = &bytes[missing..];
        }
        loop {
            let rest = self.take_known(bytes);
            bytes = rest;
            if bytes.is_empty() {
                return;
            }
            let Some(head) = self.protocol.head(bytes) else {
                self.carry.extend(bytes);
                return;
            };
            self.learn(&head, bytes);
            if head.total > bytes.len() {
                self.arriving = Some((head.item, head.total - bytes.len()));
                return;
            }
            self.received += (head.item, 1);
            bytes = &bytes[head.total..];
        }
    }

    /// Counts deliveries that look like the last one, and returns what is behind them.
    fn take_known<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        if self.known_total == 0 {
            return bytes;
        }
        let mut count = 0;
        while bytes.len() >= self.known_total && bytes.starts_with(&self.known) {
            bytes = &bytes[self.known_total..];
            count += 1;
        }
        self.received += (Item::Delivery, count);
        bytes
    }

    fn learn(&mut self, head: &Head, bytes: &[u8]) {
        if head.item == Item::Delivery {
            self.known.clear();
            self.known.extend(&bytes[..head.header]);
            self.known_total = head.total;
        }
    }
}

impl AddAssign<(Item, u64)> for Received {
    fn add_assign(&mut self, (item, count): (Item, u64)) {
        match item {
            Item::Delivery => self.deliveries += count,
            Item::Ack => self.acks += count,
            Item::Call => self.calls += count,
            Item::Reply => self.replies += count,
            Item::ReplyAck | Item::Other => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    /// Pings, deliveries of two kinds and an ack, in pieces of every size.
    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let ping = [0; 6];
        let short = b"\x01\x05\0\0\0\0s\0t\0x";
        let long = [b"\x01\x84\0\0\0\0s\0t\0".as_slice(), &[0; 128]].concat();
        let ack = [0xFE, 1, 0, 0, 0, 1];
        let frames: [&[u8]; 7] = [&ping, short, short, &ack, &long, short, &ping];
        let stream = frames.concat();
        for size in 1..stream.len() {
            let (socket, _peer) = UnixStream::pair().unwrap();
            let mut connection = Connection::new(Protocol::Elbus, Stream::Unix(socket));
            for piece in stream.chunks(size) {
                let bytes = [connection.carry.as_slice(), piece].concat();
                connection.carry.clear();
                connection.take(&bytes);
            }
            let received = connection.received;
            assert_eq!((received.deliveries, received.acks), (4, 1), "{size}");
        }
    }
}
