//! Crowds at the door (H6, H7): connections that say nothing, that say one byte a second, that come
//! and go by the thousand; and no descriptor left for the next. Throughout, clients that were there
//! before get all of their confirmations, new ones get in, and memory stays within its bound. After it,
//! everything is as it was.
//!
//! As a part of all tests the crowds are small. In full, which takes three minutes and 12,000
//! descriptors (`ulimit -n`), and prints figures:
//!
//! ```sh
//! ELBUS_CROWD=full cargo test --all-features --test crowds -- --nocapture --test-threads 1
//! ```

// The tests need the daemon.
#![cfg(all(feature = "server", feature = "rpc"))]

#[path = "../common/mod.rs"]
mod common;

mod house;
mod service;
mod size;

use common::wire::Stream;
use common::*;
use house::House;
use nix::sys::socket::{setsockopt, sockopt};
use size::size;
use std::thread;
use std::time::{Duration, Instant};

/// Connections that do nothing at all. What the broker takes of them is a few hundred handshakes.
#[test]
fn idle_connections() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let house = House::open(transport, &[]);
        let crowd = size().idle;
        house.withstands(&format!("{crowd} connections that do nothing"), || {
            let idle: Vec<Stream> = (0..crowd).map(|_| house.stream()).collect();
            // Until those that still have a place have lost it by their silence.
            thread::sleep(size().stay);
            drop(idle);
        });
    }
}

/// Each of them sends its handshake and then a frame, one byte a second.
#[test]
fn one_byte_a_second() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let house = House::open(transport, &["--max-clients", "2048"]);
        let crowd = size().slow;
        house.withstands(&format!("{crowd} connections with a byte a second"), || {
            let mut slow: Vec<_> = (0..crowd)
                .map(|i| {
                    let name = format!("slow.{i}");
                    let script = [hello(name.as_bytes()), message(1, NO, "b", &[7; 64])].concat();
                    (Wire::new(house.stream()), script.into_iter())
                })
                .collect();
            let end = Instant::now() + size().stay;
            while Instant::now() < end {
                for (wire, script) in &mut slow {
                    // Who was given up is not asked again.
                    let byte = script.as_slice().first().copied();
                    if byte.is_some_and(|byte| wire.try_send_raw(&[byte]).is_ok()) {
                        script.next();
                    }
                }
                thread::sleep(Duration::from_secs(1));
            }
        });
    }
}

/// Many connections a second for a while, and each ends in another way: in silence, in the middle of
/// the handshake, with a reset, registered, with a frame on its way.
#[test]
fn connections_by_the_thousand() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let house = House::open(transport, &["--max-clients", "2048"]);
        let (seconds, per_second) = (size().rush.as_secs(), size().per_second);
        let what = format!("{per_second} connections a second for {seconds} s");
        house.withstands(&what, || {
            let start = Instant::now();
            let total = u32::try_from(seconds).expect("seconds") * per_second;
            for number in 0..total {
                let due = start + Duration::from_secs(1) * number / per_second;
                thread::sleep(due.saturating_duration_since(Instant::now()));
                come_and_go(house.stream(), number);
            }
            // At the latest now the rate would show that the broker could not follow.
            let late = start.elapsed().saturating_sub(size().rush);
            house.note(&format!(
                "the last connection was {} ms late",
                late.as_millis()
            ));
        });
    }
}

fn come_and_go(stream: Stream, number: u32) {
    if number % 5 == 1
        && let Stream::Tcp(tcp) = &stream
    {
        // Closed with a reset, and nothing waits for stray packets afterwards.
        let reset = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(tcp, sockopt::Linger, &reset).expect("a setting");
    }
    let mut wire = Wire::new(stream);
    let name = format!("rush.{number}");
    let whole = hello(name.as_bytes());
    // The broker may have closed the connection already, for a newer one.
    let _ = match number % 5 {
        0 => Ok(()),
        1 => wire.try_send_raw(&whole[..5]),
        2 => wire.try_send_raw(&whole),
        3 => wire.try_send_raw(&[whole, header(1, MESSAGE, 1000)].concat()),
        _ => wire.try_send_raw(&[whole, message(1, NO, "b%%nobody", b"x")].concat()),
    };
}

/// Clients and newcomers share what descriptors there are; connections beyond wait in the kernel.
#[test]
fn every_descriptor_is_taken() {
    for transport in [Transport::Unix, Transport::Tcp] {
        // Those that are registered stay, so nobody can make room.
        let house = House::with_descriptors(transport, 64);
        house.withstands_full("all 64 descriptors taken", || {
            let crowd: Vec<Wire> = (0..size().beyond)
                .map(|i| {
                    let mut wire = Wire::new(house.stream());
                    wire.send_raw(&hello(format!("guest.{i}").as_bytes()));
                    wire
                })
                .collect();
            house.wait_for_complaint("cannot accept connections");
            thread::sleep(size().stay);
            assert_eq!(
                house.complaints("cannot accept connections"),
                1,
                "in one episode"
            );
            drop(crowd);
        });
    }
}
