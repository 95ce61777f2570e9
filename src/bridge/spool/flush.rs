//! From memory to the disk: writing, which is short, and syncing, which may take long and is done by
//! whoever has a thread for it.

use std::io;
use std::sync::Arc;

use super::clock::Now;
use super::files::{Directory, SegmentFile};
use super::record;
use super::{ACKNOWLEDGE_INTERVAL, FLUSH_BYTES, Spool};

/// Waits for the disk, on any thread. Its outcome goes to [`Spool::synced`].
#[derive(Debug)]
#[must_use = "nothing is synced before it runs"]
pub(crate) struct Fsync {
    files: Vec<(Synced, Arc<SegmentFile>)>,
    directory: Option<Arc<Directory>>,
    outcome: FsyncOutcome,
}

/// What came of an [`Fsync`].
#[derive(Debug)]
#[must_use = "the spool must know"]
pub(crate) struct FsyncOutcome {
    generation: u64,
    /// Messages up to this one were written.
    through: u64,
    /// The number that the next segment would get.
    next_number: u64,
    synced: Vec<Synced>,
    failed: Vec<(Synced, io::Error)>,
    directory: io::Result<()>,
}

/// So much of this segment.
#[derive(Debug, Clone, Copy)]
struct Synced {
    segment: u64,
    bytes: u64,
}

impl Fsync {
    /// Syncs the files. Blocks as long as the disk takes for it.
    pub(crate) fn run(self) -> FsyncOutcome {
        let mut outcome = self.outcome;
        if let Some(directory) = self.directory {
            outcome.directory = directory.sync();
        }
        for (synced, file) in self.files {
            match file.sync() {
                Ok(()) => outcome.synced.push(synced),
                Err(error) => outcome.failed.push((synced, error)),
            }
        }
        outcome
    }
}

impl Spool {
    /// Whether there is anything that [`sync`](Self::sync) would bring to the disk now. It remains so
    /// until the outcome is known. Not while the disk fails.
    pub(crate) fn unsynced(&self, now: Now) -> bool {
        let Some(log) = self.log.as_ref().filter(|_| self.failure.is_none()) else {
            return false;
        };
        let waits = self.memory.pending().0 > 0 || self.memory.written_live().next().is_some();
        let acknowledgements_wait = log.lags(self.done_below())
            && now.instant.saturating_duration_since(self.last_sync) >= ACKNOWLEDGE_INTERVAL;
        waits || self.released_unsynced.is_some() || acknowledgements_wait
    }

    /// Writes what is only in memory, and says how to sync it. `None` if there is nothing to sync, or
    /// the disk fails. To be called a while after the first push that is unsynced: what is acknowledged
    /// before is never written.
    pub(crate) fn sync(&mut self, now: Now) -> Option<Fsync> {
        self.tick(now);
        self.last_sync = now.instant;
        self.flush(now);
        let log = self.log.as_ref().filter(|_| self.failure.is_none())?;
        let files: Vec<_> = log
            .segments
            .iter()
            .filter_map(|segment| {
                let synced = Synced {
                    segment: segment.number,
                    bytes: segment.bytes,
                };
                Some((synced, segment.unsynced.clone()?))
            })
            .collect();
        if files.is_empty() && !log.has_new_names {
            return None;
        }
        Some(Fsync {
            files,
            directory: log.has_new_names.then(|| log.directory.clone()),
            outcome: FsyncOutcome {
                generation: self.generation,
                through: self.next_seq - 1,
                next_number: log.next_number,
                synced: Vec::new(),
                failed: Vec::new(),
                directory: Ok(()),
            },
        })
    }

