//! Clients that flood each other or themselves: harmless while they read, and resolved by the
//! timeout when they do not. Others keep their service all the while (H18).

use crate::common::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const ARGS: &[&str] = &["-t", "1", "--queue-size", "16"];
const FRAMES: u32 = 20_000;

fn payload(number: u32) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(1024, 0xCD);
    bytes
}

/// A second handle that only writes.
fn writer(wire: &Wire) -> Wire {
    Wire::new(wire.stream().try_clone().expect("a second handle"))
}

/// Sends numbered frames of every kind that reach only `target`.
fn flood(mut writer: Wire, target: &str) {
    for number in 0..FRAMES {
        let payload = payload(number);
        writer.send_raw(&match number % 3 {
            0 => message(number, NO, target, &payload),
            1 => publish(number, NO, target, &payload),
            _ => broadcast(number, NO, target, &payload),
        });
    }
}

fn expect_flood(reader: &mut Wire, sender: &str) {
    let target = reader.name().to_string();
    for number in 0..FRAMES {
        let payload = payload(number);
        reader.expect_bytes(&match number % 3 {
            0 => got_message(0, sender, &payload),
            1 => got_publication(0, sender, &target, &payload),
            _ => got_broadcast(0, sender, &payload),
        });
    }
}

#[test]
fn two_clients_that_read_lose_nothing() {
    on_both_with(ARGS, |bus| {
        let (mut a, mut b) = (bus.quiet_client("a"), bus.quiet_client("b"));
        a.request(&subscribe(1, PROCESSED, &["a"]), 1);
        b.request(&subscribe(1, PROCESSED, &["b"]), 1);
        thread::scope(|scope| {
            let (from_a, from_b) = (writer(&a), writer(&b));
            scope.spawn(|| flood(from_a, "b"));
            scope.spawn(|| flood(from_b, "a"));
            scope.spawn(|| expect_flood(&mut a, "b"));
            scope.spawn(|| expect_flood(&mut b, "a"));
        });
        a.expect_nothing_from(&mut b);
        b.expect_nothing_from(&mut a);
    });
}

#[test]
fn a_client_that_floods_itself_and_reads_loses_nothing() {
    on_both_with(ARGS, |bus| {
        let mut a = bus.quiet_client("a");
        a.request(&subscribe(1, PROCESSED, &["a"]), 1);
        thread::scope(|scope| {
            let from_a = writer(&a);
            scope.spawn(|| flood(from_a, "a"));
            expect_flood(&mut a, "a");
        });
        a.expect_silence();
    });
}

/// All names can be had again, and nothing of the flood is left.
fn expect_a_clean_end(bus: &Bus, names: &[&str]) {
    let again = |name: &&str| bus.broker.client_when_free(bus.transport, name);
    // What a flooder sent before its end is still delivered, to whoever has the target's name by
    // then. Once all names were free, all flooders are gone.
    drop(names.iter().map(again).collect::<Vec<_>>());
    for name in names {
        again(name).expect_silence();
    }
}

/// Each of the named clients sends to its target without end and nobody of them reads, until one
/// of them is cut. Meanwhile two others talk to each other.
fn nobody_reads(flooders: &[(&str, &str)]) {
    on_both_with(ARGS, |bus| {
        let mut talker = bus.quiet_client("talker");
        let mut listener = bus.quiet_client("listener");
        let clients: Vec<Wire> = flooders
            .iter()
            .map(|(name, _)| bus.quiet_client(name))
            .collect();
        let resolved = AtomicBool::new(false);
        thread::scope(|scope| {
            for (client, (_, target)) in clients.iter().zip(flooders) {
                let frame = message(1, NO, target, &payload(1));
                let mut from_client = writer(client);
                let resolved = &resolved;
                scope.spawn(move || {
                    // Ends when this client is cut, or another one was.
                    while !resolved.load(Ordering::Relaxed) {
                        if from_client.try_send_raw(&frame).is_err() {
                            resolved.store(true, Ordering::Relaxed);
                        }
                    }
                });
            }
            let mut rounds = 0;
            while !resolved.load(Ordering::Relaxed) || rounds < 100 {
                talker.request(&message(2, PROCESSED, "listener", b"x"), 2);
                listener.expect_bytes(&got_message(0, "talker", b"x"));
                rounds += 1;
            }
        });
        drop(clients);
        let names: Vec<_> = flooders.iter().map(|(name, _)| *name).collect();
        expect_a_clean_end(bus, &names);
        listener.expect_nothing_from(&mut talker);
    });
}

#[test]
fn two_clients_that_do_not_read_are_resolved() {
    nobody_reads(&[("a", "b"), ("b", "a")]);
}

#[test]
fn a_ring_of_clients_that_do_not_read_is_resolved() {
    nobody_reads(&[("a", "b"), ("b", "c"), ("c", "a")]);
}

#[test]
fn a_client_that_floods_itself_without_reading_is_resolved() {
    nobody_reads(&[("a", "a")]);
}

/// Publishers that all subscribe to what they publish, and never read.
#[test]
fn publishers_to_a_common_topic_that_do_not_read_are_resolved() {
    on_both_with(ARGS, |bus| {
        let mut talker = bus.quiet_client("talker");
        let mut clients: Vec<Wire> = ["a", "b", "c"]
            .iter()
            .map(|name| bus.quiet_client(name))
            .collect();
        for client in &mut clients {
            client.request(&subscribe(1, PROCESSED, &["t"]), 1);
        }
        let cut = AtomicBool::new(false);
        let frame = publish(2, NO, "t", &payload(2));
        thread::scope(|scope| {
            for client in &clients {
                let (mut from_client, frame, cut) = (writer(client), &frame, &cut);
                scope.spawn(move || {
                    while !cut.load(Ordering::Relaxed) {
                        if from_client.try_send_raw(frame).is_err() {
                            cut.store(true, Ordering::Relaxed);
                        }
                    }
                });
            }
            while !cut.load(Ordering::Relaxed) {
                talker.expect_silence();
            }
        });
        drop(clients);
        expect_a_clean_end(bus, &["a", "b", "c"]);
    });
}

/// Sends far more requests for acks than fit anywhere and reads no answer. The acks of others
/// and the broker's memory are not affected.
#[test]
fn a_client_that_never_reads_its_acks_is_resolved() {
    on_both_with(ARGS, |bus| {
        let mut talker = bus.quiet_client("talker");
        let client = bus.quiet_client("a");
        let mut from_client = writer(&client);
        let frames = publish(1, PROCESSED, "nobody", b"").repeat(1_000);
        let before = bus.broker.rss_kib();
        thread::scope(|scope| {
            let cut = scope.spawn(move || while from_client.try_send_raw(&frames).is_ok() {});
            while !cut.is_finished() {
                talker.expect_silence();
            }
        });
        let grown = bus.broker.rss_kib().saturating_sub(before);
        assert!(grown < 32 * 1024, "{grown} KiB more");
        drop(client);
        bus.broker
            .client_when_free(bus.transport, "a")
            .expect_silence();
    });
}
