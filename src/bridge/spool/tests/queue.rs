//! A queue, in memory and on the disk.

use super::super::window::MAX_HANDED_OUT;
use super::super::{ACKNOWLEDGE_INTERVAL, FLUSH_BYTES, State};
use super::*;

#[test]
fn what_is_pushed_comes_in_order() {
    let place = Place::new();
    for options in [memory_only(), place.options()] {
        let now = start();
        let mut spool = Spool::open(&options, now);
        push(&mut spool, 1..6, now);
        assert_eq!(ids(&mut spool, now), [1, 2, 3, 4, 5]);
        assert_eq!(ids(&mut spool, now), []);
        assert_eq!(spool.stats().queued, 5, "nothing was acknowledged");
    }
}

#[test]
fn what_is_not_acknowledged_comes_again() {
    let place = Place::new();
    for options in [memory_only(), place.options()] {
        for written in [false, true] {
            let now = start();
            let mut spool = Spool::open(&options, now);
            push(&mut spool, 1..8, now);
            if written {
                sync(&mut spool, now);
            }
            let taken = take_all(&mut spool, now);
            for index in [4, 0, 2] {
                spool.acknowledge(taken[index].0);
            }
            push(&mut spool, 8..10, now);
            spool.rewind();
            assert_eq!(ids(&mut spool, now), [2, 4, 6, 7, 8, 9]);
            spool.rewind();
            let again = take_all(&mut spool, now);
            assert_eq!(again[0].0, taken[1].0, "a message keeps its number");
            for (seq, _) in again {
                spool.acknowledge(seq);
            }
            let stats = spool.stats();
            assert_eq!(
                (stats.queued, stats.queued_bytes, stats.memory_bytes),
                (0, 0, 0)
            );
        }
    }
}

#[test]
fn numbers_that_were_not_handed_out_are_ignored() {
    let now = start();
    let mut spool = Spool::open(&memory_only(), now);
    let seq = spool.push(message(1, 20, now), now).expect("room");
    spool.acknowledge(seq);
    spool.acknowledge(0);
    spool.acknowledge(u64::MAX);
    assert_eq!(ids(&mut spool, now), [1]);
}

#[test]
fn the_next_run_finds_what_was_not_acknowledged() {
    let (place, now) = (Place::new(), start());
    let options = place.options();
    let mut spool = Spool::open(&options, now);
    assert_eq!(spool.state(), State::Disk);
    push(&mut spool, 1..6, now);
    let taken = take_all(&mut spool, now);
    sync(&mut spool, now);
    spool.acknowledge(taken[0].0);
    spool.acknowledge(taken[1].0);
    spool.close(now);

    let mut spool = Spool::open(&options, now);
    assert_eq!(spool.stats().queued, 3);
    push(&mut spool, [6], now);
    spool.close(now);

    let mut spool = Spool::open(&options, now);
    let taken = take_all(&mut spool, now);
    assert_eq!(
        taken.iter().map(|(_, id)| *id).collect::<Vec<_>>(),
        [3, 4, 5, 6]
    );
    for (seq, _) in taken {
        spool.acknowledge(seq);
    }
    spool.close(now);

    let spool = Spool::open(&options, now);
    assert_eq!((spool.stats().queued, spool.stats().damaged), (0, 0));
    assert_eq!(place.segments().len(), 1, "old segments are gone");
}

#[test]
fn what_is_acknowledged_in_time_is_never_written() {
    let (place, now) = (Place::new(), start());
    let mut spool = Spool::open(&place.options(), now);
    let before = place.bytes();
    for id in 0..1000 {
        push(&mut spool, [id], now);
        assert!(spool.unsynced(now));
        for (seq, _) in take_all(&mut spool, now) {
            spool.acknowledge(seq);
        }
        assert!(!spool.unsynced(now));
        sync(&mut spool, now);
    }
    assert_eq!(place.bytes(), before);
}

