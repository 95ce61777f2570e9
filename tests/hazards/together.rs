//! What all clients together can make the broker hold (H17), and what becomes of those who want
//! nothing special meanwhile. In elbus 0.2 nothing bounds it.

use crate::common::broker::{peak_kib, rss_kib};
use crate::common::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

const KIB: u64 = 1024;

/// Sends to clients that do not read until there is no room.
fn fill(sender: &mut Wire, targets: &[&str], payload: &[u8]) {
    for target in targets {
        while sender.request_code(&message(1, PROCESSED, target, payload)) == OK {}
    }
}

/// Each of the queues may hold a MiB, all of them 4 MiB.
#[test]
fn h17_queues_of_all_clients_together_are_bounded() {
    let args = ["-t", "30", "--overflow", "drop", "--max-memory", "4M"];
    on_both_with(&args, |bus| {
        let names: Vec<String> = (0..20).map(|i| format!("deaf.{i}")).collect();
        let mut deaf: Vec<Wire> = names.iter().map(|name| bus.quiet_client(name)).collect();
        let (mut sender, mut reader) = (bus.quiet_client("sender"), bus.quiet_client("reader"));
        let before = rss_kib(bus.broker.pid());
        let targets: Vec<&str> = names.iter().map(String::as_str).collect();
        fill(&mut sender, &targets, &[7; 4_000]);
        let growth = peak_kib(bus.broker.pid()).saturating_sub(before);
        // For each client what is free, a segment that is not full, and 4 KiB for the descriptor that
        // watches for room.
        let bound = 4 * KIB * 5 / 4 + 20 * (16 + 16 + 4);
        assert!(growth < bound, "{growth} KiB, {bound} allowed");
        // Who reads gets what is small, and is told nothing.
        for id in 0..500 {
            sender.request(&message(id, PROCESSED, "reader", &[7; 5_000]), id);
            reader.expect_bytes(&got_message(0, "sender", &[7; 5_000]));
        }
        let large = message(1, PROCESSED, "reader", &[7; 60_000]);
        assert_eq!(sender.request_code(&large), NOT_DELIVERED);
        deaf.clear();
        eventually("memory for a large frame", || {
            (sender.request_code(&large) == OK).then_some(())
        });
        reader.expect_bytes(&got_message(0, "sender", &[7; 60_000]));
        reader.expect_silence();
    });
}

/// With back-pressure, a frame waits until others have given back what they take.
#[test]
fn h17_frames_wait_for_memory_that_others_take() {
    let args = ["-t", "30", "--max-memory", "1M"];
    on_both_with(&args, |bus| {
        let mut slow = bus.quiet_client("slow");
        let (mut hog, mut sender) = (bus.quiet_client("hog"), bus.quiet_client("sender"));
        let mut reader = bus.quiet_client("reader");
        let payload = vec![7; 16 * 1024];
        const FRAMES: u32 = 400;
        let sent = AtomicU32::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for id in 0..FRAMES {
                    hog.request(&message(id, PROCESSED, "slow", &payload), id);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
            wait_until_still(&sent);
            sender.send_raw(&message(7, PROCESSED, "reader", &vec![8; 60_000]));
            eventually("a frame that waits", || {
                let log = bus.broker.log().text();
                log.contains("memory is short").then_some(())
            });
            for _ in 0..FRAMES {
                slow.expect_bytes(&got_message(0, "hog", &payload));
            }
            sender.expect_bytes(&ack(7, OK));
            reader.expect_bytes(&got_message(0, "sender", &vec![8; 60_000]));
        });
        for wire in [&mut slow, &mut sender, &mut reader] {
            wire.expect_silence();
        }
    });
}

/// Large frames that arrive at the same time share what there is; none of them is refused, and none
/// waits for another for ever.
#[test]
fn h17_large_frames_take_turns() {
    const BYTES: usize = 6 * 1024 * 1024;
    const SENDERS: usize = 6;
    on_both_with(&["-t", "10", "--max-memory", "4M"], |bus| {
        let mut reader = bus.quiet_client("reader");
        let before = rss_kib(bus.broker.pid());
        thread::scope(|scope| {
            for i in 0..SENDERS {
                let bus = &bus;
                scope.spawn(move || {
                    let mut sender = bus.quiet_client(&format!("sender.{i}"));
                    let payload = vec![i as u8; BYTES];
                    for id in 0..3 {
                        sender.request(&message(id, PROCESSED, "reader", &payload), id);
                    }
                });
            }
            for _ in 0..SENDERS * 3 {
                let frame = reader.read_frame();
                let payload = &frame.body[b"sender.0\0".len()..];
                assert_eq!(payload.len(), BYTES);
                assert!(payload.iter().all(|byte| *byte == payload[0]), "a mixture");
            }
        });
        let growth = peak_kib(bus.broker.pid()).saturating_sub(before);
        // What there is, one frame beyond it, and, while one grows, its former self.
        let bound = (4 * 1024 + 2 * BYTES as u64 / KIB) * 5 / 4;
        assert!(growth < bound, "{growth} KiB, {bound} allowed");
        reader.expect_silence();
    });
}

/// Who holds the memory with frames that do not end is late by itself; until then others with large
/// frames wait, and everybody else does not notice.
#[test]
fn h17_unfinished_frames_keep_nobody_from_small_ones() {
    let args = ["-t", "1", "--max-memory", "1M"];
    on_both_with(&args, |bus| {
        let mut unfinished: Vec<Wire> = (0..20)
            .map(|i| bus.quiet_client(&format!("unfinished.{i}")))
            .collect();
        let before = rss_kib(bus.broker.pid());
        for wire in &mut unfinished {
            wire.send_raw(&header(1, MESSAGE, 8_000_000));
            wire.send_raw(b"reader\0");
            wire.send_raw(&[7; 100_000]);
        }
        let (mut sender, mut reader) = (bus.quiet_client("sender"), bus.quiet_client("reader"));
        for id in 0..200 {
            sender.request(&message(id, PROCESSED, "reader", &[7; 5_000]), id);
            reader.expect_bytes(&got_message(0, "sender", &[7; 5_000]));
        }
        let growth = peak_kib(bus.broker.pid()).saturating_sub(before);
        // Each has one read at most that is not charged, and one of them may go beyond the limit.
        let bound = (KIB + 400 + 20 * 64) * 5 / 4;
        assert!(growth < bound, "{growth} KiB, {bound} allowed");
        for wire in &mut unfinished {
            wire.drain();
        }
        let payload = vec![8; 500_000];
        sender.request(&message(9, PROCESSED, "reader", &payload), 9);
        reader.expect_bytes(&got_message(0, "sender", &payload));
    });
}
