//! Section 7.1: which publications reach which topic filters.

use crate::common::*;

/// Every topic that the tables below speak of, and then some.
const TOPICS: [&str; 34] = [
    "",
    "/",
    "//",
    "a",
    "b",
    "A",
    "+",
    "#",
    "*",
    "?",
    "a+",
    "a#",
    "/a",
    "a/",
    "a//",
    "a/b",
    "a/B",
    "a/+",
    "a/#",
    "b/a",
    "a//b",
    "a/b/",
    "a/+/b",
    "a/x/b",
    "a/b/c",
    "a/b/c/d",
    "/a/b",
    "a/*",
    "$x",
    "$x/y",
    "$SYS/a",
    ".broker/x",
    "größe/ä",
    "a b/c d",
];

/// A subscriber with only this filter receives the publications to exactly these topics, each
/// once, in the order they were sent.
fn reaches(filter: &str, expected: &[&str]) {
    for topic in expected {
        assert!(TOPICS.contains(topic), "{topic:?} is missing in TOPICS");
    }
    // The topics of the broker are topics like any other, where clients may publish to them.
    on_both_with(&["--open-broker-topics"], |bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        subscriber.request(&subscribe(1, PROCESSED, &[filter]), 1);
        for topic in TOPICS {
            publisher.request(&publish(1, PROCESSED, topic, b"x"), 1);
        }
        for topic in TOPICS.iter().filter(|topic| expected.contains(topic)) {
            subscriber.expect_bytes(&got_publication(0, "pub", topic, b"x"));
        }
        subscriber.expect_nothing_from(&mut publisher);
        // And nothing at all once unsubscribed.
        subscriber.request(&unsubscribe(2, PROCESSED, &[filter]), 2);
        for topic in TOPICS {
            publisher.request(&publish(2, PROCESSED, topic, b"x"), 2);
        }
        subscriber.expect_nothing_from(&mut publisher);
    });
}

#[test]
fn literal_filters_match_their_topic_only() {
    reaches("a", &["a"]);
    reaches("a/b", &["a/b"]);
    reaches("a/b/c", &["a/b/c"]);
    reaches("größe/ä", &["größe/ä"]);
    reaches("a b/c d", &["a b/c d"]);
}

#[test]
fn hash_after_a_level_does_not_match_the_parent() {
    reaches(
        "a/#",
        &[
            "a/", "a//", "a/b", "a/B", "a/+", "a/#", "a//b", "a/b/", "a/+/b", "a/x/b", "a/b/c",
            "a/b/c/d", "a/*",
        ],
    );
    reaches("a/b/#", &["a/b/", "a/b/c", "a/b/c/d"]);
}

#[test]
fn hash_alone_matches_everything() {
    reaches("#", &TOPICS);
}

#[test]
fn plus_matches_one_level_also_an_empty_one() {
    reaches(
        "+",
        &["", "a", "b", "A", "+", "#", "*", "?", "a+", "a#", "$x"],
    );
    reaches("a/+", &["a/", "a/b", "a/B", "a/+", "a/#", "a/*"]);
    reaches("a/+/b", &["a//b", "a/+/b", "a/x/b"]);
    reaches("+/a", &["/a", "b/a", "$SYS/a"]);
}

#[test]
fn plus_plus_matches_two_levels() {
    reaches(
        "+/+",
        &[
            "/",
            "/a",
            "a/",
            "a/b",
            "a/B",
            "a/+",
            "a/#",
            "b/a",
            "a/*",
            "$x/y",
            "$SYS/a",
            ".broker/x",
            "größe/ä",
            "a b/c d",
        ],
    );
}

#[test]
fn plus_hash_needs_two_levels() {
    let one_level = ["", "a", "b", "A", "+", "#", "*", "?", "a+", "a#", "$x"];
    let more: Vec<&str> = TOPICS
        .into_iter()
        .filter(|topic| !one_level.contains(topic))
        .collect();
    reaches("+/#", &more);
}

#[test]
fn plus_in_the_middle_with_hash() {
    reaches(
        "a/+/#",
        &["a//", "a//b", "a/b/", "a/+/b", "a/x/b", "a/b/c", "a/b/c/d"],
    );
}

