//! Large payloads: few allocations, however many receivers there are.

use crate::bus::{Bus, skip, write};
use crate::common::*;

/// Frames of one measurement.
const FRAMES: usize = 1_000;

/// A payload that fits into the buffer which is lent to readers. It is copied once, into what all
/// receivers share: the bytes, and who counts the references.
const FITS: usize = 16 * 1024;
const FOR_ONE_THAT_FITS: u64 = 2;

/// A payload that does not: it is also put together from several reads.
const EXCEEDS: usize = 64 * 1024;
const FOR_ONE_THAT_EXCEEDS: u64 = 5;

/// Into how many more reads than the usual number the system may split a frame.
const MORE_READS: u64 = 3;

/// What so many publications make the broker allocate.
fn allocations(subscribers: usize, payload: usize) -> u64 {
    let bus = Bus::start();
    let sender = bus.client(Transport::Unix, "sender");
    let receivers: Vec<_> = (0..subscribers)
        .map(|i| bus.subscriber(Transport::Unix, &format!("subscriber.{i}"), "t"))
        .collect();
    let payload = vec![b'x'; payload];
    let frame = publish(1, PROCESSED, "t", &payload);
    let delivery = got_publication(0, "sender", "t", &payload).len();
    let allocated = bus.allocates(FRAMES, || {
        write(&sender, &frame);
        for receiver in &receivers {
            skip(receiver, delivery);
        }
        skip(&sender, ack(1, OK).len());
    });
    eprintln!("{subscribers} subscribers: {allocated:?}");
    allocated.times
}

#[test]
fn payloads_that_fit_the_read_buffer() {
    for subscribers in [1, 8] {
        let times = allocations(subscribers, FITS);
        assert_eq!(times, FRAMES as u64 * FOR_ONE_THAT_FITS);
    }
}

#[test]
fn payloads_beyond_the_read_buffer() {
    for subscribers in [1, 8] {
        let most = FOR_ONE_THAT_EXCEEDS + MORE_READS;
        assert!(allocations(subscribers, EXCEEDS) <= FRAMES as u64 * most);
    }
}
