//! The thread that reads: from the socket to the event channel and the confirmations.

use std::io;
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::deadline::{after, left};
use super::shared::Shared;
use super::stream::Stream;
use crate::limits::{MIN_PROGRESS_BYTES, READ_BUFFER_BYTES};
use crate::link::{Config, Incoming, Rest, large_frame, split_frames};
use crate::protocol::DecodeError;
use crate::transport::large::Large;

/// How long a socket is looked at after the deadline.
const LAST_LOOK: Duration = Duration::from_millis(1);

/// See the top of this file.
pub(super) struct Reader {
    shared: Arc<Shared>,
    stream: Arc<Stream>,
    max_body: usize,
    /// What was read last, behind what is left of what was read before. Pages that no read has
    /// reached yet take no memory.
    buffer: Vec<u8>,
    /// How much of it is left: the beginning of a frame.
    held: usize,
    /// A frame that is received by itself.
    large: Option<Large>,
    patience: Patience,
    /// Reads time out.
    is_limited: bool,
    /// Empty between two reads; kept for its memory.
    incoming: Vec<Incoming>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, stream: Arc<Stream>, config: &Config) -> Self {
        Self {
            shared,
            stream,
            max_body: config.max_body(),
            buffer: vec![0; READ_BUFFER_BYTES],
            held: 0,
            large: None,
            patience: Patience::new(config.timeout),
            is_limited: true,
            incoming: Vec::new(),
        }
    }

    /// Reads until the connection ends, and tells everybody.
    pub(super) fn run(mut self) {
        if let Err(e) = self.receive() {
            log::debug!("connection to the broker lost: {e}");
        }
        self.stream.shutdown(Shutdown::Both);
        self.shared.end();
    }

    fn receive(&mut self) -> io::Result<()> {
        loop {
            match self.read() {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // How long the rest of a frame may take, `patience` decides.
                Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                    self.patience.read_in_vain()?;
                    continue;
                }
                Err(e) => return Err(e),
            }
            let decoded = self.decode();
            // What came before a fault counts.
            self.shared.take_in(self.incoming.drain(..));
            decoded.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
        }
    }

    /// Waits for bytes, and puts them where they belong. Zero at the end of the stream.
    fn read(&mut self) -> io::Result<usize> {
        let kept = self.large.as_ref().map_or(self.held, Large::kept_bytes);
        let limit = self.patience.limit(kept);
        // An idle client pays nothing for this.
        if limit.is_some() || self.is_limited {
            self.stream.set_read_timeout(limit)?;
            self.is_limited = limit.is_some();
        }
        match &mut self.large {
            Some(large) => {
                let n = self.stream.read(large.room())?;
                large.advance(n);
                Ok(n)
            }
            None => {
                let n = self.stream.read(&mut self.buffer[self.held..])?;
                self.held += n;
                Ok(n)
            }
        }
    }

    /// Collects what is whole by now.
    fn decode(&mut self) -> Result<(), DecodeError> {
        let Some(large) = &mut self.large else {
            return self.decode_buffer();
        };
        if !large.is_whole() {
            return Ok(());
        }
        let (head, payload) = large.parts();
        if head.is_empty() {
            split_frames(payload, self.max_body, |item| self.incoming.push(item))?;
        } else {
            let frame = large_frame(head, mem::take(payload))?;
            self.incoming.extend(frame.map(Incoming::Frame));
        }
        self.large = None;
        self.patience.restart();
        Ok(())
    }

    fn decode_buffer(&mut self) -> Result<(), DecodeError> {
        let bytes = &self.buffer[..self.held];
        let Rest {
            consumed,
            size,
            payload_at,
        } = split_frames(bytes, self.max_body, |item| self.incoming.push(item))?;
        if consumed > 0 {
            self.patience.restart();
        }
        self.large = Large::begin(&bytes[consumed..], size, payload_at, |_| true);
        if self.large.is_some() {
            self.held = 0;
        } else {
            self.buffer.copy_within(consumed..self.held, 0);
            self.held -= consumed;
        }
        Ok(())
    }
}

/// How long the rest of a frame may take: it has to end, or to grow by [`MIN_PROGRESS_BYTES`], within
/// the timeout.
struct Patience {
    timeout: Duration,
    unfinished: Option<Unfinished>,
}

struct Unfinished {
    deadline: Instant,
    /// What was there when the deadline was set, in bytes.
    bytes: usize,
    /// The deadline has passed, and the last look at the socket is due.
    is_late: bool,
}

impl Patience {
    fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            unfinished: None,
        }
    }

    /// A frame has ended.
    fn restart(&mut self) {
        self.unfinished = None;
    }

    /// How long to wait when `bytes` of a frame are there; `None`: for ever.
    fn limit(&mut self, bytes: usize) -> Option<Duration> {
        if bytes == 0 {
            return None;
        }
        let is_slow = |frame: &mut Unfinished| bytes < frame.bytes + MIN_PROGRESS_BYTES;
        let unfinished = match self.unfinished.take_if(is_slow) {
            Some(unfinished) => unfinished,
            None => Unfinished {
                deadline: after(self.timeout),
                bytes,
                is_late: false,
            },
        };
        let unfinished = self.unfinished.insert(unfinished);
        let left = left(unfinished.deadline);
        // After this process stood still, the rest may be there although the time is over.
        unfinished.is_late = left.is_none();
        Some(left.unwrap_or(LAST_LOOK))
    }

    /// Nothing came within the limit.
    fn read_in_vain(&mut self) -> io::Result<()> {
        match &self.unfinished {
            Some(frame) if frame.is_late => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}
