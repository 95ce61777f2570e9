//! What each library reports when the broker refuses a name or a message.

use crate::broker::Broker;
use crate::peer::{Kind, Peer};

#[test]
fn unknown_targets() {
    let broker = Broker::start();
    for address in [&broker.unix, &broker.tcp] {
        for kind in Kind::all() {
            let name = unique_name(address, kind);
            let mut peer = Peer::connected(kind, address, &name);
            for target in ["nobody", "*", ""] {
                peer.refuses(&format!("send {target} text 1"), "not-registered");
                peer.refuses(&format!("send {target} text 3"), "not-registered");
                peer.sends(&format!("send {target} text"), 0);
            }
            peer.received_all(&name);
        }
    }
}

#[test]
fn refused_names() {
    let broker = Broker::start();
    let _holder = Peer::connected(Kind::RustElbus, &broker.unix, "taken");
    for address in [&broker.unix, &broker.tcp] {
        for kind in Kind::all() {
            let name = unique_name(address, kind);
            let mut peer = Peer::start(kind);
            peer.refuses(&format!("connect {address} taken"), "busy");
            peer.refuses(&format!("connect {address} "), "data");
            peer.refuses(&format!("connect {address} .broker"), "data");
            peer.refuses(&format!("connect {address} nobody%%0"), "not-registered");
            // A refused name does not stay behind.
            peer.refuses(&format!("connect {address} nobody%%0"), "not-registered");
            peer.gives(&format!("connect {address} {name}"), "");
            peer.received_all(&name);
        }
    }
}

/// A name is handed from library to library, and from transport to transport.
#[test]
fn names_become_free() {
    let broker = Broker::start();
    let mut holder = Peer::connected(Kind::RustElbus, &broker.unix, "name");
    for address in [&broker.tcp, &broker.unix] {
        for kind in Kind::all() {
            let mut successor = Peer::start(kind);
            successor.refuses(&format!("connect {address} name"), "busy");
            drop(holder);
            successor.eventually(&format!("connect {address} name"), &Ok(String::new()));
            successor.received_all("name");
            holder = successor;
        }
    }
}

fn unique_name(address: &str, kind: Kind) -> String {
    let transport = if address.starts_with('/') {
        "unix"
    } else {
        "tcp"
    };
    format!("{transport}.{}", kind.label())
}
