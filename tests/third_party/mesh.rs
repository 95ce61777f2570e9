//! Messages, broadcasts and publications between every ordered pair of libraries (each with itself
//! included), over UNIX sockets, over TCP, and across.

use crate::broker::Broker;
use crate::peer::{Kind, Peer};

/// More than the buffers of any library, so that a frame spans many reads.
const BIG_PAYLOAD_BYTES: usize = 100_000;

#[derive(Clone, Copy)]
enum Transport {
    Unix,
    Tcp,
    /// Every other peer on TCP.
    Mixed,
}

#[test]
fn messages_over_unix() {
    messages(Transport::Unix);
}

#[test]
fn messages_over_tcp() {
    messages(Transport::Tcp);
}

#[test]
fn messages_across_transports() {
    messages(Transport::Mixed);
}

#[test]
fn broadcasts_over_unix() {
    broadcasts(Transport::Unix);
}

#[test]
fn broadcasts_over_tcp() {
    broadcasts(Transport::Tcp);
}

#[test]
fn publications_over_unix() {
    publications(Transport::Unix);
}

#[test]
fn publications_over_tcp() {
    publications(Transport::Tcp);
}

fn messages(transport: Transport) {
    let broker = Broker::start();
    let mut peers = all_connected(&broker, transport);
    let big = "x".repeat(BIG_PAYLOAD_BYTES);
    for (from, to) in pairs(peers.len()) {
        let (sender, receiver) = (name(&peers[from]), name(&peers[to]));
        for qos in 0..=3 {
            let text = format!("grüße-{from}-{to}-{qos}");
            peers[from].sends(&format!("send {receiver} {text}"), qos);
            peers[to].receives(&format!("{receiver} message {sender} - {text}"));
        }
        for text in ["", &big] {
            peers[from].sends(&format!("send {receiver} {text}"), 1);
            peers[to].receives(&format!("{receiver} message {sender} - {text}"));
        }
    }
    all_received_all(&mut peers);
}

fn broadcasts(transport: Transport) {
    let broker = Broker::start();
    let mut peers = all_connected(&broker, transport);
    for (from, to) in pairs(peers.len()) {
        let (sender, receiver) = (name(&peers[from]), name(&peers[to]));
        for qos in 0..=1 {
            // The mask reaches one of the peers only.
            let mask = format!("?.{}", peers[to].kind.label());
            peers[from].sends(&format!("broadcast {mask} b-{from}-{to}"), qos);
            peers[to].receives(&format!("{receiver} broadcast {sender} - b-{from}-{to}"));
        }
    }
    for from in 0..peers.len() {
        let sender = name(&peers[from]);
        peers[from].sends("broadcast mesh.* everybody", 1);
        for peer in &mut peers {
            let receiver = name(peer);
            peer.receives(&format!("{receiver} broadcast {sender} - everybody"));
        }
        peers[from].sends("broadcast nobody.* nobody", 1);
        peers[from].sends("broadcast mesh nobody", 0);
    }
    all_received_all(&mut peers);
}

fn publications(transport: Transport) {
    let broker = Broker::start();
    let mut peers = all_connected(&broker, transport);
    for peer in &mut peers {
        peer.gives(
            &format!("subscribe to/{}/# +/all", peer.kind.label()),
            "acked",
        );
    }
    for (from, to) in pairs(peers.len()) {
        let (sender, receiver) = (name(&peers[from]), name(&peers[to]));
        for qos in 0..=1 {
            let topic = format!("to/{}/from/{sender}", peers[to].kind.label());
            peers[from].sends(&format!("publish {topic} p-{from}-{to}"), qos);
            peers[to].receives(&format!(
                "{receiver} publication {sender} {topic} p-{from}-{to}"
            ));
        }
    }
    for from in 0..peers.len() {
        let sender = name(&peers[from]);
        peers[from].sends("publish mesh/all everybody", 1);
        for peer in &mut peers {
            let receiver = name(peer);
            peer.receives(&format!(
                "{receiver} publication {sender} mesh/all everybody"
            ));
        }
    }
    for peer in &mut peers {
        peer.gives(&format!("unsubscribe to/{}/#", peer.kind.label()), "acked");
    }
    for (from, to) in pairs(peers.len()) {
        let topic = format!("to/{}/again", peers[to].kind.label());
        peers[from].sends(&format!("publish {topic} unwanted"), 1);
    }
    all_received_all(&mut peers);
}

/// A plain client of every library, named `mesh.LIBRARY`.
fn all_connected(broker: &Broker, transport: Transport) -> Vec<Peer> {
    let connect = |(number, kind): (usize, Kind)| {
        let address = match transport {
            Transport::Unix => &broker.unix,
            Transport::Tcp => &broker.tcp,
            Transport::Mixed if number % 2 == 0 => &broker.unix,
            Transport::Mixed => &broker.tcp,
        };
        Peer::connected(kind, address, &format!("mesh.{}", kind.label()))
    };
    Kind::all().into_iter().enumerate().map(connect).collect()
}

fn all_received_all(peers: &mut [Peer]) {
    for peer in peers {
        let name = name(peer);
        peer.received_all(&name);
    }
}

fn name(peer: &Peer) -> String {
    format!("mesh.{}", peer.kind.label())
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |from| (0..count).map(move |to| (from, to)))
}
