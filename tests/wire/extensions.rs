//! Appendix A.1: the operations of the successor bus, `04` exclude, `05` unexclude and
//! `06` publish for.

use crate::common::*;

fn published(publisher: &mut Wire, subscriber: &mut Wire, topics: &[&str], expected: &[&str]) {
    for topic in topics {
        publisher.request(&publish(1, PROCESSED, topic, b"x"), 1);
    }
    for topic in expected {
        subscriber.expect_bytes(&got_publication(0, publisher.name(), topic, b"x"));
    }
    subscriber.expect_nothing_from(publisher);
}

#[test]
fn op_04_excludes_and_op_05_undoes_it() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        let topics = ["a/x", "a/y", "b"];
        subscriber.request(&subscribe(1, PROCESSED, &["#"]), 1);
        subscriber.send_raw(b"\x02\0\0\0\x44\x03\0\0\0a/x");
        subscriber.expect_bytes(b"\xFE\x02\0\0\0\x01");
        published(&mut publisher, &mut subscriber, &topics, &["a/y", "b"]);
        subscriber.request(&exclude(3, PROCESSED, &["+", "a/y"]), 3);
        published(&mut publisher, &mut subscriber, &topics, &[]);
        subscriber.send_raw(b"\x04\0\0\0\x45\x03\0\0\0a/x");
        subscriber.expect_bytes(b"\xFE\x04\0\0\0\x01");
        published(&mut publisher, &mut subscriber, &topics, &["a/x"]);
        subscriber.request(&unexclude(5, PROCESSED, &["+", "a/y"]), 5);
        published(&mut publisher, &mut subscriber, &topics, &topics);
    });
}

#[test]
fn exclusions_come_before_any_subscription_that_matches() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        // Also when the exclusion was there first, and the subscription is exact.
        subscriber.request(&exclude(1, PROCESSED, &["a/#"]), 1);
        subscriber.request(&subscribe(2, PROCESSED, &["a/x", "a/+", "#"]), 2);
        published(
            &mut publisher,
            &mut subscriber,
            &["a/x", "a", "b"],
            &["a", "b"],
        );
        // Subscribing again does not lift it; neither does unsubscribing.
        subscriber.request(&subscribe(3, PROCESSED, &["a/#"]), 3);
        subscriber.request(&unsubscribe(4, PROCESSED, &["a/#"]), 4);
        published(&mut publisher, &mut subscriber, &["a/x", "b"], &["b"]);
    });
}

#[test]
fn exclusions_concern_their_owner_only() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        let mut other = bus.client("other");
        for wire in [&mut subscriber, &mut other] {
            wire.request(&subscribe(1, PROCESSED, &["t"]), 1);
        }
        other.request(&exclude(2, PROCESSED, &["t"]), 2);
        published(&mut publisher, &mut subscriber, &["t"], &["t"]);
        other.expect_nothing_from(&mut publisher);
        // Messages and broadcasts are no publications.
        publisher.request(&message(3, PROCESSED, "other", b"m"), 3);
        publisher.request(&broadcast(4, PROCESSED, "other", b"b"), 4);
        other.expect_bytes(&got_message(0, "pub", b"m"));
        other.expect_bytes(&got_broadcast(0, "pub", b"b"));
    });
}

#[test]
fn exclusions_end_with_the_connection() {
    on_both(|bus| {
        let mut publisher = bus.client("pub");
        let mut subscriber = bus.client("sub");
        subscriber.request(&exclude(1, PROCESSED, &["#"]), 1);
        drop(subscriber);
        let mut subscriber = bus.broker.client_when_free(bus.transport, "sub");
        subscriber.request(&subscribe(1, PROCESSED, &["t"]), 1);
        published(&mut publisher, &mut subscriber, &["t"], &["t"]);
    });
}

#[test]
fn bodies_of_04_and_05_are_split_like_those_of_subscribe() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        let topics = ["a", "b", ""];
        subscriber.request(&subscribe(1, PROCESSED, &["#"]), 1);
        subscriber.request(&frame(2, EXCLUDE | PROCESSED, b"a\0"), 2);
        published(&mut publisher, &mut subscriber, &topics, &["b"]);
        subscriber.request(&frame(3, UNEXCLUDE | PROCESSED, b""), 3);
        published(&mut publisher, &mut subscriber, &topics, &["b", ""]);
        subscriber.request(&frame(4, UNEXCLUDE | PROCESSED, b"never\0a"), 4);
        published(&mut publisher, &mut subscriber, &topics, &topics);
    });
}