#[test]
fn much_is_written_without_being_asked() {
    let (place, now) = (Place::new(), start());
    let mut spool = Spool::open(&place.options(), now);
    let before = place.bytes();
    for id in 0..3 {
        spool
            .push(message(id, FLUSH_BYTES / 2, now), now)
            .expect("room");
    }
    assert!(place.bytes() > before + FLUSH_BYTES as u64);
}

#[test]
fn what_is_settled_was_synced_or_is_done_with() {
    let (place, now) = (Place::new(), start());
    let mut spool = Spool::open(&place.options(), now);
    let first = spool.push(message(1, 20, now), now).expect("room");
    let second = spool.push(message(2, 20, now), now).expect("room");
    assert!(spool.settled() < first);

    let fsync = spool.sync(now).expect("something to sync");
    let third = spool.push(message(3, 20, now), now).expect("room");
    assert!(spool.settled() < first, "written, not synced");
    let outcome = fsync.run();
    spool.synced(outcome, now);
    assert_eq!(spool.settled(), second);
    assert!(spool.unsynced(now));

    for (seq, _) in take_all(&mut spool, now) {
        spool.acknowledge(seq);
    }
    assert_eq!(spool.settled(), third);
}

#[test]
fn outcomes_may_be_late_or_missing() {
    let (place, now) = (Place::new(), start());
    let mut spool = Spool::open(&place.options(), now);
    let first = spool.push(message(1, 20, now), now).expect("room");
    let early = spool.sync(now).expect("something to sync");
    let second = spool.push(message(2, 20, now), now).expect("room");
    drop(spool.sync(now).expect("something to sync"));
    let last = spool.sync(now).expect("still something to sync");
    spool.synced(last.run(), now);
    assert_eq!(spool.settled(), second);
    spool.synced(early.run(), now);
    assert_eq!(spool.settled(), second);
    assert!(first < second && !spool.unsynced(now));
}

#[test]
fn in_memory_all_is_settled_at_once() {
    let now = start();
    let mut spool = Spool::open(&memory_only(), now);
    let seq = spool.push(message(1, 20, now), now).expect("room");
    assert_eq!(spool.settled(), seq);
    assert!(!spool.unsynced(now));
    assert!(spool.sync(now).is_none());
    assert_eq!(spool.state(), State::Memory);
}

#[test]
fn acknowledgements_alone_are_written_now_and_then() {
    let (place, now) = (Place::new(), start());
    let options = place.options();
    let mut spool = Spool::open(&options, now);
    push(&mut spool, 1..4, now);
    sync(&mut spool, now);
    let taken = take_all(&mut spool, now);
    spool.acknowledge(taken[0].0);
    assert!(!spool.unsynced(now));
    let now = later(now, ACKNOWLEDGE_INTERVAL.as_secs());
    assert!(spool.unsynced(now));
    sync(&mut spool, now);
    assert!(!spool.unsynced(now));
    // As if it was killed.
    drop(spool);
    assert_eq!(reopened(&options, now), [2, 3]);
}

#[test]
fn what_waits_for_its_acknowledgement_is_bounded() {
    let now = start();
    let options = Options {
        max_memory: 64 * 1024 * 1024,
        ..memory_only()
    };
    let mut spool = Spool::open(&options, now);
    push(&mut spool, 0..MAX_HANDED_OUT as u64 + 10, now);
    let taken = take_all(&mut spool, now);
    assert_eq!(taken.len(), MAX_HANDED_OUT);
    spool.acknowledge(taken[7].0);
    assert!(
        spool.next(now).is_none(),
        "there is room when the first one is done with"
    );
    spool.acknowledge(taken[0].0);
    assert!(spool.next(now).is_some());
    assert!(spool.next(now).is_none());
}

#[test]
fn a_spool_and_what_syncs_it_may_go_to_other_threads() {
    fn check<T: Send + 'static>() {}
    check::<super::super::Spool>();
    check::<super::super::flush::Fsync>();
    check::<super::super::FsyncOutcome>();
}
