//! Secondary clients: the Rust libraries make them themselves, for the others a name is enough.

use crate::broker::Broker;
use crate::peer::{Kind, Peer};

#[test]
fn secondaries_of_the_rust_libraries() {
    let broker = Broker::start();
    let mut other = Peer::connected(Kind::PythonElbus, &broker.tcp, "other");
    for kind in Kind::rust() {
        let primary = kind.label();
        let [first, second] = [0, 1].map(|number| format!("{primary}%%{number}"));
        let mut peer = Peer::connected(kind, &broker.unix, primary);
        peer.gives("secondary", &first);
        peer.refuses("secondary", "not-supported");
        peer.gives(&format!("use {primary}"), "");
        peer.gives("secondary", &second);

        for name in [primary, &first, &second] {
            other.sends(&format!("send {name} to-{name}"), 1);
            peer.receives(&format!("{name} message other - to-{name}"));
            other.sends(&format!("broadcast {name} to-{name}"), 1);
            peer.receives(&format!("{name} broadcast other - to-{name}"));
            peer.gives(&format!("use {name}"), "");
            peer.sends("send other hello", 1);
            other.receives(&format!("other message {name} - hello"));
            peer.gives(&format!("subscribe only/{name}"), "acked");
            other.sends(&format!("publish only/{name} news"), 1);
            peer.receives(&format!("{name} publication other only/{name} news"));
        }

        // The end of one secondary concerns nobody else, that of the primary all of them.
        let gone = Err("not-registered".to_owned());
        peer.gives(&format!("use {second}"), "");
        peer.gives("disconnect", "");
        other.eventually(&format!("send {second} text 1"), &gone);
        other.sends(&format!("send {first} still-there"), 1);
        let still_there = format!("{first} message other - still-there");
        peer.receives_past_those_to(&second, &still_there);
        peer.gives(&format!("use {primary}"), "");
        peer.gives("disconnect", "");
        other.eventually(&format!("send {first} text 1"), &gone);
        other.refuses(&format!("send {primary} text 1"), "not-registered");
    }
}

#[test]
fn calls_of_secondaries() {
    let broker = Broker::start();
    let serve = |kind: Kind| Peer::serving(kind, &broker.unix, &format!("o.{}", kind.label()));
    let mut others: Vec<Peer> = Kind::all().into_iter().map(serve).collect();
    for kind in Kind::rust() {
        let secondary = format!("{}%%0", kind.label());
        let mut peer = Peer::connected(kind, &broker.tcp, kind.label());
        peer.gives("rpc-secondary", &secondary);
        for other in &mut others {
            let name = format!("o.{}", other.kind.label());
            peer.gives(
                &format!("rpc-call {name} echo from-secondary"),
                "from-secondary",
            );
            other.gives(
                &format!("rpc-call {secondary} echo to-secondary"),
                "to-secondary",
            );
        }
    }
}

/// Any client may take the name of a secondary, if its primary is there.
#[test]
fn secondaries_by_name() {
    let broker = Broker::start();
    let mut primary = Peer::connected(Kind::RustElbus, &broker.unix, "p");
    for kind in Kind::all() {
        let name = format!("p%%{}", kind.label());
        let mut peer = Peer::connected(kind, &broker.tcp, &name);
        primary.sends(&format!("send {name} hello"), 1);
        peer.receives(&format!("{name} message p - hello"));
        peer.sends("send p hello", 1);
        primary.receives(&format!("p message {name} - hello"));
    }
}