#[test]
fn ops_04_and_05_are_acked_with_qos_bit_0() {
    on_both(|bus| {
        let mut a = bus.client("a");
        for qos in EVERY_QOS {
            for bytes in [exclude(7, qos, &["t", "u"]), unexclude(7, qos, &["t", "u"])] {
                a.send_raw(&bytes);
                if qos & PROCESSED != 0 {
                    a.expect_bytes(&ack(7, OK));
                }
                a.expect_silence();
            }
        }
    });
}

#[test]
fn op_06_reaches_only_subscribers_of_that_primary_name() {
    on_both(|bus| {
        let mut publisher = bus.client("pub");
        let mut chosen = bus.client("chosen");
        let mut secondary = bus.client("chosen%%1");
        let mut other = bus.client("other");
        for wire in [&mut chosen, &mut secondary, &mut other] {
            wire.request(&subscribe(1, PROCESSED, &["t/+"]), 1);
        }
        let mut unsubscribed = bus.client("chosen%%2");
        publisher.send_raw(b"\x09\0\0\0\x46\x0D\0\0\0t/x\0chosen\0hi");
        publisher.expect_bytes(b"\xFE\x09\0\0\0\x01");
        for wire in [&mut chosen, &mut secondary] {
            wire.expect_bytes(b"\x01\x0A\0\0\0\0pub\0t/x\0hi");
            wire.expect_nothing_from(&mut publisher);
        }
        other.expect_nothing_from(&mut publisher);
        unsubscribed.expect_nothing_from(&mut publisher);
    });
}

#[test]
fn op_06_payloads_flags_and_acks() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.request(&subscribe(1, PROCESSED, &["t"]), 1);
        for qos in EVERY_QOS {
            for payload in [b"".as_slice(), b"\0", b"x\0y"] {
                a.send_raw(&publish_for(2, qos, "t", "a", payload));
                a.expect_bytes(&got_publication(realtime_flag(qos), "a", "t", payload));
                if qos & PROCESSED != 0 {
                    a.expect_bytes(&ack(2, OK));
                }
            }
        }
        a.expect_silence();
    });
}

#[test]
fn op_06_for_nobody_is_01() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.request(&subscribe(1, PROCESSED, &["t"]), 1);
        // Neither a name nobody has, nor a mask, nor a secondary's full name.
        for receiver in ["nobody", "", "*", "?", "a%%1", "A"] {
            a.request(&publish_for(2, PROCESSED, "t", receiver, b"x"), 2);
        }
        a.expect_silence();
    });
}

#[test]
fn op_06_respects_exclusions() {
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        subscriber.request(&subscribe(1, PROCESSED, &["#"]), 1);
        subscriber.request(&exclude(2, PROCESSED, &["t"]), 2);
        publisher.request(&publish_for(1, PROCESSED, "t", "sub", b"x"), 1);
        subscriber.expect_nothing_from(&mut publisher);
        publisher.request(&publish_for(2, PROCESSED, "u", "sub", b"x"), 2);
        subscriber.expect_bytes(&got_publication(0, "pub", "u", b"x"));
    });
}

/// Malformed bodies end the connection, as in section 3.4.
#[test]
fn malformed_04_05_06() {
    let frames = [
        frame(5, EXCLUDE | PROCESSED, b"\xFF"),
        frame(5, UNEXCLUDE | PROCESSED, b"good\0\xFF"),
        frame(5, PUBLISH_FOR | PROCESSED, b""),
        frame(5, PUBLISH_FOR | PROCESSED, b"topic"),
        frame(5, PUBLISH_FOR | PROCESSED, b"topic\0receiver"),
        frame(5, PUBLISH_FOR | PROCESSED, b"\xFF\0witness\0x"),
        frame(5, PUBLISH_FOR | PROCESSED, b"topic\0\xFF\0x"),
    ];
    on_both(|bus| {
        let mut witness = bus.client("witness");
        for bytes in &frames {
            eprintln!("sending {}", show(bytes));
            let mut offender = bus.broker.client_when_free(bus.transport, "offender");
            offender.send_raw(bytes);
            offender.expect_refused(5);
            witness.expect_silence();
        }
    });
}

/// Ours: the limit of levels is that of subscribe.
#[test]
fn exclusions_of_more_than_128_levels_are_72() {
    let too_deep = vec!["l"; 129].join("/");
    on_both(|bus| {
        let (mut publisher, mut subscriber) = (bus.client("pub"), bus.client("sub"));
        subscriber.request(&subscribe(1, PROCESSED, &["t"]), 1);
        let bytes = exclude(2, PROCESSED, &["t", &too_deep]);
        assert_eq!(subscriber.request_code(&bytes), DATA);
        published(&mut publisher, &mut subscriber, &["t"], &["t"]);
    });
}
