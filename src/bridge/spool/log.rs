//! The log on the disk: what is appended to it, what is done with, and what it has room for.
//!
//! Segments are files with increasing numbers. Records are appended to the newest, none is ever changed,
//! and the oldest is deleted when all in it is done with, or when there is no room. What is appended is
//! collected, for [`Log::write_out`] to write it at once.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;

use super::Message;
use super::clock::{self, RunMs};
use super::files::{Directory, SegmentFile};
use super::record::{self, DONE_BYTES};
use super::segment::{self, HEADER_BYTES, Position, Reader, Segment};

/// Most segments, and with that what is kept in memory for them (about 100 bytes each). One more, and
/// the oldest is dropped.
pub(super) const MAX_SEGMENTS: usize = 4096;

/// A segment is this part of all that the disk may take.
const SEGMENT_SHARE: u64 = 16;

/// But not smaller and not larger than this, in bytes, as far as shares are sane.
const MIN_SEGMENT_BYTES: u64 = 64 * 1024;
const MAX_SEGMENT_BYTES: u64 = 1024 * 1024;

/// Files that may wait to be synced. Before there are more, who writes waits for the disk.
pub(super) const MAX_UNSYNCED_FILES: usize = 8;

/// More room than this is not kept for the next records, in bytes.
const KEPT_BUFFER_BYTES: usize = 16 * 1024;

/// What the log may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) disk: u64,
    segment: u64,
}

impl Bounds {
    pub(super) fn new(disk: u64) -> Self {
        let share = (disk / SEGMENT_SHARE).clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
        // Few small ones where there is little room, and not too many where there is much.
        let segment = share.max(disk / (MAX_SEGMENTS as u64 / 2)).min(disk / 4);
        Self { disk, segment }
    }
}

/// The newest segment, which takes more records.
#[derive(Debug)]
struct Active {
    file: Arc<SegmentFile>,
    salt: u64,
    /// The end of the segment, not yet written.
    buffer: Vec<u8>,
}

/// A segment that is gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removed {
    /// The number of its last message; 0 if there was none.
    pub(super) last: u64,
    /// Messages that were not done with.
    pub(super) live: u64,
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) directory: Arc<Directory>,
    pub(super) bounds: Bounds,
    pub(super) segments: VecDeque<Segment>,
    active: Option<Active>,
    pub(super) next_number: u64,
    /// What is added to a number on the disk to get that of this run.
    pub(super) base: u64,
    /// The number of the newest message that was ever in it.
    pub(super) last_seq: u64,
    /// That all below this is done with has been written.
    pub(super) recorded: u64,
    /// What all segments but the active one take on the disk.
    pub(super) closed_bytes: u64,
    /// Segments that are of no use, and cannot be deleted; with what they take.
    leftovers: Vec<(u64, u64)>,
    /// Files were made whose names are not known to be on the disk.
    pub(super) has_new_names: bool,
    /// When it was opened.
    pub(super) opened_ms: RunMs,
    pub(super) opened_wall_ms: u64,
    /// Messages that are not done with, and their bytes.
    pub(super) live: u64,
    pub(super) live_bytes: u64,
    pub(super) reader: Option<Reader>,
    /// Where the next message is read.
    pub(super) read_at: Position,
}

impl Log {
    /// Without any segment.
    pub(super) fn empty(directory: Directory, bounds: Bounds, opened: (RunMs, u64)) -> Self {
        Self {
            directory: Arc::new(directory),
            bounds,
            segments: VecDeque::new(),
            active: None,
            next_number: 1,
            base: 0,
            last_seq: 0,
            recorded: 0,
            closed_bytes: 0,
            leftovers: Vec::new(),
            has_new_names: false,
            opened_ms: opened.0,
            opened_wall_ms: opened.1,
            live: 0,
            live_bytes: 0,
            reader: None,
            read_at: Position {
                segment: 0,
                offset: HEADER_BYTES,
            },
        }
    }

    /// Whether a record of so many bytes has room when nothing else is there.
    pub(super) fn can_ever_take(max_disk: u64, record_bytes: u64) -> bool {
        segment::disk_bytes(HEADER_BYTES.saturating_add(record_bytes)) <= max_disk
    }

