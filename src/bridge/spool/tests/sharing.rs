//! Directories that another spool uses, that cannot be used, or that go away.

use super::super::State;
use super::*;

#[test]
fn a_directory_belongs_to_one_spool() {
    let (place, now) = (Place::new(), start());
    let mut first = Spool::open(&place.options(), now);
    let mut second = Spool::open(&place.options(), now);
    assert_eq!(first.state(), State::Disk);
    assert_eq!(second.state(), State::DiskFailed);
    let error = second.stats().last_error.expect("an error");
    assert!(error.ends_with(": another program uses it"), "{error}");

    push(&mut first, 1..4, now);
    push(&mut second, 11..14, now);
    assert_eq!(
        second.settled(),
        second.next_seq - 1,
        "nothing better can be had"
    );
    first.close(now);

    // It takes over what the other one has left, which is older.
    let now = after_retry(now);
    assert_eq!(ids(&mut second, now), [1, 2, 3, 11, 12, 13]);
    assert_eq!(second.state(), State::Disk);
    second.close(now);
    assert_eq!(reopened(&place.options(), now), [1, 2, 3, 11, 12, 13]);
}

#[test]
fn what_is_under_way_is_waited_for_before_a_log_is_taken_over() {
    for is_acknowledged in [true, false] {
        let (place, now) = (Place::new(), start());
        let mut first = Spool::open(&place.options(), now);
        let mut second = Spool::open(&place.options(), now);
        push(&mut first, 1..4, now);
        push(&mut second, 11..14, now);
        let (seq, message) = second.next(now).expect("a message");
        assert_eq!(id_of(&message), 11);
        first.close(now);

        let now = after_retry(now);
        assert!(second.next(now).is_none());
        assert_eq!(second.state(), State::DiskFailed);
        assert_eq!(second.stats().queued, 6);
        let settled = second.settled();
        match is_acknowledged {
            true => second.acknowledge(seq),
            false => second.rewind(),
        }
        let expected: &[_] = match is_acknowledged {
            true => &[1, 2, 3, 12, 13],
            false => &[1, 2, 3, 11, 12, 13],
        };
        assert_eq!(ids(&mut second, now), expected);
        assert_eq!(second.state(), State::Disk);
        assert!(second.settled() >= settled);
    }
}

#[test]
fn what_is_no_directory_is_not_used_until_it_is_one() {
    let (place, now) = (Place::new(), start());
    fs::write(place.path(), b"a file").expect("written");
    let mut spool = Spool::open(&place.options(), now);
    assert_eq!(spool.state(), State::DiskFailed);
    push(&mut spool, 1..4, now);
    assert_eq!(ids(&mut spool, now), [1, 2, 3]);
    spool.rewind();

    fs::remove_file(place.path()).expect("removed");
    assert_eq!(ids(&mut spool, now), [1, 2, 3]);
    assert_eq!(spool.state(), State::DiskFailed, "not yet");
    spool.rewind();
    let now = after_retry(now);
    assert_eq!(ids(&mut spool, now), [1, 2, 3]);
    assert_eq!(spool.state(), State::Disk);
    spool.close(now);
    assert_eq!(reopened(&place.options(), now), [1, 2, 3]);
}

#[test]
fn a_directory_that_is_removed_is_made_again() {
    let (place, now) = (Place::new(), start());
    let options = place.options();
    let mut spool = Spool::open(&options, now);
    push(&mut spool, 1..4, now);
    sync(&mut spool, now);
    push(&mut spool, 4..6, now);
    assert_eq!(take_all(&mut spool, now).len(), 5);
    fs::remove_dir_all(place.path()).expect("removed");

    sync(&mut spool, now);
    assert_eq!(spool.state(), State::DiskFailed);
    let error = spool.stats().last_error.expect("an error");
    assert!(
        error.ends_with(": somebody has removed the file"),
        "{error}"
    );
    push(&mut spool, [6], now);
    spool.rewind();

    let now = after_retry(now);
    assert_eq!(ids(&mut spool, now), [4, 5, 6]);
    assert_eq!(spool.stats().lost, 3, "those were nowhere else");
    assert_eq!(spool.stats().queued, 3);
    assert_eq!(spool.state(), State::Disk);
    spool.close(now);
    assert_eq!(reopened(&options, now), [4, 5, 6]);
}
