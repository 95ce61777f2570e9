//! Bounds of disk and memory.

use super::super::memory::MESSAGE_OVERHEAD;
use super::super::{MIN_DISK_BYTES, State};
use super::*;

#[test]
fn the_directory_stays_within_its_bound() {
    for max_disk in [MIN_DISK_BYTES, 100_000, 1 << 20] {
        let (place, now) = (Place::new(), start());
        let options = Options {
            max_disk,
            max_memory: 50_000,
            ..place.options()
        };
        let mut random = Random(max_disk);
        let mut spool = Spool::open(&options, now);
        let count = 2 * max_disk / 1000;
        for id in 0..count {
            let bytes = random.below(4000) as usize;
            spool.push(message(id, bytes, now), now).expect("room");
            if random.below(20) == 0 {
                sync(&mut spool, now);
            }
            let stats = spool.stats();
            assert!(place.bytes() <= stats.disk_bytes);
            assert!(stats.disk_bytes <= max_disk);
            assert!(stats.memory_bytes <= options.max_memory as u64);
            assert_eq!(stats.queued + stats.dropped_full, id + 1);
        }
        sync(&mut spool, now);
        let dropped = spool.stats().dropped_full;
        assert!(dropped > 0);
        assert_eq!(spool.state(), State::Disk);
        assert!(spool.stats().disk_bytes > max_disk / 2, "it is used");
        spool.close(now);
        assert!(reopened(&options, now).into_iter().eq(dropped..count));
    }
}

#[test]
fn memory_stays_within_its_bound_and_the_newest_stay() {
    let now = start();
    let options = Options {
        max_memory: 10 * (MESSAGE_OVERHEAD + 27),
        ..memory_only()
    };
    let mut spool = Spool::open(&options, now);
    push(&mut spool, 0..25, now);
    let stats = spool.stats();
    assert_eq!((stats.queued, stats.dropped_full), (10, 15));
    assert_eq!(stats.memory_bytes, options.max_memory as u64);
    assert!(ids(&mut spool, now).into_iter().eq(15..25));
}

#[test]
fn what_is_dropped_while_it_is_under_way_does_not_come_again() {
    let now = start();
    let options = Options {
        max_memory: 10 * (MESSAGE_OVERHEAD + 27),
        ..memory_only()
    };
    let mut spool = Spool::open(&options, now);
    push(&mut spool, 0..10, now);
    let taken = take_all(&mut spool, now);
    push(&mut spool, 10..14, now);
    spool.acknowledge(taken[0].0);
    spool.rewind();
    assert!(ids(&mut spool, now).into_iter().eq(4..14));
    assert_eq!(spool.stats().queued, 10);
}

#[test]
fn segments_are_dropped_with_what_is_under_way() {
    let (place, now) = (Place::new(), start());
    let options = Options {
        max_disk: MIN_DISK_BYTES,
        ..place.options()
    };
    let mut spool = Spool::open(&options, now);
    push(&mut spool, 0..5, now);
    let taken = take_all(&mut spool, now);
    for id in 5..200 {
        spool.push(message(id, 1000, now), now).expect("room");
    }
    sync(&mut spool, now);
    let dropped = spool.stats().dropped_full;
    assert!(dropped > 5);
    for (seq, _) in taken {
        spool.acknowledge(seq);
    }
    assert_eq!(spool.stats().queued, 200 - dropped);
    spool.rewind();
    assert!(ids(&mut spool, now).into_iter().eq(dropped..200));
}

#[test]
fn what_can_never_fit_is_refused() {
    let (place, now) = (Place::new(), start());
    let mut in_memory = Spool::open(&memory_only(), now);
    let largest = 1024 * 1024 - MESSAGE_OVERHEAD - "plant/1".len();
    assert!(in_memory.push(message(1, largest, now), now).is_ok());
    let error = in_memory.push(message(1, largest + 1, now), now);
    assert_eq!(
        error.map_err(|error| error.to_string()),
        Err("message too large: 1048577 bytes of memory, the limit is 1048576".to_owned())
    );
    assert_eq!(ids(&mut in_memory, now), [1], "nothing was dropped for it");

    let options = Options {
        max_disk: MIN_DISK_BYTES,
        ..place.options()
    };
    let mut on_disk = Spool::open(&options, now);
    assert!(on_disk.push(message(1, 65_000, now), now).is_ok());
    assert!(on_disk.push(message(2, 66_000, now), now).is_err());
    sync(&mut on_disk, now);
    assert_eq!(on_disk.state(), State::Disk);
    assert_eq!(ids(&mut on_disk, now), [1]);

    let mut long = message(3, 8, now);
    long.topic = "x".repeat(65_536);
    assert!(in_memory.push(long.clone(), now).is_err());
    long.topic.pop();
    assert!(in_memory.push(long, now).is_ok());
}

#[test]
fn a_smaller_bound_than_before_drops_the_oldest() {
    let (place, now) = (Place::new(), start());
    let mut spool = Spool::open(&place.options(), now);
    for id in 0..400 {
        spool.push(message(id, 1000, now), now).expect("room");
    }
    spool.close(now);
    let options = Options {
        max_disk: 200_000,
        ..place.options()
    };
    let mut spool = Spool::open(&options, now);
    let dropped = spool.stats().dropped_full;
    assert!(dropped > 150 && place.bytes() <= options.max_disk);
    assert!(ids(&mut spool, now).into_iter().eq(dropped..400));
}

#[test]
fn a_bound_that_makes_no_sense_means_memory() {
    let (place, now) = (Place::new(), start());
    let options = Options {
        max_disk: MIN_DISK_BYTES - 1,
        ..place.options()
    };
    let mut spool = Spool::open(&options, now);
    push(&mut spool, [1], now);
    assert_eq!(ids(&mut spool, after_retry(now)), [1]);
    assert_eq!(spool.state(), State::Memory);
    let error = spool.stats().last_error.expect("an error");
    assert!(
        error.contains("max_disk is 65535 bytes, at least 65536"),
        "{error}"
    );
    assert!(!place.path().exists());
}

#[test]
fn a_log_that_is_never_empty_is_trimmed() {
    let (place, now) = (Place::new(), start());
    let options = Options {
        max_disk: 4 * MIN_DISK_BYTES,
        ..place.options()
    };
    let mut spool = Spool::open(&options, now);
    for id in 0..2000 {
        spool.push(message(id, 500, now), now).expect("room");
        sync(&mut spool, now);
        while let Some((seq, _)) = spool.next(now) {
            if id > 2 {
                spool.acknowledge(seq - 3);
            }
        }
    }
    assert_eq!(spool.stats().dropped_full, 0);
    assert!(place.segments().len() <= 2 + 1);
}
