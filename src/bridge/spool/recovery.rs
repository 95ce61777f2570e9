//! Opening the log: what an earlier run has left is read once, from the first byte to the last.
//!
//! The newest segment may end in the middle of a record, where the program or the device was stopped:
//! that is cut off. Damage elsewhere costs the rest of that segment, for nobody knows where the next
//! record begins. Nothing is appended to segments of earlier runs.

use std::io;

use super::clock::RunMs;
use super::files::{Directory, Found};
use super::log::{Bounds, Log, MAX_SEGMENTS};
use super::reading;
use super::record::Record;
use super::segment::{ReadError, Reader, Segment};

/// The number of the first message that is pushed in a run. Those that are found in a log have smaller
/// ones, also when it is opened later.
pub(super) const FIRST_SEQ: u64 = 1 << 62;

/// What was found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Findings {
    /// Segments of which the rest is lost.
    pub(super) damaged: u64,
    /// Messages that were dropped, because there is less room than before.
    pub(super) dropped: u64,
}

/// What the records found so far say.
#[derive(Debug, Default)]
struct Progress {
    /// The number of the last message.
    last: u64,
    /// All with smaller numbers are done with.
    done: u64,
}

impl Log {
    /// Reads the log in a directory, at the time `opened` by both clocks. With `give_up`, what the
    /// system cannot read is taken for damaged; else that is an error.
    pub(super) fn open(
        directory: Directory,
        bounds: Bounds,
        opened: (RunMs, u64),
        give_up: bool,
    ) -> io::Result<(Self, Findings)> {
        let found = directory.segments()?;
        let mut log = Self::empty(directory, bounds, opened);
        let mut findings = Findings::default();
        let mut progress = Progress::default();
        for (index, file) in found.iter().enumerate() {
            log.next_number = file.number + 1;
            let is_last = index + 1 == found.len();
            let segment = log.examine(*file, &mut progress, give_up, |bytes| {
                if !is_last {
                    findings.damaged += 1;
                    ::log::warn!(
                        "{}: segment {:x} is damaged at byte {bytes} of {}, the rest is lost",
                        log.directory.path().display(),
                        file.number,
                        file.bytes
                    );
                }
            })?;
            log.closed_bytes += segment.disk_bytes();
            log.segments.push_back(segment);
        }
        let last = progress.last.max(progress.done.saturating_sub(1));
        log.base = FIRST_SEQ - 1 - last;
        log.last_seq = FIRST_SEQ - 1;
        log.recorded = progress.done + log.base;
        log.count_live(&progress, give_up)?;
        log.trim()?;
        while log.closed_bytes > log.bounds.disk || log.segments.len() > MAX_SEGMENTS {
            match log.remove_front()? {
                Some(removed) => findings.dropped += removed.live,
                None => break,
            }
        }
        Ok((log, findings))
    }

    /// Reads a segment. Numbers are those on the disk, here.
    fn examine(
        &self,
        file: Found,
        progress: &mut Progress,
        give_up: bool,
        damaged: impl FnOnce(u64),
    ) -> io::Result<Segment> {
        let mut segment = Segment::new(file.number, false);
        segment.bytes = segment.bytes.min(file.bytes);
        self.visit(
            &mut segment,
            file.bytes,
            give_up,
            |segment, record, born| {
                match record {
                    Record::Done { below } => progress.done = progress.done.max(below),
                    // Else it was written twice, because the disk failed in between.
                    Record::Message(stored) if stored.number > progress.last => {
                        progress.last = stored.number;
                        segment.add(stored.number, stored.bytes(), born);
                    }
                    Record::Message(_) => {}
                }
            },
        )?;
        if segment.bytes < file.bytes {
            damaged(segment.bytes);
            if self.directory.truncate(file.number, segment.bytes).is_err() {
                segment.file_bytes = file.bytes;
            }
        }
        Ok(segment)
    }

    /// Turns numbers into those of this run, and counts what is not done with.
    fn count_live(&mut self, progress: &Progress, give_up: bool) -> io::Result<()> {
        let mut segments = std::mem::take(&mut self.segments);
        let mut last = 0;
        for segment in &mut segments {
            if segment.last < progress.done {
                (segment.live, segment.live_bytes) = (0, 0);
            } else if segment.first < progress.done {
                let mut rest = Segment::new(segment.number, false);
                self.visit(&mut rest, segment.bytes, give_up, |rest, record, born| {
                    if let Record::Message(stored) = record
                        && stored.number > last
                    {
                        last = stored.number;
                        if stored.number >= progress.done {
                            rest.add(stored.number, stored.bytes(), born);
                        }
                    }
                })?;
                (segment.live, segment.live_bytes) = (rest.live, rest.live_bytes);
            }
            last = last.max(segment.last);
            self.live += segment.live;
            self.live_bytes += segment.live_bytes;
            if segment.first != 0 {
                segment.first += self.base;
                segment.last += self.base;
            }
        }
        self.segments = segments;
        Ok(())
    }

    /// Reads valid records of a segment, and sets how many bytes they take with its head.
    fn visit(
        &self,
        segment: &mut Segment,
        end: u64,
        give_up: bool,
        mut each: impl FnMut(&mut Segment, Record<'_>, i64),
    ) -> io::Result<()> {
        let opened = (self.opened_ms, self.opened_wall_ms);
        let mut reader = match Reader::open(&self.directory, segment.number) {
            Ok(reader) => reader,
            Err(error) => {
                segment.bytes = 0;
                return unreadable(error, give_up);
            }
        };
        while segment.bytes < end {
            match reader.record_at(segment.bytes, end) {
                Ok((record, next)) => {
                    let born = match &record {
                        Record::Message(stored) => reading::born(false, opened, stored),
                        Record::Done { .. } => 0,
                    };
                    each(segment, record, born);
                    segment.bytes = next;
                }
                Err(error) => return unreadable(error, give_up),
            }
        }
        Ok(())
    }
}

/// The rest of the segment is lost, or there is an error.
fn unreadable(error: ReadError, give_up: bool) -> io::Result<()> {
    match error {
        ReadError::Io(error) if !give_up => Err(error),
        _ => Ok(()),
    }
}
