//! Ordering and completeness under load, with a queue much smaller than the load: every frame
//! arrives exactly once, in the order of its sender, and nobody is disconnected. No time is
//! measured here: that is what the benchmarks are for.

// The tests need the daemon.
#![cfg(all(feature = "server", feature = "rpc"))]

mod common;

use common::*;
use std::thread;

const CLIENTS: usize = 8;
const PEERS: usize = CLIENTS - 1;
const QUEUE_SIZE: &str = "512";
/// Frames that each client sends in the tests that spread them over its peers.
const FRAMES_PER_CLIENT: usize = 100_000;
/// Frames that each client sends to each of its peers in the heavy tests.
const FRAMES_PER_PAIR: usize = 100_000;
/// How much is given to the kernel at a time.
const WRITE_CHUNK: usize = 64 * 1024;

fn name(client: usize) -> String {
    format!("load.{client}")
}

/// The peers of a client, in the order in which it sends to them.
fn peers(client: usize) -> impl Iterator<Item = usize> + Clone {
    (1..CLIENTS).map(move |step| (client + step) % CLIENTS)
}

/// All the frames of a client: to its peers in turn, each with the number it has in its pair.
fn frames_of(client: usize, total: usize) -> Vec<u8> {
    let numbered = (0..total).map(|i| u32::try_from(i / PEERS).expect("a small number"));
    let targets = peers(client).cycle();
    targets
        .zip(numbered)
        .flat_map(|(peer, number)| message(0, NO, &name(peer), &number.to_le_bytes()))
        .collect()
}

/// How many of the frames of `sender` are for `receiver`.
fn share(sender: usize, receiver: usize, total: usize) -> usize {
    let position = peers(sender)
        .position(|peer| peer == receiver)
        .expect("a peer");
    (total + PEERS - 1 - position) / PEERS
}

/// Receives everything that the others send to this client; panics on a frame that is missing,
/// doubled, changed or out of order.
fn receive(wire: &mut Wire, client: usize, total: usize) {
    let mut next = [0_u32; CLIENTS];
    let expected: usize = peers(client)
        .map(|sender| share(sender, client, total))
        .sum();
    for _ in 0..expected {
        let frame = wire.read_frame();
        let sender = frame
            .body
            .get(5)
            .map_or(CLIENTS, |digit| usize::from(digit - b'0'));
        let number = next.get_mut(sender).expect("a known sender");
        let wanted = got_message(0, &name(sender), &number.to_le_bytes());
        assert_eq!(
            show(&frame.bytes()),
            show(&wanted),
            "from {sender} to {client}"
        );
        *number += 1;
    }
    for sender in peers(client) {
        assert_eq!(
            next[sender] as usize,
            share(sender, client, total),
            "from {sender}"
        );
    }
}

/// Every client sends `total` frames, spread evenly over the others, and receives all the while.
fn everybody_to_everybody(transport: Transport, total: usize) {
    let broker = Broker::start(&["--queue-size", QUEUE_SIZE]);
    let bus = Bus { broker, transport };
    let mut wires: Vec<Wire> = (0..CLIENTS)
        .map(|client| bus.quiet_client(&name(client)))
        .collect();
    thread::scope(|scope| {
        for (client, wire) in wires.iter_mut().enumerate() {
            let mut writer = Wire::new(wire.stream().try_clone().expect("a second handle"));
            scope.spawn(move || {
                for chunk in frames_of(client, total).chunks(WRITE_CHUNK) {
                    writer.send_raw(chunk);
                }
            });
            scope.spawn(move || receive(wire, client, total));
        }
    });
    // Still connected, and nothing is left over.
    for wire in &mut wires {
        wire.expect_silence();
    }
}

#[test]
fn spread_over_all_peers_unix() {
    everybody_to_everybody(Transport::Unix, FRAMES_PER_CLIENT);
}

#[test]
fn spread_over_all_peers_tcp() {
    everybody_to_everybody(Transport::Tcp, FRAMES_PER_CLIENT);
}

#[test]
fn every_pair_unix() {
    everybody_to_everybody(Transport::Unix, FRAMES_PER_PAIR * PEERS);
}

#[test]
fn every_pair_tcp() {
    everybody_to_everybody(Transport::Tcp, FRAMES_PER_PAIR * PEERS);
}

/// Publications take the other road through the broker: one frame in, seven out.
#[test]
fn publications_to_all_peers() {
    const FRAMES: u32 = 20_000;
    for transport in [Transport::Unix, Transport::Tcp] {
        let broker = Broker::start(&["--queue-size", QUEUE_SIZE]);
        let bus = Bus { broker, transport };
        let mut publisher = bus.quiet_client("publisher");
        let mut wires: Vec<Wire> = (0..PEERS)
            .map(|client| bus.quiet_client(&name(client)))
            .collect();
        for wire in &mut wires {
            wire.request(&subscribe(1, PROCESSED, &["load/#"]), 1);
        }
        let topic = |i: u32| format!("load/{}", i % 10);
        thread::scope(|scope| {
            for wire in &mut wires {
                scope.spawn(move || {
                    for i in 0..FRAMES {
                        let payload = i.to_le_bytes();
                        let wanted = got_publication(0, "publisher", &topic(i), &payload);
                        wire.expect_bytes(&wanted);
                    }
                });
            }
            let frames: Vec<u8> = (0..FRAMES)
                .flat_map(|i| publish(0, NO, &topic(i), &i.to_le_bytes()))
                .collect();
            for chunk in frames.chunks(WRITE_CHUNK) {
                publisher.send_raw(chunk);
            }
        });
        publisher.expect_silence();
        for wire in &mut wires {
            wire.expect_nothing_from(&mut publisher);
        }
    }
}
