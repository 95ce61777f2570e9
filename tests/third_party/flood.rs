//! Many frames without acknowledgement: none is lost and their order is kept.

use crate::broker::Broker;
use crate::peer::{Kind, Peer};

const FRAMES: u32 = 20_000;

/// Sent ahead of the receiver. Less than the 8192 frames that the broker keeps for a client, or a
/// receiver that is slower than the sender would be disconnected, and rightly so.
const WINDOW: u32 = 4_000;

#[test]
fn between_the_rust_libraries_over_unix() {
    let broker = Broker::start();
    for from in Kind::rust() {
        for to in Kind::rust() {
            flood(&broker.unix, from, to);
        }
    }
}

#[test]
fn between_the_rust_libraries_over_tcp() {
    let broker = Broker::start();
    for from in Kind::rust() {
        for to in Kind::rust() {
            flood(&broker.tcp, from, to);
        }
    }
}

#[test]
fn from_and_to_the_python_packages() {
    let broker = Broker::start();
    let rust = Kind::rust();
    for kind in Kind::all().into_iter().filter(|kind| !rust.contains(kind)) {
        for other in [Kind::RustElbus].into_iter().chain(rust.last().copied()) {
            flood(&broker.unix, kind, other);
            flood(&broker.unix, other, kind);
        }
    }
}

fn flood(address: &str, from: Kind, to: Kind) {
    let pair = format!("{}.{}", from.label(), to.label());
    let receiver_name = format!("to.{pair}");
    let mut sender = Peer::connected(from, address, &format!("from.{pair}"));
    let mut receiver = Peer::connected(to, address, &receiver_name);
    for start in (0..FRAMES).step_by(WINDOW as usize) {
        sender.gives(&format!("flood {receiver_name} {start} {WINDOW}"), "");
        let count = start + WINDOW;
        receiver.gives(&format!("count {count}"), &count.to_string());
    }
}
