//! Disks that fail at any operation.

use super::super::faults::Faults;
use super::super::{READ_ATTEMPTS, State};
use super::*;

/// What must be there in the end.
#[derive(Default)]
struct Expected {
    ids: Vec<u64>,
    settled: u64,
}

/// How the disk fails in a run of [`everyday`].
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// The first operation that fails, and how many there are of them.
    first: u64,
    count: u64,
}

/// Everything that a spool does on the disk, with messages of 20 KB in segments of 64 KB.
fn everyday(options: &Options, faults: &Faults) -> (Spool, Expected, Now) {
    let mut now = start();
    let mut spool = Spool::open_with(options, now, faults.clone());
    let mut expected = Expected {
        ids: (0..4).collect(),
        settled: 0,
    };
    let mut next_id = 4;
    for round in 0..6 {
        for _ in 0..4 {
            let message = message(next_id, 20_000, now);
            spool.push(message, now).expect("room");
            expected.ids.push(next_id);
            next_id += 1;
            assert!(spool.settled() >= expected.settled);
            expected.settled = spool.settled();
        }
        for _ in 0..3 {
            let Some((seq, message)) = spool.next(now) else {
                break;
            };
            let id = id_of(&message);
            assert!(expected.ids.contains(&id), "{id} again");
            spool.acknowledge(seq);
            expected.ids.retain(|expected| *expected != id);
        }
        if round % 2 == 1 {
            spool.next(now);
            spool.rewind();
        }
        if round != 2 {
            sync(&mut spool, now);
        }
        assert!(spool.settled() >= expected.settled);
        expected.settled = spool.settled();
        now = later(now, 11);
    }
    (spool, expected, now)
}

/// Runs it with a disk that fails so, then with one that works again.
fn run(plan: Option<Plan>) -> u64 {
    let place = Place::new();
    let options = place.options();
    let mut before = Spool::open(&options, start());
    for id in 0..4 {
        before
            .push(message(id, 20_000, start()), start())
            .expect("room");
    }
    before.close(start());

    let faults = Faults::default();
    if let Some(plan) = plan {
        faults.fail(plan.first..plan.first.saturating_add(plan.count));
    }
    let (mut spool, expected, now) = everyday(&options, &faults);
    let operations = faults.operations();
    assert_eq!(spool.stats().dropped_full, 0, "{plan:?}");
    assert!(place.bytes() <= options.max_disk);

    faults.fail(0..0);
    let now = after_retry(now);
    spool.rewind();
    let got = ids(&mut spool, now);
    assert_eq!(got, expected.ids, "{plan:?} {:?}", spool.stats());
    let stats = spool.stats();
    assert_eq!(
        stats.queued,
        expected.ids.len() as u64,
        "{plan:?} {stats:?}"
    );
    assert_eq!(
        (stats.state, stats.lost),
        (State::Disk, 0),
        "{plan:?} {stats:?}"
    );
    assert_eq!(stats.last_error.is_some(), plan.is_some(), "{plan:?}");
    spool.rewind();
    sync(&mut spool, now);
    assert!(!spool.unsynced(now), "{plan:?}");
    // As if it was killed.
    drop(spool);
    assert_eq!(reopened(&options, now), expected.ids, "{plan:?}");
    operations
}

#[test]
fn nothing_is_lost_when_one_operation_fails() {
    let operations = run(None);
    assert!(operations > 50, "{operations}");
    for first in 0..operations {
        run(Some(Plan { first, count: 1 }));
    }
}

#[test]
fn nothing_is_lost_when_several_operations_fail() {
    let operations = run(None);
    for count in [2, 3, 5] {
        for first in 0..operations {
            run(Some(Plan { first, count }));
        }
    }
}

/// A disk that does not come back: what comes after it failed is kept in memory.
#[test]
fn a_disk_that_stays_broken_leaves_the_memory() {
    let place = Place::new();
    for first in 0..60 {
        let _ = fs::remove_dir_all(place.path());
        let options = Options {
            max_memory: 20_000,
            ..place.options()
        };
        let now = start();
        let faults = Faults::default();
        faults.fail(first..u64::MAX);
        let mut spool = Spool::open_with(&options, now, faults);
        let (mut last, mut acknowledged) = (None, 0);
        for id in 0..300 {
            let now = later(now, id);
            spool.push(message(id, 1000, now), now).expect("room");
            assert!(spool.stats().memory_bytes <= options.max_memory as u64);
            sync(&mut spool, now);
            if id % 10 == 0 {
                for (seq, id) in take_all(&mut spool, now) {
                    assert!(last < Some(id), "in order");
                    last = Some(id);
                    spool.acknowledge(seq);
                    acknowledged += 1;
                }
            }
        }
        let stats = spool.stats();
        assert_eq!(stats.state, State::DiskFailed);
        assert!(stats.last_error.is_some());
        let gone = stats.dropped_full + stats.lost;
        assert_eq!(acknowledged + gone + stats.queued, 300, "{stats:?}");
        assert!(last > Some(280), "it goes on: {last:?}");
    }
}