    /// Takes the outcome of an [`Fsync`]. Outcomes may be late, missing, or in another order.
    pub(crate) fn synced(&mut self, outcome: FsyncOutcome, now: Now) {
        if outcome.generation != self.generation {
            return;
        }
        let Some(log) = self.log.as_mut() else {
            return;
        };
        // A segment that is gone by now has lost its name, which is no failure.
        let mut failed = outcome.failed.into_iter().filter_map(|(synced, error)| {
            let segment = log.segments.get_mut(log.index_of(synced.segment)?)?;
            segment.unsynced = None;
            Some(error)
        });
        if let Some(error) = failed.next().or(outcome.directory.err()) {
            return self.fail(error, now);
        }
        for synced in outcome.synced {
            let index = log.index_of(synced.segment);
            if let Some(segment) = index.and_then(|index| log.segments.get_mut(index))
                && segment.bytes == synced.bytes
            {
                segment.unsynced = None;
            }
        }
        if log.next_number == outcome.next_number {
            log.has_new_names = false;
        }
        self.release(outcome.through);
        self.released_unsynced = match self.released_unsynced {
            Some((first, last)) if last > outcome.through => {
                Some((first.max(outcome.through + 1), last))
            }
            _ => None,
        };
    }

    /// Messages up to this number are as safe as they can be: on the disk; or, while that fails or there
    /// is none, in memory; or acknowledged, or dropped. Never becomes smaller.
    pub(crate) fn settled(&self) -> u64 {
        if self.log.is_none() || self.failure.is_some() {
            return self.next_seq - 1;
        }
        let in_memory = self.memory.from(0).map(|waiting| waiting.seq);
        let first = in_memory.unwrap_or(self.next_seq);
        let first = self
            .released_unsynced
            .map_or(first, |(seq, _)| seq.min(first));
        (first - 1).max(self.settled_floor)
    }

    /// Writes and syncs everything, on this thread. To be called in the end.
    pub(crate) fn finish_writing(&mut self, now: Now) {
        if let Some(fsync) = self.sync(now) {
            let outcome = fsync.run();
            self.synced(outcome, now);
        }
    }

    /// The same, and gives the directory up.
    #[cfg(test)]
    pub(super) fn close(mut self, now: Now) {
        self.finish_writing(now);
    }

    /// Writes what is only in memory to the log, and what is done with.
    pub(super) fn flush(&mut self, now: Now) {
        if self.log.is_none() || self.failure.is_some() {
            return;
        }
        if let Err(error) = self.try_flush(now) {
            self.fail(error, now);
        }
    }

    fn try_flush(&mut self, now: Now) -> io::Result<()> {
        let below = self.done_below();
        if let Some(log) = self.log.as_mut()
            && log.lags(below)
        {
            log.append_done(below)?;
        }
        while let Some(waiting) = self.memory.next_pending() {
            let bytes = record::message_bytes(waiting.message);
            let seq = waiting.seq;
            self.make_room(bytes, now)?;
            // What was dropped for it was older; this one is still the next.
            let (Some(log), Some(waiting)) = (self.log.as_mut(), self.memory.next_pending()) else {
                break;
            };
            debug_assert_eq!(waiting.seq, seq);
            let stamp_s = self.run.stamp_s(waiting.since);
            let Some(position) = log.append(waiting.seq, stamp_s, waiting.message) else {
                break;
            };
            self.memory.written(position);
            if log.buffered() >= FLUSH_BYTES {
                log.write_out()?;
            }
        }
        match self.log.as_mut() {
            Some(log) => log.write_out(),
            None => Ok(()),
        }
    }

    /// Makes room in memory by what is in the log. `false` if there is none.
    pub(super) fn relieve_memory(&mut self, now: Now) -> bool {
        self.flush(now);
        if self.log.is_none() || self.failure.is_some() {
            return false;
        }
        let first = self.memory.from(0).map(|waiting| waiting.seq);
        if let Some(first) = first {
            let first = self.released_unsynced.map_or(first, |(first, _)| first);
            self.released_unsynced = Some((first, self.next_seq - 1));
        }
        self.release(self.next_seq) > 0
    }

    /// What is in the log leaves the memory. Returns how many messages.
    fn release(&mut self, through: u64) -> u64 {
        let mut released = 0;
        while let Some(left) = self.memory.pop_flushed(through) {
            released += 1;
            if let (true, Some(position)) = (left.live, left.written) {
                self.window.moved(left.seq, position);
            }
        }
        released
    }

    /// All with smaller numbers are done with.
    fn done_below(&self) -> u64 {
        self.window.first_seq().unwrap_or(self.fresh)
    }
}
