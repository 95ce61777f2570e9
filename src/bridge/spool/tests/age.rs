//! Messages that are too old, and clocks that jump.

use super::super::MIN_DISK_BYTES;
use super::*;

const YEAR_MS: u64 = 365 * 24 * 3600 * 1000;

#[test]
fn what_is_too_old_is_skipped_and_counted() {
    let place = Place::new();
    for options in [memory_only(), place.options()] {
        for written in [false, true] {
            let now = start();
            let mut spool = Spool::open(&options, now);
            push(&mut spool, 1..4, now);
            push(&mut spool, 4..6, later(now, 500));
            if written {
                sync(&mut spool, later(now, 500));
            }
            let now = later(now, 1002);
            assert_eq!(ids(&mut spool, now), [4, 5]);
            let stats = spool.stats();
            assert_eq!((stats.dropped_age, stats.queued), (3, 2));
            spool.rewind();
            assert_eq!(ids(&mut spool, later(now, 1000)), []);
            assert_eq!(spool.stats().dropped_age, 5);
        }
    }
}

#[test]
fn a_clock_that_jumps_makes_nothing_old() {
    for (is_on_disk, is_written) in [(false, false), (true, false), (true, true)] {
        // A device that begins in 1970, and then learns what time it is; and the reverse.
        for (before, after) in [(30_000, 56 * YEAR_MS), (56 * YEAR_MS, 30_000)] {
            let place = Place::new();
            let options = match is_on_disk {
                true => place.options(),
                false => memory_only(),
            };
            let at = |now: Now, wall_ms| Now { wall_ms, ..now };
            let now = at(start(), before);
            let mut spool = Spool::open(&options, now);
            push(&mut spool, 1..4, now);
            if is_written {
                sync(&mut spool, now);
            }
            assert_eq!(ids(&mut spool, at(later(now, 900), after)), [1, 2, 3]);
        }
    }
}

#[test]
fn the_next_run_asks_the_wall_clock() {
    let now = start();
    let in_1970 = Now {
        wall_ms: 10_000,
        ..now
    };
    let in_future = later(now, 1_000_000);
    // Stored, opened, taken so many seconds later, whether it is there.
    for (stored, opened, waited, is_there) in [
        (now, later(now, 999), 0, true),
        (now, later(now, 1001), 0, false),
        (now, later(now, 500), 499, true),
        (now, later(now, 500), 501, false),
        (in_1970, later(now, 5000), 999, true),
        (in_1970, later(now, 5000), 1001, false),
        (in_future, now, 999, true),
        (in_future, now, 1001, false),
        (now, in_1970, 999, true),
        (now, in_1970, 1001, false),
    ] {
        let place = Place::new();
        let mut spool = Spool::open(&place.options(), stored);
        push(&mut spool, [1], stored);
        spool.close(stored);
        let mut spool = Spool::open(&place.options(), opened);
        let got = ids(&mut spool, later(opened, waited));
        assert_eq!(
            got.len(),
            usize::from(is_there),
            "{stored:?} {opened:?} {waited}"
        );
        assert_eq!(spool.stats().dropped_age, u64::from(!is_there));
    }
}

#[test]
fn segments_go_as_a_whole_when_all_in_them_is_too_old() {
    let (place, now) = (Place::new(), start());
    let options = Options {
        max_disk: 4 * MIN_DISK_BYTES,
        ..place.options()
    };
    let mut spool = Spool::open(&options, now);
    for id in 0..200 {
        spool.push(message(id, 1000, now), now).expect("room");
    }
    sync(&mut spool, now);
    let segments = place.segments().len();
    let under_way = spool.next(now).expect("a message");
    let now = later(now, 1002);
    push(&mut spool, [200], now);
    assert_eq!(
        place.segments().len(),
        segments,
        "some of the first one is under way"
    );
    spool.acknowledge(under_way.0);
    push(&mut spool, [201], now);
    assert_eq!(place.segments().len(), 0);
    assert_eq!(spool.stats().dropped_age, 199);
    assert_eq!(ids(&mut spool, now), [200, 201]);
    spool.close(now);
    assert_eq!(reopened(&options, now), [200, 201]);
}
