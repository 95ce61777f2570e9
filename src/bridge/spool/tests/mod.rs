//! Tests of the spool as a whole.

mod age;
mod bounds;
mod cuts;
mod failures;
mod kill;
mod model;
mod queue;
mod sharing;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::clock::SANE_WALL_MS;
use super::{Message, Now, Options, RETRY_INTERVAL, Spool};

/// A directory of a test, which goes with it.
struct Place(PathBuf);

impl Place {
    /// A path at which nothing is; in memory if the system has that, for tests that sync thousands of
    /// times.
    fn new() -> Self {
        let memory = PathBuf::from("/dev/shm");
        match memory.is_dir() {
            true => Self::below(memory),
            false => Self::on_disk(),
        }
    }

    /// The same, where temporary files go.
    fn on_disk() -> Self {
        Self::below(std::env::temp_dir())
    }

    fn below(parent: PathBuf) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("elbus-spool-{}-{count}", std::process::id());
        let path = parent.join(name);
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Bytes of all files.
    fn bytes(&self) -> u64 {
        let entries = fs::read_dir(&self.0).expect("a directory");
        let lengths = entries.map(|entry| entry.and_then(|entry| entry.metadata()));
        lengths
            .map(|metadata| metadata.expect("a file").len())
            .sum()
    }

    /// The segments, oldest first.
    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).expect("a directory");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        paths.sort();
        paths
    }

    /// Room for anything that tests do.
    fn options(&self) -> Options {
        Options {
            directory: Some(self.0.clone()),
            max_disk: 1024 * 1024,
            max_memory: 1024 * 1024,
            max_age: Duration::from_secs(1000),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn memory_only() -> Options {
    Options {
        directory: None,
        max_disk: 0,
        max_memory: 1024 * 1024,
        max_age: Duration::from_secs(1000),
    }
}

/// A clock that goes when it is told to.
fn start() -> Now {
    Now {
        instant: Instant::now(),
        wall_ms: SANE_WALL_MS * 2,
    }
}

fn later(now: Now, seconds: u64) -> Now {
    Now {
        instant: now.instant + Duration::from_secs(seconds),
        wall_ms: now.wall_ms + seconds * 1000,
    }
}

/// When the disk is tried again after a failure.
fn after_retry(now: Now) -> Now {
    later(now, RETRY_INTERVAL.as_secs())
}

/// A message that says who it is, with a payload of at least 8 bytes.
fn message(id: u64, bytes: usize, now: Now) -> Message {
    let mut payload = id.to_le_bytes().to_vec();
    payload.resize(bytes.max(8), id as u8);
    Message {
        topic: format!("plant/{}", id % 7),
        payload,
        retain: id.is_multiple_of(3),
        stored_ms: now.wall_ms,
    }
}

/// Who a message is, if it is as it was made.
fn id_of(got: &Message) -> u64 {
    let id = got.payload.first_chunk().expect("a number");
    let id = u64::from_le_bytes(*id);
    let mut made = message(id, got.payload.len(), start());
    made.stored_ms = got.stored_ms;
    assert_eq!(got, &made);
    id
}

fn push(spool: &mut Spool, ids: impl IntoIterator<Item = u64>, now: Now) {
    for id in ids {
        spool.push(message(id, 20, now), now).expect("room");
    }
}

/// Writes and syncs, as the engine does.
fn sync(spool: &mut Spool, now: Now) {
    if let Some(fsync) = spool.sync(now) {
        let outcome = fsync.run();
        spool.synced(outcome, now);
    }
}

/// Takes what there is, with the numbers for acknowledgements.
fn take_all(spool: &mut Spool, now: Now) -> Vec<(u64, u64)> {
    let mut taken = Vec::new();
    while let Some((seq, message)) = spool.next(now) {
        taken.push((seq, id_of(&message)));
    }
    taken
}

/// Takes what there is.
fn ids(spool: &mut Spool, now: Now) -> Vec<u64> {
    let taken = take_all(spool, now);
    taken.into_iter().map(|(_, id)| id).collect()
}

/// What an attempt by another run would find, and leave there.
fn reopened(options: &Options, now: Now) -> Vec<u64> {
    ids(&mut Spool::open(options, now), now)
}

/// Numbers that look random, and are the same each time for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
