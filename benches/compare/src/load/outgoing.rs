//! What a connection sends: operations that were encoded once, over and over.

use std::io::{self, ErrorKind, Write};

/// As many bytes are given to the kernel at once, at most.
const BLOCK_BYTES: usize = 64 * 1024;

/// Encoded operations one after the other, sent in a circle. Nothing is copied or encoded on the
/// way.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    /// Where each operation ends.
    ends: Vec<usize>,
    /// The operation that is due next, if no more are asked for.
    next: usize,
    /// Where the next byte to be written is.
    position: usize,
    /// Bytes that are due.
    due: u64,
    written: u64,
}

/// Why writing has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing is due.
    All,
    /// The socket takes no more.
    Full,
    /// It has written a while, and leaves the turn to others.
    Paused,
}

impl Outgoing {
    /// The same operation for ever.
    pub fn repeat(operation: &[u8]) -> Self {
        let count = (BLOCK_BYTES / operation.len()).max(1);
        Self::cycle(std::iter::repeat_n(operation, count))
    }

    /// These operations in turn.
    pub fn cycle<'a>(operations: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut this = Self::default();
        for operation in operations {
            this.bytes.extend(operation);
            this.ends.push(this.bytes.len());
        }
        this
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many operations fill the buffer.
    pub fn operations(&self) -> u64 {
        self.ends.len() as u64
    }

    /// How many have been written completely, if all are of the same length.
    pub fn written_operations(&self) -> u64 {
        self.written * self.operations() / self.bytes.len().max(1) as u64
    }

    pub fn is_due(&self) -> bool {
        self.due > 0
    }

    /// Asks for more operations.
    pub fn ask(&mut self, operations: u64) {
        let rounds = operations / self.operations();
        let rest = (operations % self.operations()) as usize;
        let start = self.start_of(self.next);
        self.next += rest;
        let mut bytes = rounds * self.bytes.len() as u64;
        if self.next >= self.ends.len() {
            self.next -= self.ends.len();
            bytes += self.bytes.len() as u64;
        }
        self.due += bytes + self.start_of(self.next) as u64 - start as u64;
    }

    fn start_of(&self, operation: usize) -> usize {
        operation
            .checked_sub(1)
            .map_or(0, |before| self.ends[before])
    }

    pub fn flush(&mut self, stream: &mut impl Write) -> io::Result<Flushed> {
        // Receivers want to be looked at, too.
        for _ in 0..8 {
            if self.due == 0 {
                return Ok(Flushed::All);
            }
            let length = (self.bytes.len() - self.position).min(self.due as usize);
            match stream.write(&self.bytes[self.position..self.position + length]) {
                Ok(written) => {
                    self.due -= written as u64;
                    self.written += written as u64;
                    self.position = (self.position + written) % self.bytes.len();
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(Flushed::Full),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Flushed::Paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_come_in_turn_and_whole() {
        let mut outgoing = Outgoing::cycle([b"a".as_slice(), b"bcd", b"ef"]);
        for (ask, expected) in [
            (0, ""),
            (1, "a"),
            (1, "bcd"),
            (1, "ef"),
            (4, "abcdefa"),
            (2, "bcdef"),
        ] {
            let mut sent = Vec::new();
            outgoing.ask(ask);
            assert_eq!(outgoing.flush(&mut sent).unwrap(), Flushed::All);
            assert_eq!(String::from_utf8(sent).unwrap(), expected);
        }
    }

    #[test]
    fn what_was_written_is_counted_in_operations() {
        let mut outgoing = Outgoing::repeat(&[0; 100]);
        assert_eq!(outgoing.operations(), 655);
        outgoing.ask(1000);
        outgoing.flush(&mut Vec::new()).unwrap();
        assert_eq!(outgoing.written_operations(), 1000);
    }

    /// Takes three bytes, and then no more until it is asked again.
    struct Narrow(Vec<u8>, bool);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if !self.1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let length = bytes.len().min(3);
            self.0.extend(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_socket_that_is_full_loses_nothing() {
        let mut outgoing = Outgoing::cycle([b"abcd".as_slice()]);
        outgoing.ask(2);
        let mut socket = Narrow(Vec::new(), false);
        while outgoing.is_due() {
            outgoing.flush(&mut socket).unwrap();
        }
        assert_eq!(socket.0, b"abcdabcd");
    }
}