#[test]
fn the_oldest_in_memory_are_dropped_while_the_disk_fails() {
    let (place, now) = (Place::new(), start());
    let options = Options {
        max_memory: 20_000,
        ..place.options()
    };
    let faults = Faults::default();
    let mut spool = Spool::open_with(&options, now, faults.clone());
    push(&mut spool, 0..10, now);
    sync(&mut spool, now);
    faults.fail(0..u64::MAX);
    for id in 10..110 {
        spool.push(message(id, 700, now), now).expect("room");
        sync(&mut spool, now);
    }
    let dropped = spool.stats().dropped_full;
    assert_eq!(spool.stats().queued, 110 - dropped);
    assert_eq!(dropped, 80);
    assert_eq!(spool.settled(), spool.next_seq - 1);

    faults.fail(0..0);
    let now = after_retry(now);
    let got = ids(&mut spool, now);
    assert!(got.into_iter().eq((0..10).chain(10 + dropped..110)));
    assert_eq!(spool.state(), State::Disk);
    spool.close(now);
    let got = reopened(&options, now);
    assert!(got.into_iter().eq((0..10).chain(10 + dropped..110)));
}

#[test]
fn what_cannot_be_read_is_tried_again_before_it_is_given_up() {
    let (place, now) = (Place::new(), start());
    let options = place.options();
    let mut spool = Spool::open(&options, now);
    push(&mut spool, 0..10, now);
    spool.close(now);
    let faults = Faults::default();
    let mut spool = Spool::open_with(&options, now, faults.clone());
    push(&mut spool, 10..12, now);

    faults.fail(0..u64::MAX);
    assert!(spool.next(now).is_none());
    assert!(spool.next(now).is_none());
    assert_eq!((spool.state(), spool.stats().lost), (State::DiskFailed, 0));
    faults.fail(0..0);
    assert!(spool.next(now).is_none(), "not yet");
    let now = after_retry(now);
    assert_eq!(ids(&mut spool, now).len(), 12);
    assert_eq!(spool.state(), State::Disk);

    spool.close(now);
    let mut spool = Spool::open_with(&options, now, faults.clone());
    faults.fail(0..u64::MAX);
    push(&mut spool, 12..14, now);
    let mut now = now;
    for _ in 1..READ_ATTEMPTS {
        assert!(spool.next(now).is_none());
        now = after_retry(now);
    }
    assert_eq!(ids(&mut spool, now), [12, 13]);
    assert_eq!(spool.stats().lost, 12);
}

#[test]
fn what_had_to_be_written_twice_is_there_once() {
    let (place, now) = (Place::new(), start());
    let faults = Faults::default();
    let mut spool = Spool::open_with(&place.options(), now, faults.clone());
    // What is safe keeps the segment.
    push(&mut spool, [0], now);
    sync(&mut spool, now);
    push(&mut spool, 1..4, now);
    let fsync = spool.sync(now).expect("something to sync");
    // Nor can what was written be cut off again.
    faults.fail(0..u64::MAX);
    spool.synced(fsync.run(), now);
    assert_eq!(spool.state(), State::DiskFailed);
    push(&mut spool, [4], now);

    faults.fail(0..0);
    let now = after_retry(now);
    sync(&mut spool, now);
    assert_eq!(spool.state(), State::Disk);
    assert_eq!(place.segments().len(), 2);
    // As if it was killed.
    drop(spool);
    let mut spool = Spool::open(&place.options(), now);
    assert_eq!(ids(&mut spool, now), [0, 1, 2, 3, 4]);
    let stats = spool.stats();
    assert_eq!((stats.queued, stats.damaged), (5, 0));
}

#[test]
fn an_outcome_from_before_a_failure_says_nothing() {
    let (place, now) = (Place::new(), start());
    let faults = Faults::default();
    let mut spool = Spool::open_with(&place.options(), now, faults.clone());
    push(&mut spool, 1..4, now);
    let early = spool.sync(now).expect("something to sync");
    let failing = spool.sync(now).expect("something to sync");
    faults.fail(0..u64::MAX);
    spool.synced(failing.run(), now);
    faults.fail(0..0);

    // Written again, elsewhere.
    let now = after_retry(now);
    let fsync = spool.sync(now).expect("something to sync");
    spool.synced(early.run(), now);
    assert!(spool.unsynced(now));
    spool.synced(fsync.run(), now);
    assert!(!spool.unsynced(now));
}
