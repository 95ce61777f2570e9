//! Segments of the log: a head of [`HEADER_BYTES`], then records.

use std::io;
use std::sync::Arc;

use super::clock::RunMs;
use super::files::{Directory, SegmentFile};
use super::record::{self, HEAD_BYTES, Record};

/// Magic number and salt.
pub(super) const HEADER_BYTES: u64 = 16;

const MAGIC: [u8; 8] = *b"elbusSP1";

/// Unit in which file systems give space, in bytes.
const BLOCK_BYTES: u64 = 4096;

/// What is read ahead, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// The number of the segment.
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// What is known of a segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// Valid bytes, the head included.
    pub(super) bytes: u64,
    /// The length of the file, if there is more in it than what is valid and it cannot be cut off.
    pub(super) file_bytes: u64,
    /// Messages that are not done with.
    pub(super) live: u64,
    pub(super) live_bytes: u64,
    /// Numbers of the first and of the last message. Both are 0 if there is none.
    pub(super) first: u64,
    pub(super) last: u64,
    /// When its youngest message was stored.
    pub(super) youngest: RunMs,
    pub(super) of_this_run: bool,
    /// The file, as long as not all of it is known to be on the disk.
    pub(super) unsynced: Option<Arc<SegmentFile>>,
}

impl Segment {
    pub(super) fn new(number: u64, of_this_run: bool) -> Self {
        Self {
            number,
            bytes: HEADER_BYTES,
            file_bytes: 0,
            live: 0,
            live_bytes: 0,
            first: 0,
            last: 0,
            youngest: RunMs::MIN,
            of_this_run,
            unsynced: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes <= HEADER_BYTES
    }

    /// What it takes on the disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        disk_bytes(self.bytes.max(self.file_bytes))
    }

    /// Messages from this number on are not in it any more.
    pub(super) fn cut(&mut self, offset: u64, seq: u64) {
        self.bytes = offset;
        self.last = self.last.min(seq - 1);
        if self.first >= seq {
            (self.first, self.last) = (0, 0);
        }
    }

    /// Takes one more message.
    pub(super) fn add(&mut self, seq: u64, bytes: u64, born: RunMs) {
        if self.first == 0 {
            self.first = seq;
        }
        self.last = seq;
        self.live += 1;
        self.live_bytes += bytes;
        self.youngest = self.youngest.max(born);
    }
}

/// What a file of so many bytes takes on the disk.
pub(super) fn disk_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES)
}

/// The head of a segment.
pub(super) fn header(salt: u64) -> [u8; HEADER_BYTES as usize] {
    let mut header = [0; HEADER_BYTES as usize];
    let (magic, rest) = header.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    rest.copy_from_slice(&salt.to_le_bytes());
    header
}

/// Why a record cannot be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// It is not there, or not what was written. So is the rest of the segment.
    Damaged,
    Io(io::Error),
}

/// Reads records of one segment, in chunks.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) segment: u64,
    salt: u64,
    file: SegmentFile,
    chunk: Vec<u8>,
    /// Where in the file the chunk is from.
    chunk_offset: u64,
}

impl Reader {
    pub(super) fn open(directory: &Directory, segment: u64) -> Result<Self, ReadError> {
        let file = directory.open_segment(segment).map_err(missing_or_io)?;
        let mut reader = Self {
            segment,
            salt: 0,
            file,
            chunk: Vec::new(),
            chunk_offset: 0,
        };
        let header = reader.read(0, HEADER_BYTES as usize, HEADER_BYTES)?;
        let salt = header
            .strip_prefix(&MAGIC)
            .and_then(|salt| salt.first_chunk())
            .ok_or(ReadError::Damaged)?;
        reader.salt = u64::from_le_bytes(*salt);
        Ok(reader)
    }

    /// The record at `offset`, and where the next one begins. `end` is where records end.
    pub(super) fn record_at(
        &mut self,
        offset: u64,
        end: u64,
    ) -> Result<(Record<'_>, u64), ReadError> {
        let salt = self.salt;
        let head = self.read(offset, HEAD_BYTES, end)?;
        let head = *head.first_chunk().ok_or(ReadError::Damaged)?;
        let body_bytes = record::body_bytes(head).ok_or(ReadError::Damaged)?;
        let body = self.read(offset + HEAD_BYTES as u64, body_bytes, end)?;
        let next = offset + (HEAD_BYTES + body_bytes) as u64;
        let record = record::decode(salt, head, body).ok_or(ReadError::Damaged)?;
        Ok((record, next))
    }

    /// So many bytes at `offset`. Nothing is allocated for lengths beyond `end`.
    fn read(&mut self, offset: u64, bytes: usize, end: u64) -> Result<&[u8], ReadError> {
        let available = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        if bytes > available {
            return Err(ReadError::Damaged);
        }
        let here = |reader: &Self| {
            let start = usize::try_from(offset.checked_sub(reader.chunk_offset)?).ok()?;
            let range = start..start.checked_add(bytes)?;
            reader.chunk.get(range.clone()).map(|_| range)
        };
        if here(self).is_none() {
            self.chunk.clear();
            if bytes <= CHUNK_BYTES {
                self.chunk.shrink_to(CHUNK_BYTES);
            }
            self.chunk.resize(bytes.max(CHUNK_BYTES).min(available), 0);
            self.chunk_offset = offset;
            let filled = self.file.read_at(&mut self.chunk, offset);
            self.chunk.truncate(*filled.as_ref().unwrap_or(&0));
            filled.map_err(ReadError::Io)?;
        }
        let range = here(self).ok_or(ReadError::Damaged)?;
        self.chunk.get(range).ok_or(ReadError::Damaged)
    }
}

fn missing_or_io(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound => ReadError::Damaged,
        _ => ReadError::Io(error),
    }
}
