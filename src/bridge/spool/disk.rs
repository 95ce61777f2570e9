//! What happens when the disk fails, and when it comes back.

use std::io;
use std::time::Instant;

use super::clock::Now;
use super::files::Directory;
use super::log::{Bounds, Log};
use super::reading::Trouble;
use super::segment::ReadError;
use super::{READ_ATTEMPTS, RETRY_INTERVAL, Spool};

/// Nothing can be written, or nothing was opened.
#[derive(Debug)]
pub(super) struct Failure {
    retry_at: Instant,
}

/// The disk cannot be read.
#[derive(Debug)]
pub(super) struct Stall {
    /// How often in a row.
    attempts: u32,
    retry_at: Instant,
}

/// Why messages are dropped with their segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Full,
    Age,
}

/// The log is told that messages are dropped once in this time.
const DROP_WARNING_INTERVAL_S: u64 = 10;

impl Spool {
    /// What is due by the clock.
    pub(super) fn tick(&mut self, now: Now) {
        self.latest = now;
        if matches!(&self.failure, Some(failure) if now.instant >= failure.retry_at) {
            self.retry(now);
        }
        self.attach(now);
        self.drop_old_segments(now);
    }

    /// Opens the log. If messages from memory are under way, it waits until they are not.
    pub(super) fn open_log(&mut self, now: Now) {
        let Some(directory) = self.options.directory.clone() else {
            return;
        };
        let directory = match Directory::open(&directory, self.faults.clone()) {
            Ok(directory) => directory,
            Err(error) => return self.fail(error, now),
        };
        let bounds = Bounds::new(self.options.max_disk);
        let opened = (self.run.at(now.instant), now.wall_ms);
        let is_last_attempt = self.failed_scans + 1 >= READ_ATTEMPTS;
        match Log::open(directory, bounds, opened, is_last_attempt) {
            Ok((log, findings)) => {
                self.failed_scans = 0;
                self.damaged += findings.damaged;
                self.dropped_full += findings.dropped;
                if self.failure.take().is_some() {
                    ::log::info!("store: {} can be used now", log.directory.path().display());
                }
                self.incoming = Some(log);
                self.attach(now);
            }
            Err(error) => {
                self.failed_scans += 1;
                self.fail(error, now);
            }
        }
    }

    /// Uses the log that was opened, if nothing from memory is under way.
    fn attach(&mut self, now: Now) {
        if !self.window.is_at_rest() {
            return;
        }
        let Some(log) = self.incoming.take() else {
            return;
        };
        self.window.clear();
        // What is in memory has larger numbers than all in the log.
        self.fresh = log.recorded;
        self.log = Some(log);
        self.settled_floor = self.next_seq - 1;
        self.probe(now);
    }

    /// Tries whether the disk can be written, and writes what waits.
    fn probe(&mut self, now: Now) {
        match self.try_probe() {
            Ok(()) => {
                if self.failure.take().is_some() {
                    ::log::info!("store: the disk is used again");
                    self.settled_floor = self.next_seq - 1;
                }
                self.flush(now);
            }
            Err(error) => self.fail(error, now),
        }
    }

    fn try_probe(&mut self) -> io::Result<()> {
        let Some(log) = self.log.as_mut() else {
            return Ok(());
        };
        log.remove_leftovers()?;
        log.trim()?;
        // If there is no room for a new segment, none is dropped for that: the next message will tell.
        log.make_room(0)?;
        log.write_out()
    }

    /// Sees to it that the log can take a record of so many bytes, for which the oldest are dropped.
    pub(super) fn make_room(&mut self, bytes: u64, now: Now) -> io::Result<()> {
        while let Some(log) = self.log.as_mut() {
            if log.make_room(bytes)? {
                break;
            }
            if !self.drop_segment(Cause::Full, now)? {
                return Err(io::Error::other("old segments cannot be deleted"));
            }
        }
        Ok(())
    }

    fn retry(&mut self, now: Now) {
        if matches!(&self.log, Some(log) if !log.directory.is_in_place()) {
            self.detach();
        }
        match self.log {
            Some(_) => self.probe(now),
            None => self.open_log(now),
        }
    }

    /// The directory is gone, and the log with it.
    fn detach(&mut self) {
        let Some(log) = self.log.take() else {
            return;
        };
        let kept = self.memory.written_live().count() as u64;
        let lost = log.live.saturating_sub(kept);
        self.lost += lost;
        self.memory.unwrite();
        let first = self.memory.first_seq().unwrap_or(self.next_seq);
        self.window.forget_through(first - 1);
        self.fresh = self.fresh.max(first);
        self.stall = None;
        ::log::error!("store: the directory was removed: {lost} messages are lost");
    }