#[test]
fn plus_and_hash_within_a_level_are_literal() {
    reaches("a+", &["a+"]);
    reaches("a#", &["a#"]);
    reaches("a/b+", &[]);
    reaches("++", &[]);
    reaches("##", &[]);
}

#[test]
fn star_question_mark_and_dollar_are_literal() {
    reaches("*", &["*"]);
    reaches("a/*", &["a/*"]);
    reaches("?", &["?"]);
    reaches("$x", &["$x"]);
    reaches("$x/#", &["$x/y"]);
    reaches("$share/g/a", &[]);
}

#[test]
fn empty_levels_are_levels() {
    reaches("", &[""]);
    reaches("/", &["/"]);
    reaches("//", &["//"]);
    reaches("/a", &["/a"]);
    reaches("a/", &["a/"]);
    reaches("a//b", &["a//b"]);
    reaches("/#", &["/", "//", "/a", "/a/b"]);
    reaches("/+", &["/", "/a"]);
    reaches("+/", &["/", "a/"]);
}

#[test]
fn case_matters() {
    reaches("A", &["A"]);
    reaches("a/B", &["a/B"]);
}

/// Published wildcards are letters: `a/+` and `a/#` above are reached by wildcards, but a
/// subscriber to `a/b` never sees them.
#[test]
fn wildcards_in_a_published_topic_are_literal() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        subscriber.request(&subscribe(1, PROCESSED, &["a/b", "a", "b/c/d", ""]), 1);
        for topic in ["a/+", "a/#", "#", "+", "+/b", "b/#", "*"] {
            publisher.request(&publish(1, PROCESSED, topic, b"x"), 1);
        }
        subscriber.expect_nothing_from(&mut publisher);
    });
}

#[test]
fn overlapping_filters_deliver_once() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        let filters = ["a/b", "a/+", "a/#", "#", "+/b", "+/+", "+/#"];
        subscriber.request(&subscribe(1, PROCESSED, &filters), 1);
        for left in (0..filters.len()).rev() {
            publisher.request(&publish(1, PROCESSED, "a/b", b"x"), 1);
            subscriber.expect_bytes(&got_publication(0, "pub", "a/b", b"x"));
            subscriber.expect_nothing_from(&mut publisher);
            subscriber.request(&unsubscribe(2, PROCESSED, &[filters[left]]), 2);
        }
        publisher.request(&publish(1, PROCESSED, "a/b", b"x"), 1);
        subscriber.expect_nothing_from(&mut publisher);
    });
}

#[test]
fn every_subscriber_gets_its_copy() {
    on_both(|bus| {
        let mut publisher = bus.client("pub");
        let filters = ["a/b", "a/+", "#", "a/c", "+"];
        let mut subscribers: Vec<Wire> = (0..filters.len())
            .map(|i| bus.client(&format!("sub{i}")))
            .collect();
        for (subscriber, filter) in subscribers.iter_mut().zip(filters) {
            subscriber.request(&subscribe(1, PROCESSED, &[filter]), 1);
        }
        publisher.request(&publish(1, PROCESSED, "a/b", b"x"), 1);
        for (i, subscriber) in subscribers.iter_mut().enumerate() {
            if i < 3 {
                subscriber.expect_bytes(&got_publication(0, "pub", "a/b", b"x"));
            }
            subscriber.expect_nothing_from(&mut publisher);
        }
    });
}

/// Not portable, but decided: what follows a `#` is ignored.
#[test]
fn levels_after_hash_are_ignored() {
    let below_a = [
        "a/", "a//", "a/b", "a/B", "a/+", "a/#", "a//b", "a/b/", "a/+/b", "a/x/b", "a/b/c",
        "a/b/c/d", "a/*",
    ];
    reaches("a/#/x", &below_a);
    reaches("a/#/", &below_a);
    reaches("#/a", &TOPICS);
}

#[test]
fn masks_and_messages_are_not_topics() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        b.request(&subscribe(1, PROCESSED, &["#"]), 1);
        a.request(&broadcast(1, PROCESSED, "nobody", b"x"), 1);
        assert_eq!(
            a.request_code(&message(2, PROCESSED, "t", b"x")),
            NOT_REGISTERED
        );
        a.request(&publish(3, PROCESSED, "b", b"x"), 3);
        b.expect_bytes(&got_publication(0, "a", "b", b"x"));
        b.expect_nothing_from(&mut a);
    });
}
