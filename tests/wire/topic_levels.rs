//! Sections 3.1 and 12: how subscribe bodies are split into filters, repeated subscriptions, and
//! the limit of topic levels.

use crate::common::*;

/// Levels of a topic that work (ours; the reference knows no limit and overflows its stack).
const MAX_LEVELS: usize = 128;

/// Publishes to each of the topics; the subscriber must receive exactly the expected ones.
fn publish_each(publisher: &mut Wire, subscriber: &mut Wire, topics: &[&str], expected: &[&str]) {
    for topic in topics {
        publisher.request(&publish(1, PROCESSED, topic, b"x"), 1);
    }
    for topic in expected {
        subscriber.expect_bytes(&got_publication(0, publisher.name(), topic, b"x"));
    }
    subscriber.expect_nothing_from(publisher);
}

#[test]
fn bodies_are_split_at_every_nul() {
    let topics = ["a", "b", "c", ""];
    let cases: [(&[u8], &[&str]); 7] = [
        (b"a\0b", &["a", "b"]),
        (b"", &[""]),
        (b"a\0", &["a", ""]),
        (b"\0a", &["a", ""]),
        (b"a\0\0c", &["a", "c", ""]),
        (b"\0", &[""]),
        (b"a\0a\0a", &["a"]),
    ];
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        for (body, expected) in cases {
            subscriber.request(&frame(1, SUBSCRIBE | PROCESSED, body), 1);
            publish_each(&mut publisher, &mut subscriber, &topics, expected);
            subscriber.request(&frame(2, UNSUBSCRIBE | PROCESSED, body), 2);
            publish_each(&mut publisher, &mut subscriber, &topics, &[]);
        }
    });
}

#[test]
fn an_empty_body_unsubscribes_from_the_empty_filter_only() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        subscriber.request(&subscribe(1, PROCESSED, &["a", ""]), 1);
        subscriber.request(&frame(2, UNSUBSCRIBE | PROCESSED, b""), 2);
        publish_each(&mut publisher, &mut subscriber, &["a", ""], &["a"]);
    });
}

#[test]
fn subscribing_twice_has_no_further_effect_and_one_unsubscribe_ends_it() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        for filter in ["t", "t", "t", "+", "+"] {
            subscriber.request(&subscribe(1, PROCESSED, &[filter]), 1);
        }
        publish_each(&mut publisher, &mut subscriber, &["t"], &["t"]);
        subscriber.request(&unsubscribe(2, PROCESSED, &["t"]), 2);
        publish_each(&mut publisher, &mut subscriber, &["t"], &["t"]);
        subscriber.request(&unsubscribe(3, PROCESSED, &["+"]), 3);
        publish_each(&mut publisher, &mut subscriber, &["t"], &[]);
    });
}

#[test]
fn unsubscribing_from_something_not_subscribed_succeeds() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        subscriber.request(&unsubscribe(1, PROCESSED, &["t", "a/#", "+", ""]), 1);
        subscriber.request(&subscribe(2, PROCESSED, &["t/u"]), 2);
        subscriber.request(
            &unsubscribe(3, PROCESSED, &["t", "t/u/v", "t/+", "#", "+/u"]),
            3,
        );
        publish_each(&mut publisher, &mut subscriber, &["t/u", "t"], &["t/u"]);
    });
}

#[test]
fn one_client_leaves_a_filter_to_the_others() {
    on_both(|bus| {
        let (mut publisher, mut stays) = (bus.client("pub"), bus.client("stays"));
        let mut goes = bus.client("goes");
        stays.request(&subscribe(1, PROCESSED, &["t/+", "u"]), 1);
        goes.request(&subscribe(1, PROCESSED, &["t/+", "u"]), 1);
        goes.request(&unsubscribe(2, PROCESSED, &["t/+"]), 2);
        publish_each(&mut publisher, &mut goes, &["t/x"], &[]);
        drop(goes);
        drop(bus.broker.client_when_free(bus.transport, "goes"));
        stays.expect_bytes(&got_publication(0, "pub", "t/x", b"x"));
        publish_each(&mut publisher, &mut stays, &["t/x", "u"], &["t/x", "u"]);
    });
}

#[test]
fn many_filters_in_one_frame() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        let filters: Vec<String> = (0..500).map(|i| format!("many/{i}")).collect();
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        subscriber.request(&subscribe(1, PROCESSED, &filters), 1);
        let topics = ["many/0", "many/499", "many/500", "many"];
        publish_each(
            &mut publisher,
            &mut subscriber,
            &topics,
            &["many/0", "many/499"],
        );
        subscriber.request(&unsubscribe(2, PROCESSED, &filters), 2);
        publish_each(&mut publisher, &mut subscriber, &topics, &[]);
    });
}

fn deep(levels: usize) -> String {
    vec!["l"; levels].join("/")
}

#[test]
fn topics_of_128_levels_work() {
    let topic = deep(MAX_LEVELS);
    let plus = vec!["+"; MAX_LEVELS].join("/");
    let hash = format!("{}/#", deep(MAX_LEVELS - 1));
    for filter in [topic.as_str(), &plus, &hash, "#"] {
        on_both(|bus| {
            let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
            subscriber.request(&subscribe(1, PROCESSED, &[filter]), 1);
            publish_each(&mut publisher, &mut subscriber, &[&topic], &[&topic]);
        });
    }
}

/// Ours: `72` if asked, nothing of the frame takes effect, and the connection stays.
#[test]
fn filters_of_more_than_128_levels_are_72_and_void_their_frame() {
    for levels in [MAX_LEVELS + 1, 1_000, 3_000] {
        let too_deep = deep(levels);
        on_both(|bus| {
            let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
            let filters = ["before", too_deep.as_str(), "after"];
            assert_eq!(
                subscriber.request_code(&subscribe(1, PROCESSED, &filters)),
                DATA
            );
            publish_each(&mut publisher, &mut subscriber, &["before", "after"], &[]);
            // Without an ack, just as silently.
            subscriber.send_raw(&subscribe(2, NO, &filters));
            subscriber.expect_silence();
            publish_each(&mut publisher, &mut subscriber, &["before", "after"], &[]);
            // The connection is good for more.
            subscriber.request(&subscribe(3, PROCESSED, &["after"]), 3);
            publish_each(&mut publisher, &mut subscriber, &["after"], &["after"]);
        });
    }
}
