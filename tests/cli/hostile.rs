//! What clients have made up does not act on the terminal of those who look at it (H13). Brokers before
//! this one accept any name, so the list of clients comes from a scripted one; frames of clients are in
//! `listen.rs` and `monitor.rs`.

use crate::common::fake::{Fake, Peer};
use crate::common::{Broker, MESSAGE, PROCESSED, Transport, ack, got_message, subscribe};
use crate::program::{Running, command, elbus};
use crate::terminal::Terminal;
use elbus::common::{BrokerStats, ClientInfo, ClientList};

/// Retitles, clears, forges a line, and turns the direction of what follows.
const HOSTILE: &str = "\x1b]0;owned\x07\x1b[2J\r\nFORGED\u{9b}31m\u{202e}\u{2028}end";

/// Commands with short output, and with output for programs.
const LISTS: [&[&str]; 6] = [
    &["broker", "client.list"],
    &["broker", "client.list", "-s"],
    &["broker", "client.list", "--json"],
    &["top", "--interval", "0.05", "--count", "2"],
    &["top", "--interval", "0.05", "--count", "2", "-s"],
    &["top", "--interval", "0.05", "--count", "2", "--json"],
];

/// Answers calls of the broker's methods, until the client goes.
fn answer(mut peer: Peer) {
    while let Some((op_id, flags, body)) = peer.frame() {
        let Some(call) = body.strip_prefix(b".broker\0\x01") else {
            continue;
        };
        assert_eq!(flags & 0x3F, MESSAGE);
        let (id, call) = call.split_at(4);
        let reply = match call.starts_with(b"client.list\0") {
            true => hostile_list(),
            false => rmp_serde::to_vec_named(&BrokerStats::default()).expect("a reply"),
        };
        let reply = [b"\x11", id, &reply].concat();
        let mut bytes = got_message(0, ".broker", &reply);
        if flags & PROCESSED != 0 {
            bytes.extend(ack(op_id, 1));
        }
        if !peer.try_say(&bytes) {
            return;
        }
    }
}

fn hostile_list() -> Vec<u8> {
    let client = ClientInfo {
        name: HOSTILE,
        kind: HOSTILE,
        source: Some(HOSTILE),
        port: Some(HOSTILE),
        ..ClientInfo::default()
    };
    let list = ClientList {
        clients: vec![client],
    };
    rmp_serde::to_vec_named(&list).expect("a reply")
}

/// Nothing but text and line ends, and no line that the client has made up.
fn assert_harmless(shown: &str) {
    assert!(
        shown.contains("owned"),
        "the client is not shown: {shown:?}"
    );
    let acts = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2028}".contains(c);
    assert!(!shown.contains(acts), "{shown:?}");
    assert!(
        !shown.lines().any(|line| line.starts_with("FORGED")),
        "{shown:?}"
    );
}

#[test]
fn h13_hostile_names_do_not_reach_the_terminal() {
    for args in LISTS {
        let fake = Fake::new();
        let serving = fake.next(|peer| answer(peer.greet(3)));
        let path = fake.path();
        let args = [args, &["-n", "c"]].concat();
        let program = &mut command(path.to_str().expect("a plain path"), &args);
        // Silent output separates its columns by tabs.
        let shown = Running::start(program)
            .finish()
            .success()
            .replace('\t', " ");
        assert_harmless(&shown);
        serving.join().expect("the scripted broker");
    }
}

/// On a terminal the program itself sends escape sequences; none of them is the client's.
#[test]
fn h13_hostile_names_do_not_reach_the_screen_of_top() {
    let fake = Fake::new();
    let serving = fake.next(|peer| answer(peer.greet(3)));
    let path = fake.path();
    let args = ["top", "--interval", "0.05", "--count", "3", "-n", "c"];
    let program = &mut command(path.to_str().expect("a plain path"), &args);
    let (status, shown) = Terminal::start(program, 200, 20).finish();
    assert_eq!(status, Some(0), "{shown:?}");
    assert!(shown.contains("owned"), "{shown:?}");
    for part in [
        "\x1b]0;", "\x07", "\u{9b}", "\u{202e}", "\u{2028}", "\nFORGED",
    ] {
        assert!(!shown.contains(part), "{part:?} in {shown:?}");
    }
    serving.join().expect("the scripted broker");
}

/// Topic filters may have any character, in the real broker, too.
#[test]
fn h13_hostile_filters_do_not_reach_the_terminal() {
    let broker = Broker::start(&[]);
    let mut client = broker.client(Transport::Unix, "client");
    client.request(&subscribe(1, PROCESSED, &[HOSTILE]), 1);
    for args in [
        &["broker", "topic.list"][..],
        &["broker", "topic.list", "-s"],
        &["broker", "topic.list", "--json"],
    ] {
        assert_harmless(&elbus(&broker, args).success().replace('\t', " "));
    }
}
