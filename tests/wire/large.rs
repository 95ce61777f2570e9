//! Frames of all sizes around those at which the broker changes how it receives them, in pieces of
//! all kinds: every byte arrives, in its place.

use crate::common::*;

/// In bytes: around the smallest shared payload, around the read buffer, and far beyond.
const SIZES: [usize; 11] = [
    0,
    4095,
    4096,
    9000,
    65_500,
    65_536,
    65_545,
    70_000,
    262_144,
    1_000_003,
    3 * 1024 * 1024,
];

/// Bytes that show when some are lost or out of order.
fn pattern(size: usize, seed: usize) -> Vec<u8> {
    (0..size).map(|i| (i / 251 + i + seed) as u8).collect()
}

/// Writes in pieces of these sizes, over and over; others wait until the receiver has read.
fn send_in_pieces(client: &mut Wire, bytes: &[u8], pieces: &[usize]) {
    let mut rest = bytes;
    for size in pieces.iter().cycle() {
        let (piece, later) = rest.split_at(rest.len().min(*size));
        client.send_raw(piece);
        rest = later;
        if rest.is_empty() {
            return;
        }
    }
}

/// Each frame with small ones before and behind it, in one go and in pieces.
fn passes(pieces: &[usize]) {
    on_both(|bus| {
        let (mut source, mut receiver) = (bus.client("src"), bus.client("dst"));
        for (i, size) in SIZES.into_iter().enumerate() {
            let payload = pattern(size, i);
            let small = message(1, NO, "dst", b"small");
            let large = message(2, PROCESSED, "dst", &payload);
            let frames = [&small[..], &large, &small].concat();
            std::thread::scope(|scope| {
                scope.spawn(|| send_in_pieces(&mut source, &frames, pieces));
                receiver.expect_bytes(&got_message(0, "src", b"small"));
                receiver.expect_bytes(&got_message(0, "src", &payload));
                receiver.expect_bytes(&got_message(0, "src", b"small"));
            });
            source.expect_bytes(&ack(2, OK));
        }
    });
}

#[test]
fn large_frames_pass_in_one_piece() {
    passes(&[usize::MAX]);
}

#[test]
fn large_frames_pass_in_small_pieces() {
    passes(&[4000, 1, 97]);
}

#[test]
fn large_frames_pass_when_the_header_comes_first() {
    // The small frame; the header of the large one; its target; the rest.
    passes(&[18, 9, 4, usize::MAX]);
}

#[test]
fn large_frames_pass_in_pieces_of_the_size_of_the_read_buffer() {
    passes(&[65_536]);
}

#[test]
fn large_frames_may_follow_each_other() {
    on_both(|bus| {
        let (mut source, mut receiver) = (bus.client("src"), bus.client("dst"));
        let payloads: Vec<_> = SIZES
            .into_iter()
            .chain([65_536; 20])
            .enumerate()
            .map(|(i, size)| pattern(size, i))
            .collect();
        let frames: Vec<u8> = payloads
            .iter()
            .flat_map(|payload| message(1, NO, "dst", payload))
            .collect();
        std::thread::scope(|scope| {
            scope.spawn(|| source.send_raw(&frames));
            for payload in &payloads {
                receiver.expect_bytes(&got_message(0, "src", payload));
            }
        });
    });
}

#[test]
fn large_publications_reach_everybody() {
    on_both(|bus| {
        let mut source = bus.client("src");
        let mut receivers = ["dst", "dst%%1", "other"].map(|name| bus.client(name));
        for receiver in &mut receivers {
            receiver.request(&subscribe(1, PROCESSED, &["large/#"]), 1);
        }
        let payload = pattern(200_000, 0);
        source.send_raw(&publish(1, NO, "large/x", &payload));
        source.send_raw(&publish_for(2, REALTIME, "large/y", "dst", &payload));
        source.send_raw(&broadcast(3, NO, "d*", &payload));
        for receiver in &mut receivers {
            receiver.expect_bytes(&got_publication(0, "src", "large/x", &payload));
        }
        for receiver in &mut receivers[..2] {
            receiver.expect_bytes(&got_publication(1, "src", "large/y", &payload));
        }
    });
}

/// Their payload does not begin where the broker looks for one.
#[test]
fn frames_with_a_long_topic_pass() {
    on_both(|bus| {
        let (mut source, mut receiver) = (bus.client("src"), bus.client("dst"));
        for length in [5000, 65_530, 100_000] {
            let topic = "x".repeat(length);
            receiver.request(&subscribe(1, PROCESSED, &[&topic]), 1);
            for size in [0, 10, 5000, 200_000] {
                let payload = pattern(size, length);
                let frame = publish(1, NO, &topic, &payload);
                std::thread::scope(|scope| {
                    scope.spawn(|| send_in_pieces(&mut source, &frame, &[3000, usize::MAX]));
                    receiver.expect_bytes(&got_publication(0, "src", &topic, &payload));
                });
            }
        }
    });
}

#[test]
fn a_long_list_of_filters_passes() {
    on_both(|bus| {
        let (mut source, mut receiver) = (bus.client("src"), bus.client("dst"));
        let filters: Vec<_> = (0..20_000).map(|i| format!("filter/{i}")).collect();
        let filters: Vec<_> = filters.iter().map(String::as_str).collect();
        receiver.request(&subscribe(1, PROCESSED, &filters), 1);
        source.send_raw(&publish(1, NO, "filter/19999", b"x"));
        receiver.expect_bytes(&got_publication(0, "src", "filter/19999", b"x"));
    });
}
