//! Store and forward: messages wait here until the upstream has confirmed them.
//!
//! A spool is a queue with an end on the disk and one in memory. What is pushed goes to memory. What is
//! not confirmed after a while is written to the log on the disk ([`Spool::sync`]), or when
//! [`FLUSH_BYTES`] have come together; so as long as the upstream answers fast, the flash is left alone.
//! Only what is safe on the disk leaves the memory before it is acknowledged.
//!
//! ```text
//! push ─▶ memory ─── flush ──▶ log (segments of records)
//!            │                  │
//!            └──────▶ next ◀────┘   the log first: it is older
//! ```
//!
//! - Delivery is at least once, in the order of `push`. After a crash, messages may come again.
//! - Everything is bounded: the disk, the memory, the age. The oldest are dropped first, and counted:
//!   a segment at a time on the disk, one by one in memory.
//! - Nothing fails for good. Without a disk, or when it is full or broken, the queue goes on in memory
//!   within its bound, and tries the disk again after [`RETRY_INTERVAL`]. What the log has keeps its
//!   place at the front; when memory is full meanwhile, the oldest there are dropped.
//! - A directory belongs to one spool at a time. Another one goes on in memory, says so, and takes the
//!   directory and what is in it when the first one is gone.
//!
//! There is no thread and no clock in here. Files are written in short pieces, read in chunks, and
//! synced by an [`Fsync`](flush::Fsync) that may run on another thread. Opening reads the whole log: at the start, and
//! when a directory that could not be used before is tried again.

mod clock;
mod crc;
mod disk;
mod faults;
mod files;
mod flush;
mod handing;
mod log;
mod memory;
mod reading;
mod record;
mod recovery;
mod segment;
mod window;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use clock::Now;
use clock::Run;
use disk::{Failure, Stall};
use faults::Faults;
pub(crate) use flush::FsyncOutcome;
use log::Log;
use memory::Memory;
use recovery::FIRST_SEQ;
use window::Window;

/// When so much waits in memory, it is written without being asked, in bytes.
pub(crate) const FLUSH_BYTES: usize = 64 * 1024;

/// After a failure the disk is tried again after this time.
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// So many times in a row the disk must be unreadable, [`RETRY_INTERVAL`] apart, before what is there is
/// given up for lost. What is damaged is given up at once.
pub(crate) const READ_ATTEMPTS: u32 = 4;

/// Acknowledgements alone are written at most once in this time: to be behind costs repetitions after
/// a crash, to write costs flash.
pub(crate) const ACKNOWLEDGE_INTERVAL: Duration = Duration::from_secs(1);

/// Smallest bound of the disk that makes sense, in bytes.
pub(crate) const MIN_DISK_BYTES: u64 = 64 * 1024;

/// Longest topic, in bytes, as in MQTT.
const MAX_TOPIC_BYTES: usize = u16::MAX as usize;

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// At most 65,535 bytes.
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
    /// Wall clock when it was stored, in milliseconds since 1970.
    pub(crate) stored_ms: u64,
}

/// Where a spool is, and its bounds.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Made if it is missing. Without it, all is in memory.
    pub(crate) directory: Option<PathBuf>,
    /// What the files may take in bytes, in whole blocks of 4096 each. At least [`MIN_DISK_BYTES`].
    pub(crate) max_disk: u64,
    /// What messages in memory may take in bytes, with an overhead of 288 for each. Beside it there are
    /// short-lived buffers of [`FLUSH_BYTES`] and one message, and places of 50 bytes for what is handed out.
    pub(crate) max_memory: usize,
    /// Older messages are dropped instead of being handed out; to the second, and rather late than early.
    pub(crate) max_age: Duration,
}

/// Where messages wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// On the disk, as soon as they were synced.
    Disk,
    /// In memory: there is no directory.
    Memory,
    /// In memory: the disk fails, see [`Stats::last_error`].
    DiskFailed,
}

/// What is in a spool, and what was lost since it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stats {
    /// Messages that are not acknowledged, and the bytes of their topics and payloads.
    pub(crate) queued: u64,
    pub(crate) queued_bytes: u64,
    /// What the files take, in whole blocks.
    pub(crate) disk_bytes: u64,
    /// What is charged for messages in memory.
    pub(crate) memory_bytes: u64,
    /// Messages dropped because there was no room.
    pub(crate) dropped_full: u64,
    /// Messages dropped because they were too old.
    pub(crate) dropped_age: u64,
    /// Messages that were on the disk and could not be read back.
    pub(crate) lost: u64,
    /// Segments found damaged when the log was opened; how many messages that cost is not known.
    pub(crate) damaged: u64,
    pub(crate) state: State,
    /// The last error of the disk, also when it is over.
    pub(crate) last_error: Option<String>,
}

/// A message that is larger than all there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge {
    /// What it would take, in bytes.
    pub(crate) bytes: u64,
    pub(crate) limit: u64,
    /// What is limited.
    pub(crate) what: &'static str,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "message too large: {} bytes of {}, the limit is {}",
            self.bytes, self.what, self.limit
        )
    }
}

impl std::error::Error for TooLarge {}