    /// The disk has failed. What was not yet synced is taken back to memory as far as it is still there.
    pub(super) fn fail(&mut self, error: io::Error, now: Now) {
        self.note(&error);
        self.failure = Some(Failure {
            retry_at: now.instant + RETRY_INTERVAL,
        });
        self.generation += 1;
        self.settled_floor = self.next_seq - 1;
        self.released_unsynced = None;
        let Some(log) = self.log.as_mut() else {
            return;
        };
        for (position, bytes) in self.memory.written_live() {
            log.finish(position.segment, bytes);
        }
        let (seq, position) = match self.memory.first_written() {
            Some((seq, position)) => (seq, Some(position)),
            None => (log.last_seq + 1, log.written_end()),
        };
        if let Some(position) = position {
            log.cut(position, seq);
        }
        self.memory.unwrite();
    }

    /// Tells the log of an error, once as long as it is the same.
    fn note(&mut self, error: &io::Error) {
        let directory = self.options.directory.as_deref().unwrap_or("".as_ref());
        let text = format!("{}: {error}", directory.display());
        if (self.failure.is_none() && self.stall.is_none())
            || self.last_error.as_ref() != Some(&text)
        {
            ::log::error!("store: {text}: messages are kept in memory until that is over");
        }
        self.last_error = Some(text);
    }

    /// Nothing can be handed out before the log can be read, or is given up.
    pub(super) fn is_stalled(&self, now: Now) -> bool {
        matches!(&self.stall, Some(stall) if now.instant < stall.retry_at)
    }

    /// What a segment has is lost. Errors of the system must come several times in a row for that.
    pub(super) fn is_given_up(&mut self, trouble: &Trouble, now: Now) -> bool {
        let ReadError::Io(error) = &trouble.error else {
            return true;
        };
        self.note(error);
        let attempts = self.stall.as_ref().map_or(0, |stall| stall.attempts) + 1;
        let is_given_up = attempts >= READ_ATTEMPTS;
        self.stall = Some(Stall {
            attempts,
            retry_at: match is_given_up {
                true => now.instant,
                false => now.instant + RETRY_INTERVAL,
            },
        });
        is_given_up
    }

    /// Deletes segments in which all is done with.
    pub(super) fn trim(&mut self) {
        let Some(log) = self.log.as_mut().filter(|_| self.failure.is_none()) else {
            return;
        };
        if let Err(error) = log.trim() {
            self.fail(error, self.latest);
        }
    }

    /// Drops segments in which all is too old without reading them, unless some of that is under way.
    fn drop_old_segments(&mut self, now: Now) {
        while self.failure.is_none()
            && let Some(front) = self.log.as_ref().and_then(|log| log.segments.front())
            && front.live > 0
            && self
                .run
                .is_too_old(front.youngest, now, self.options.max_age)
            && self.window.waiting_in(front.number) == 0
            && self.memory.first_seq().is_none_or(|seq| seq > front.last)
        {
            if let Err(error) = self.drop_segment(Cause::Age, now) {
                self.fail(error, now);
            }
        }
    }

    /// Drops the oldest segment. `false` if there is none.
    fn drop_segment(&mut self, cause: Cause, now: Now) -> io::Result<bool> {
        let Some(log) = self.log.as_mut() else {
            return Ok(false);
        };
        let Some(removed) = log.remove_front()? else {
            return Ok(false);
        };
        while self.memory.pop_flushed(removed.last).is_some() {}
        if removed.last != 0 {
            self.window.forget_through(removed.last);
            self.fresh = self.fresh.max(removed.last + 1);
        }
        self.count_dropped(removed.live, cause, now);
        Ok(true)
    }

    /// Drops the oldest message in memory. `false` if there is none.
    pub(super) fn drop_from_memory(&mut self, now: Now) -> bool {
        let Some(left) = self.memory.pop() else {
            return false;
        };
        if left.live {
            self.window.finish(left.seq);
            self.count_dropped(1, Cause::Full, now);
        }
        true
    }

    fn count_dropped(&mut self, messages: u64, cause: Cause, now: Now) {
        if messages == 0 {
            return;
        }
        match cause {
            Cause::Full => self.dropped_full += messages,
            Cause::Age => self.dropped_age += messages,
        }
        let told = self.warned_of_drops;
        if told.is_none_or(|told| (now.instant - told).as_secs() >= DROP_WARNING_INTERVAL_S) {
            self.warned_of_drops = Some(now.instant);
            ::log::warn!(
                "store: messages are dropped; until now {} because it is full, {} because they are too old",
                self.dropped_full,
                self.dropped_age
            );
        }
    }
}
