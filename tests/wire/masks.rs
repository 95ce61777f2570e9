//! Section 7.2: which clients a broadcast mask reaches.

use crate::common::*;

/// The clients of every test: all the names the table speaks of. The sender is one of them.
const SENDER: &str = "x";
const NAMES: [&str; 17] = [
    SENDER,
    "g",
    "g.",
    "g..a",
    "g.a",
    "g.a.b",
    "g.a.c",
    "g.b",
    "g.b.a",
    "g.b.b",
    "h.a",
    "a",
    "G.a",
    "x%%a",
    "g.a%%1",
    "ga",
    "größe.a",
];

/// Broadcasts to each of the masks reach exactly these clients, each once.
fn reaches(masks: &[&str], expected: &[&str]) {
    each_reaches(masks.iter().map(|mask| (*mask, expected)));
}

fn each_reaches<'a>(rows: impl Iterator<Item = (&'a str, &'a [&'a str])> + Clone) {
    on_both(|bus| {
        let mut clients: Vec<Wire> = NAMES.iter().map(|name| bus.client(name)).collect();
        for (mask, expected) in rows.clone() {
            eprintln!("mask {mask:?}");
            for name in expected {
                assert!(NAMES.contains(name), "{name:?} is missing in NAMES");
            }
            let (sender, others) = clients.split_first_mut().expect("the sender");
            sender.send_raw(&broadcast(1, PROCESSED, mask, b"hello"));
            if expected.contains(&SENDER) {
                sender.expect_bytes(&got_broadcast(0, SENDER, b"hello"));
            }
            sender.expect_bytes(&ack(1, OK));
            for other in others {
                if expected.contains(&other.name()) {
                    other.expect_bytes(&got_broadcast(0, SENDER, b"hello"));
                }
                other.expect_nothing_from(sender);
            }
            sender.expect_silence();
        }
    });
}

#[test]
fn star_reaches_everybody() {
    reaches(&["*"], &NAMES);
}

#[test]
fn g_star() {
    let below_g = [
        "g.", "g..a", "g.a", "g.a.b", "g.a.c", "g.b", "g.b.a", "g.b.b", "g.a%%1",
    ];
    reaches(&["g.*"], &below_g);
}

#[test]
fn g_question_mark() {
    reaches(&["g.?"], &["g.a", "g.", "g.b", "g.a%%1"]);
}

#[test]
fn question_mark_a() {
    reaches(&["?.a"], &["g.a", "h.a", "G.a", "größe.a"]);
}

#[test]
fn g_question_mark_b() {
    reaches(&["g.?.b"], &["g.a.b", "g.b.b"]);
}

#[test]
fn question_mark_alone_reaches_names_of_one_part() {
    reaches(&["?"], &["x", "g", "a", "x%%a", "ga"]);
}

#[test]
fn question_mark_matches_an_empty_part() {
    reaches(&["g.?.a"], &["g..a", "g.b.a"]);
}

#[test]
fn question_mark_then_star() {
    let two_parts_and_more = [
        "g.",
        "g..a",
        "g.a",
        "g.a.b",
        "g.a.c",
        "g.b",
        "g.b.a",
        "g.b.b",
        "h.a",
        "G.a",
        "g.a%%1",
        "größe.a",
    ];
    reaches(&["?.*"], &two_parts_and_more);
}

#[test]
fn what_follows_a_star_is_ignored() {
    let below_g = [
        "g.", "g..a", "g.a", "g.a.b", "g.a.c", "g.b", "g.b.a", "g.b.b", "g.a%%1",
    ];
    reaches(
        &["g.*.b", "g.*.nowhere", "g.*.", "g.*.*", "g.*.?"],
        &below_g,
    );
    reaches(&["*.a", "*.nowhere"], &NAMES);
}

#[test]
fn without_wildcards_exactly_the_client_of_that_name() {
    each_reaches(NAMES.iter().map(|name| (*name, std::slice::from_ref(name))));
}

#[test]
fn wildcards_within_a_part_are_literal() {
    reaches(&["g*", "g.a*", "x%%*", "**", "??", "?*", "g.?a", "*a"], &[]);
}

#[test]
fn topic_wildcards_mean_nothing_in_masks() {
    reaches(&["#", "+", "g.#", "g.+", "g/*"], &[]);
}

#[test]
fn the_empty_mask_reaches_nobody() {
    reaches(&["", ".", "..", "a.", ".a", "G"], &[]);
}

/// `.broker` is a client too: it must survive what it does not understand.
#[test]
fn the_broker_survives_broadcasts() {
    on_both(|bus| {
        let mut a = bus.client("a");
        for payload in [b"".as_slice(), b"\x01", b"\x01\x01\0\0\0test\0", b"\xFF"] {
            for mask in [".broker", ".?", ".*"] {
                a.request(&broadcast(1, PROCESSED, mask, payload), 1);
            }
        }
        assert_eq!(a.call_broker("test", b""), b"\x81\xA2ok\xC3");
        a.expect_silence();
    });
}

#[test]
fn very_long_masks_cost_nothing() {
    let long = vec!["?"; 5_000].join(".");
    let starred = format!("{long}.*");
    reaches(&[&long, &starred], &[]);
}
