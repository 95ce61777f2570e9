//! RPC between every ordered pair of libraries, with its errors, and with the broker.

use crate::broker::Broker;
use crate::peer::{Kind, Peer};

#[test]
fn calls_over_unix() {
    let broker = Broker::start();
    calls(&broker.unix);
}

#[test]
fn calls_over_tcp() {
    let broker = Broker::start();
    calls(&broker.tcp);
}

#[test]
fn calls_to_the_broker() {
    let broker = Broker::start();
    for mut peer in all_serving(&broker.unix) {
        // {"ok": true}
        peer.gives("rpc-call .broker test ", "hex:81a26f6bc3");
        peer.gives("rpc-call .broker benchmark.test as-it-is", "as-it-is");
        fails(&mut peer, "rpc-call .broker no.such.method ", "rpc -32601");
    }
}

/// The RPC layer passes on what is none of its business.
#[test]
fn other_frames_of_a_serving_client() {
    let broker = Broker::start();
    let mut sender = Peer::connected(Kind::RustElbus, &broker.unix, "sender");
    for mut peer in all_serving(&broker.unix) {
        let name = name(&peer);
        peer.gives("subscribe news/+", "acked");
        sender.sends("publish news/today published", 1);
        peer.receives(&format!("{name} publication sender news/today published"));
        sender.sends(&format!("broadcast rpc.{} broadcast", peer.kind.label()), 1);
        peer.receives(&format!("{name} broadcast sender - broadcast"));
    }
}

fn calls(address: &str) {
    let mut peers = all_serving(address);
    let big = "x".repeat(100_000);
    for from in 0..peers.len() {
        for to in 0..peers.len() {
            let (caller, callee) = (name(&peers[from]), name(&peers[to]));
            if from != to || peers[from].kind.can_call_itself() {
                calls_with_replies(&mut peers[from], &callee, &big);
            }
            peers[from].gives(&format!("rpc-call0 {callee} echo params"), "acked");
            peers[to].receives(&format!("{callee} call0 {caller} echo params"));
            peers[from].gives(&format!("rpc-notify {callee} notified"), "acked");
            peers[to].receives(&format!("{callee} notification {caller} - notified"));
        }
        // The acknowledgement says that there is no such client, without waiting for a reply.
        fails(
            &mut peers[from],
            "rpc-call nobody echo params",
            "rpc -32113",
        );
        peers[from].refuses("rpc-call0 nobody echo params", "not-registered");
        peers[from].refuses("rpc-notify nobody notified", "not-registered");
    }
}

fn calls_with_replies(caller: &mut Peer, callee: &str, big: &str) {
    for text in ["hello", "", big] {
        caller.gives(&format!("rpc-call {callee} echo {text}"), text);
    }
    caller.gives(&format!("rpc-call {callee} nothing params"), "");
    caller.refuses(&format!("rpc-call {callee} fail why"), "rpc -777 why");
    fails(
        caller,
        &format!("rpc-call {callee} missing params"),
        "rpc -32601",
    );
}

/// The code counts; libraries add texts of their own to errors that are not the callee's.
fn fails(peer: &mut Peer, command: &str, expected: &str) {
    let outcome = peer.ask(command);
    let code = outcome
        .as_ref()
        .err()
        .map(|e| e.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" "));
    assert_eq!(
        code.as_deref(),
        Some(expected),
        "{:?}: {command}: {outcome:?}",
        peer.kind
    );
}

fn all_serving(address: &str) -> Vec<Peer> {
    let serve = |kind: Kind| Peer::serving(kind, address, &format!("rpc.{}", kind.label()));
    Kind::all().into_iter().map(serve).collect()
}

fn name(peer: &Peer) -> String {
    format!("rpc.{}", peer.kind.label())
}
