//! Logs that were cut off or damaged.

use std::ops::Range;

use super::super::record;
use super::super::segment::HEADER_BYTES;
use super::*;

/// What is on the disk after so many messages were pushed, and where each record begins and ends.
fn written(count: u64) -> (Vec<u8>, Vec<Range<usize>>) {
    let (place, now) = (Place::new(), start());
    let mut spool = Spool::open(&place.options(), now);
    let mut records = Vec::new();
    let mut end = HEADER_BYTES as usize;
    for id in 0..count {
        let message = message(id, 8 + id as usize, now);
        let start = end;
        end += record::message_bytes(&message) as usize;
        records.push(start..end);
        spool.push(message, now).expect("room");
    }
    spool.close(now);
    let [segment] = &place.segments()[..] else {
        panic!("more than one segment");
    };
    let bytes = fs::read(segment).expect("a segment");
    assert_eq!(bytes.len(), end);
    (bytes, records)
}

/// Opens a log that is these bytes, writes one more message, and opens it again.
fn check(bytes: &[u8], expected: Range<u64>, what: &str) {
    let (place, now) = (Place::new(), start());
    fs::create_dir(place.path()).expect("a directory");
    fs::write(place.path().join("0000000000000001.spool"), bytes).expect("a file");
    let options = place.options();
    let mut spool = Spool::open(&options, now);
    assert_eq!(spool.stats().queued, expected.end, "{what}");
    assert!(
        ids(&mut spool, now).into_iter().eq(expected.clone()),
        "{what}"
    );
    push(&mut spool, [1000], now);
    drop(spool.sync(now));
    drop(spool);

    let mut spool = Spool::open(&options, now);
    assert!(
        ids(&mut spool, now).into_iter().eq(expected.chain([1000])),
        "{what}"
    );
    let stats = spool.stats();
    assert_eq!(
        (stats.damaged, stats.lost, stats.last_error),
        (0, 0, None),
        "{what}"
    );
}

#[test]
fn a_log_that_was_cut_anywhere_has_all_that_was_whole() {
    let (bytes, records) = written(6);
    for cut in 0..=bytes.len() {
        let whole = records.iter().filter(|record| record.end <= cut).count();
        check(&bytes[..cut], 0..whole as u64, &format!("cut at {cut}"));
    }
}

#[test]
fn nor_is_anything_made_of_what_follows_a_cut() {
    let (bytes, records) = written(6);
    let mut random = Random(7);
    for cut in 0..bytes.len() {
        let mut garbage = vec![!bytes[cut]];
        garbage.extend((0..random.below(200)).map(|index| (index * index) as u8 ^ 0x5a));
        // What file systems show of blocks that were never written.
        for end in [garbage, vec![0; 5000]] {
            let garbled = [&bytes[..cut], &end].concat();
            let is_whole = |record: &&Range<usize>| garbled.starts_with(&bytes[..record.end]);
            let whole = records.iter().take_while(is_whole).count();
            check(
                &garbled,
                0..whole as u64,
                &format!("{} other bytes at {cut}", end.len()),
            );
        }
    }
}

#[test]
fn a_damaged_byte_costs_what_follows() {
    let (bytes, records) = written(6);
    for at in 0..bytes.len() {
        let before = records.iter().filter(|record| record.end <= at).count();
        let whole = match at < HEADER_BYTES as usize {
            true => 0,
            false => before,
        };
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        check(&damaged, 0..whole as u64, &format!("damage at {at}"));
    }
}

/// Segments of 16 KiB, with 16 messages of about 1000 bytes each, and so on.
fn many_segments(place: &Place, now: Now) -> Options {
    let options = Options {
        max_disk: 64 * 1024,
        ..place.options()
    };
    let mut spool = Spool::open(&options, now);
    for id in 0..45 {
        spool.push(message(id, 960, now), now).expect("room");
    }
    spool.close(now);
    assert_eq!(place.segments().len(), 3);
    options
}

#[test]
fn damage_in_an_older_segment_costs_its_rest_only() {
    let (place, now) = (Place::new(), start());
    let options = many_segments(&place, now);
    let segment = &place.segments()[1];
    let mut bytes = fs::read(segment).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(segment, bytes).expect("written");

    let mut spool = Spool::open(&options, now);
    let got = ids(&mut spool, now);
    assert_eq!(spool.stats().damaged, 1);
    assert!(got.is_sorted() && got.contains(&0) && got.contains(&44));
    let missing: Vec<_> = (0..45).filter(|id| !got.contains(id)).collect();
    assert!((7..=9).contains(&missing.len()), "{missing:?}");
    assert_eq!(
        missing.last().map(|id| id - missing[0] + 1),
        Some(missing.len() as u64)
    );
    drop(spool);
    assert_eq!(
        Spool::open(&options, now).stats().damaged,
        0,
        "it is told once"
    );
}

#[test]
fn a_segment_that_is_damaged_or_missing_while_it_is_used_costs_its_rest_only() {
    for is_removed in [false, true] {
        let (place, now) = (Place::new(), start());
        let options = many_segments(&place, now);
        let mut spool = Spool::open(&options, now);
        let (_, first) = spool.next(now).expect("a message");
        assert_eq!(id_of(&first), 0);
        let segment = &place.segments()[1];
        match is_removed {
            true => fs::remove_file(segment).expect("removed"),
            false => fs::write(segment, b"something else").expect("written"),
        }
        let got = ids(&mut spool, now);
        assert!(got.is_sorted() && got.contains(&1) && got.contains(&44));
        let stats = spool.stats();
        assert_eq!(stats.lost, 44 - got.len() as u64);
        assert_eq!(stats.queued, 1 + got.len() as u64);
        assert!((14..=16).contains(&stats.lost), "{stats:?}");
        spool.rewind();
        assert_eq!(ids(&mut spool, now).len(), got.len() + 1);
    }
}

#[test]
fn other_files_are_left_alone() {
    let (place, now) = (Place::new(), start());
    fs::create_dir(place.path()).expect("a directory");
    for name in ["lost+found", "1.spool", "000000000000000g.spool", "notes"] {
        fs::write(place.path().join(name), b"mine").expect("written");
    }
    fs::create_dir(place.path().join("0000000000000007.spool")).expect("a directory");
    let mut spool = Spool::open(&place.options(), now);
    push(&mut spool, 1..4, now);
    spool.close(now);
    assert_eq!(reopened(&place.options(), now), [1, 2, 3]);
    assert_eq!(
        fs::read(place.path().join("1.spool")).expect("it is there"),
        b"mine"
    );
}