/// The queue. See [the module](self).
#[derive(Debug)]
pub(crate) struct Spool {
    options: Options,
    faults: Faults,
    run: Run,
    memory: Memory,
    log: Option<Log>,
    /// A log that was opened while messages from memory are under way: it becomes `log` when they are
    /// back, or acknowledged, because what it has comes before them.
    incoming: Option<Log>,
    window: Window,
    next_seq: u64,
    /// Smaller numbers were handed out, or are gone.
    fresh: u64,
    failure: Option<Failure>,
    stall: Option<Stall>,
    /// How often the log could not be read when it was opened, in a row.
    failed_scans: u32,
    last_error: Option<String>,
    /// What was settled when the disk failed: it stays settled.
    settled_floor: u64,
    /// The first and the last message that left the memory before they were synced, for others to have
    /// room.
    released_unsynced: Option<(u64, u64)>,
    /// How often the disk has failed: what an [`Fsync`](flush::Fsync) of before says is void.
    generation: u64,
    last_sync: Instant,
    latest: Now,
    dropped_full: u64,
    dropped_age: u64,
    lost: u64,
    damaged: u64,
    warned_of_drops: Option<Instant>,
}

impl Spool {
    /// Opens a spool. This never fails: if the directory cannot be used, it goes on in memory, and
    /// [`stats`](Self::stats) say why. Reads the whole log, and so takes a while if that is long.
    pub(crate) fn open(options: &Options, now: Now) -> Self {
        Self::open_with(options, now, Faults::default())
    }

    fn open_with(options: &Options, now: Now, faults: Faults) -> Self {
        let mut spool = Self {
            options: options.clone(),
            faults,
            run: Run::starting(now),
            memory: Memory::default(),
            log: None,
            incoming: None,
            window: Window::default(),
            next_seq: FIRST_SEQ,
            fresh: 0,
            failure: None,
            stall: None,
            failed_scans: 0,
            last_error: None,
            settled_floor: 0,
            released_unsynced: None,
            generation: 0,
            last_sync: now.instant,
            latest: now,
            dropped_full: 0,
            dropped_age: 0,
            lost: 0,
            damaged: 0,
            warned_of_drops: None,
        };
        if options.directory.is_some() && options.max_disk < MIN_DISK_BYTES {
            let error = format!(
                "max_disk is {} bytes, at least {MIN_DISK_BYTES} are needed: messages are kept in memory only",
                options.max_disk
            );
            ::log::error!("{error}");
            spool.last_error = Some(error);
            spool.options.directory = None;
        }
        spool.open_log(now);
        spool
    }

    /// Queues a message. Returns its number, see [`settled`](Self::settled). The oldest messages are
    /// dropped for it as far as needed.
    pub(crate) fn push(&mut self, message: Message, now: Now) -> Result<u64, TooLarge> {
        self.check_size(&message)?;
        self.tick(now);
        let charge = memory::charge(&message);
        while self.memory.charge() + charge > self.options.max_memory {
            if !self.relieve_memory(now) && !self.drop_from_memory(now) {
                break;
            }
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        self.memory.push(seq, message, now.instant);
        if self.memory.pending().1 >= FLUSH_BYTES as u64 {
            self.flush(now);
        }
        Ok(seq)
    }

    /// What is in it.
    pub(crate) fn stats(&self) -> Stats {
        let (pending, pending_bytes) = self.memory.pending();
        let logs = || self.log.iter().chain(&self.incoming);
        Stats {
            queued: pending + logs().map(|log| log.live).sum::<u64>(),
            queued_bytes: pending_bytes + logs().map(|log| log.live_bytes).sum::<u64>(),
            disk_bytes: logs().map(Log::disk_bytes).sum(),
            memory_bytes: self.memory.charge() as u64,
            dropped_full: self.dropped_full,
            dropped_age: self.dropped_age,
            lost: self.lost,
            damaged: self.damaged,
            state: self.state(),
            last_error: self.last_error.clone(),
        }
    }

    /// Where messages wait now.
    pub(crate) fn state(&self) -> State {
        let fails = self.log.is_none() || self.failure.is_some() || self.stall.is_some();
        match (&self.options.directory, fails) {
            (None, _) => State::Memory,
            (Some(_), true) => State::DiskFailed,
            (Some(_), false) => State::Disk,
        }
    }

    fn check_size(&self, message: &Message) -> Result<(), TooLarge> {
        let check = |bytes: usize, limit: u64, what, fits: bool| match fits {
            true => Ok(()),
            false => Err(TooLarge {
                bytes: bytes as u64,
                limit,
                what,
            }),
        };
        let topic = message.topic.len();
        let (charge, max_memory) = (memory::charge(message), self.options.max_memory);
        let (record, max_disk) = (record::message_bytes(message), self.options.max_disk);
        let fits_disk = self.options.directory.is_none()
            || (Log::can_ever_take(max_disk, record) && u32::try_from(record).is_ok());
        check(
            topic,
            MAX_TOPIC_BYTES as u64,
            "topic",
            topic <= MAX_TOPIC_BYTES,
        )?;
        check(charge, max_memory as u64, "memory", charge <= max_memory)?;
        check(record as usize, max_disk, "disk", fits_disk)
    }
}