    /// What is on the disk, in whole blocks of the file system.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.closed_bytes + self.active_bytes(0)
    }

    /// Sees to it that a record of so many bytes may follow. `false` if the oldest segment must go before.
    pub(super) fn make_room(&mut self, record_bytes: u64) -> io::Result<bool> {
        if let (Some(_), Some(last)) = (&self.active, self.segments.back())
            && !last.is_empty()
            && last.bytes + record_bytes > self.bounds.segment
        {
            self.close()?;
        }
        let needed = match self.active {
            Some(_) => self.active_bytes(record_bytes),
            None => segment::disk_bytes(HEADER_BYTES + record_bytes),
        };
        if self.closed_bytes + needed > self.bounds.disk {
            return Ok(false);
        }
        if self.active.is_none() {
            if self.segments.len() >= MAX_SEGMENTS {
                return Ok(false);
            }
            self.create()?;
        }
        Ok(true)
    }

    /// Appends a message, for which room has been made.
    pub(super) fn append(&mut self, seq: u64, stamp_s: u32, message: &Message) -> Option<Position> {
        let segment = self.segments.back_mut()?;
        let active = self.active.as_mut()?;
        let position = Position {
            segment: segment.number,
            offset: segment.bytes,
        };
        let number = seq.saturating_sub(self.base);
        record::put_message(&mut active.buffer, active.salt, number, stamp_s, message);
        let bytes = super::memory::bytes(message);
        segment.bytes += record::message_bytes(message);
        segment.add(seq, bytes, clock::born_in_run(stamp_s));
        self.live += 1;
        self.live_bytes += bytes;
        self.last_seq = seq;
        Some(position)
    }

    /// Whether it would be of use to write that all below `below` is done with.
    pub(super) fn lags(&self, below: u64) -> bool {
        let below = below.min(self.last_seq + 1);
        let first = self.segments.front().map_or(0, |segment| segment.first);
        below > self.recorded && first != 0 && first < below
    }

    /// Appends that all below `below` is done with; if there is no room without dropping messages, later.
    pub(super) fn append_done(&mut self, below: u64) -> io::Result<()> {
        let below = below.min(self.last_seq + 1);
        if !self.make_room(DONE_BYTES)? {
            return Ok(());
        }
        if let (Some(segment), Some(active)) = (self.segments.back_mut(), self.active.as_mut()) {
            let number = below.saturating_sub(self.base);
            record::put_done(&mut active.buffer, active.salt, number);
            segment.bytes += DONE_BYTES;
            self.recorded = below;
        }
        Ok(())
    }

    /// What was appended and is not yet written, in bytes.
    pub(super) fn buffered(&self) -> usize {
        self.active.as_ref().map_or(0, |active| active.buffer.len())
    }

    /// Writes what was appended. It is on the disk when it was synced, too.
    pub(super) fn write_out(&mut self) -> io::Result<()> {
        let (Some(active), Some(segment)) = (self.active.as_mut(), self.segments.back_mut()) else {
            return Ok(());
        };
        if active.buffer.is_empty() {
            return Ok(());
        }
        let offset = segment.bytes - active.buffer.len() as u64;
        active.file.write_at(&active.buffer, offset)?;
        active.buffer.clear();
        active.buffer.shrink_to(KEPT_BUFFER_BYTES);
        segment.unsynced = Some(active.file.clone());
        Ok(())
    }

    /// Nothing more goes into the newest segment.
    fn close(&mut self) -> io::Result<()> {
        self.write_out()?;
        if self.active.take().is_some()
            && let Some(last) = self.segments.back()
        {
            self.closed_bytes += last.disk_bytes();
        }
        let unsynced = self.segments.iter().filter(|s| s.unsynced.is_some());
        if unsynced.count() > MAX_UNSYNCED_FILES {
            self.sync_oldest()?;
        }
        Ok(())
    }

    fn sync_oldest(&mut self) -> io::Result<()> {
        let mut segments = self.segments.iter_mut();
        if let Some(segment) = segments.find(|segment| segment.unsynced.is_some())
            && let Some(file) = &segment.unsynced
        {
            file.sync()?;
            segment.unsynced = None;
        }
        Ok(())
    }

    fn create(&mut self) -> io::Result<()> {
        let number = self.next_number;
        // A file that was made and then fails is not taken for another segment.
        self.next_number += 1;
        let file = Arc::new(self.directory.create(number)?);
        let salt = RandomState::new().hash_one(number);
        self.has_new_names = true;
        self.segments.push_back(Segment::new(number, true));
        self.active = Some(Active {
            file,
            salt,
            buffer: segment::header(salt).to_vec(),
        });
        Ok(())
    }

    /// A message in this segment is done with.
    pub(super) fn finish(&mut self, segment: u64, bytes: u64) {
        let index = self.index_of(segment);
        if let Some(segment) = index.and_then(|index| self.segments.get_mut(index)) {
            segment.live = segment.live.saturating_sub(1);
            segment.live_bytes = segment.live_bytes.saturating_sub(bytes);
            self.live = self.live.saturating_sub(1);
            self.live_bytes = self.live_bytes.saturating_sub(bytes);
        }
    }

    /// Messages of a segment cannot be read; `kept` of those that are not done with are elsewhere, too.
    /// Returns how many are lost.
    pub(super) fn lose(&mut self, segment: u64, kept: u64) -> u64 {
        let index = self.index_of(segment);
        let Some(segment) = index.and_then(|index| self.segments.get_mut(index)) else {
            return 0;
        };
        let lost = segment.live.saturating_sub(kept);
        // How long they were is not known one by one.
        let average = segment.live_bytes.checked_div(segment.live).unwrap_or(0);
        segment.live_bytes -= average * lost;
        self.live_bytes = self.live_bytes.saturating_sub(average * lost);
        segment.live -= lost;
        self.live = self.live.saturating_sub(lost);
        lost
    }

    /// Deletes the oldest segments as far as all in them is done with.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        while self.segments.len() > usize::from(self.active.is_some())
            && matches!(self.segments.front(), Some(front) if front.live == 0)
        {
            self.remove_front()?;
        }
        Ok(())
    }

    /// Deletes the oldest segment, whatever is in it.
    pub(super) fn remove_front(&mut self) -> io::Result<Option<Removed>> {
        if self.segments.len() == 1 {
            self.close()?;
        }
        let Some(front) = self.segments.front() else {
            return Ok(None);
        };
        self.directory.remove(front.number)?;
        self.closed_bytes = self.closed_bytes.saturating_sub(front.disk_bytes());
        self.live = self.live.saturating_sub(front.live);
        self.live_bytes = self.live_bytes.saturating_sub(front.live_bytes);
        let removed = Removed {
            last: front.last,
            live: front.live,
        };
        self.segments.pop_front();
        Ok(Some(removed))
    }

    /// Where that ends which was written.
    pub(super) fn written_end(&self) -> Option<Position> {
        let last = self.segments.back()?;
        Some(Position {
            segment: last.number,
            offset: last.bytes.saturating_sub(self.buffered() as u64),
        })
    }

    /// The disk has failed: what is at `position` or behind it, messages from `seq` on, is to be written
    /// again, to a new segment. Messages there must be done with.
    pub(super) fn cut(&mut self, position: Position, seq: u64) {
        self.reader = None;
        self.recorded = 0;
        self.last_seq = self.last_seq.min(seq - 1);
        self.read_at = self.read_at.min(position);
        if self.active.take().is_some()
            && let Some(last) = self.segments.back()
        {
            self.closed_bytes += last.disk_bytes();
        }
        while let Some(last) = self.segments.back()
            && last.number > position.segment
        {
            match self.directory.remove(last.number) {
                Ok(()) => self.closed_bytes -= last.disk_bytes(),
                Err(_) => self.leftovers.push((last.number, last.disk_bytes())),
            }
            self.segments.pop_back();
        }
        if let Some(last) = self.segments.back_mut()
            && last.number == position.segment
            && last.bytes > position.offset
        {
            let before = last.disk_bytes();
            let bytes = last.bytes;
            last.cut(position.offset, seq);
            // If that fails it does no harm: records that follow are there twice, then.
            if self
                .directory
                .truncate(last.number, position.offset)
                .is_err()
            {
                last.file_bytes = last.file_bytes.max(bytes);
            }
            self.closed_bytes = self.closed_bytes - before + last.disk_bytes();
        }
    }

    /// Deletes what could not be deleted before.
    pub(super) fn remove_leftovers(&mut self) -> io::Result<()> {
        while let Some(&(number, bytes)) = self.leftovers.last() {
            self.directory.remove(number)?;
            self.closed_bytes = self.closed_bytes.saturating_sub(bytes);
            self.leftovers.pop();
        }
        Ok(())
    }

    pub(super) fn index_of(&self, segment: u64) -> Option<usize> {
        self.segments
            .binary_search_by_key(&segment, |segment| segment.number)
            .ok()
    }

    /// What the active segment would take with so many bytes more.
    fn active_bytes(&self, more: u64) -> u64 {
        match (&self.active, self.segments.back()) {
            (Some(_), Some(last)) => segment::disk_bytes(last.bytes + more),
            _ => 0,
        }
    }
}
