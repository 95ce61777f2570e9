//! A frame that is received by itself: where its bytes go, and how memory for them grows.

use crate::limits::{READ_BUFFER_BYTES, SHARED_PAYLOAD_BYTES};

/// How much memory is reserved for a frame, as a multiple of what has arrived of it.
const GROWTH: usize = 4;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Large {
    /// What precedes the payload. Empty if that is not known: then `payload` is all of the frame.
    head: Vec<u8>,
    /// What has arrived, and room for more that is zero.
    payload: Vec<u8>,
    arrived: usize,
    /// Of the whole payload, in bytes.
    payload_bytes: usize,
}

impl Large {
    /// Makes a frame of `size` bytes, of which `arrived` is the beginning, one that is received by
    /// itself, if that is less work than to read it together with others, or if it has to be.
    /// `may_reserve` is asked whether so many bytes may be taken at once.
    pub(crate) fn begin(
        arrived: &[u8],
        size: usize,
        payload_at: Option<usize>,
        may_reserve: impl FnOnce(usize) -> bool,
    ) -> Option<Self> {
        let start = match payload_at {
            Some(at) if at <= SHARED_PAYLOAD_BYTES => at,
            _ if size > READ_BUFFER_BYTES => 0,
            _ => return None,
        };
        let (head, beginning) = arrived.split_at(start);
        if beginning.len() < SHARED_PAYLOAD_BYTES {
            return None;
        }
        let payload_bytes = size - start;
        let room = (beginning.len() * GROWTH).max(READ_BUFFER_BYTES);
        let room = room.min(payload_bytes);
        let room = match may_reserve(room) {
            true => room,
            false => room.min(READ_BUFFER_BYTES),
        };
        let mut payload = Vec::with_capacity(room);
        payload.extend_from_slice(beginning);
        Some(Self {
            head: head.to_vec(),
            payload,
            arrived: beginning.len(),
            payload_bytes,
        })
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.arrived == self.payload_bytes
    }

    /// Up to where there has to be room for what comes next.
    pub(crate) fn end_of_room(&self) -> usize {
        let reserved = self.payload.capacity().min(self.payload_bytes);
        match self.arrived {
            arrived if arrived < reserved => reserved,
            arrived => self.payload_bytes.min(arrived.saturating_mul(GROWTH)),
        }
    }

    /// Where to put what comes next.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let end = self.end_of_room();
        if self.payload.len() < end {
            self.payload.reserve_exact(end - self.payload.len());
            self.payload.resize(end, 0);
        }
        &mut self.payload[self.arrived..]
    }

    /// Takes note of `bytes` that were put into the room.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.arrived += bytes;
    }

    /// All that is there, in bytes.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.head.len() + self.arrived
    }

    /// Of the payload when it is whole, in bytes.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// What precedes the payload, and the payload. Without the former, the latter is all of the frame.
    pub(crate) fn parts(&mut self) -> (&[u8], &mut Vec<u8>) {
        (&self.head, &mut self.payload)
    }
}
