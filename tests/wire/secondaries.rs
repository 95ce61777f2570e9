//! Section 4, second half: secondary clients, `PRIMARY%%SUFFIX`.

use crate::common::client_list::ask_client_uint;
use crate::common::*;

#[test]
fn a_secondary_needs_its_primary() {
    on_both(|bus| {
        assert_eq!(bus.connect().try_register(b"p%%a"), Some(NOT_REGISTERED));
        let _primary = bus.client("p");
        bus.client("p%%a").expect_silence();
        // A secondary does not stand in for a primary of its name's beginning.
        assert_eq!(bus.connect().try_register(b"p.q%%a"), Some(NOT_REGISTERED));
        assert_eq!(bus.connect().try_register(b"%%a"), Some(NOT_REGISTERED));
        assert_eq!(bus.connect().try_register(b"%%"), Some(NOT_REGISTERED));
    });
}

#[test]
fn the_full_name_must_be_unique() {
    on_both(|bus| {
        let _primary = bus.client("p");
        let mut secondary = bus.client("p%%a");
        for transport in [bus.transport, bus.transport.other()] {
            let mut twin = bus.broker.connect(transport);
            assert_eq!(twin.try_register(b"p%%a"), Some(BUSY));
            twin.expect_closed();
        }
        secondary.expect_silence();
    });
}

#[test]
fn the_primary_is_the_text_before_the_first_separator() {
    on_both(|bus| {
        let mut primary = bus.client("p");
        // `p%%a` is not registered.
        for name in ["p%%a%%b", "p%%", "p%%%", "p%%%%", "p%%.x"] {
            bus.client(name).expect_silence();
        }
        // A single per cent sign separates nothing.
        let mut single = bus.client("p%a");
        primary.request(&message(1, PROCESSED, "p%a", b"x"), 1);
        single.expect_bytes(&got_message(0, "p", b"x"));
    });
}

#[test]
fn primary_and_secondary_may_use_different_transports() {
    on_both(|bus| {
        let mut primary = bus.client("p");
        let mut secondary = bus.broker.client(bus.transport.other(), "p%%a");
        primary.request(&message(1, PROCESSED, "p%%a", b"x"), 1);
        secondary.expect_bytes(&got_message(0, "p", b"x"));
    });
}

#[test]
fn messages_tell_primary_and_secondary_apart() {
    on_both(|bus| {
        let mut peer = bus.client("peer");
        let mut primary = bus.client("p");
        let mut secondary = bus.client("p%%a");
        peer.request(&message(1, PROCESSED, "p", b"to p"), 1);
        primary.expect_bytes(&got_message(0, "peer", b"to p"));
        secondary.expect_nothing_from(&mut peer);
        peer.request(&message(2, PROCESSED, "p%%a", b"to a"), 2);
        secondary.expect_bytes(&got_message(0, "peer", b"to a"));
        primary.expect_nothing_from(&mut peer);
        assert_eq!(
            peer.request_code(&message(3, PROCESSED, "p%%b", b"")),
            NOT_REGISTERED
        );
    });
}

#[test]
fn the_sender_field_is_the_full_name() {
    on_both(|bus| {
        let mut peer = bus.client("peer");
        let _primary = bus.client("p");
        let mut secondary = bus.client("p%%a");
        peer.request(&subscribe(1, PROCESSED, &["t"]), 1);
        secondary.request(&message(1, PROCESSED, "peer", b"m"), 1);
        secondary.request(&publish(2, PROCESSED, "t", b"p"), 2);
        secondary.request(&broadcast(3, PROCESSED, "peer", b"b"), 3);
        peer.expect_bytes(b"\x12\x06\0\0\0\x00p%%a\0m");
        peer.expect_bytes(b"\x01\x08\0\0\0\x00p%%a\0t\0p");
        peer.expect_bytes(b"\x13\x06\0\0\0\x00p%%a\0b");
    });
}

#[test]
fn subscriptions_are_the_secondarys_own() {
    on_both(|bus| {
        let mut peer = bus.client("peer");
        let mut primary = bus.client("p");
        let mut secondary = bus.client("p%%a");
        secondary.request(&subscribe(1, PROCESSED, &["t"]), 1);
        primary.request(&subscribe(1, PROCESSED, &["u"]), 1);
        peer.request(&publish(1, PROCESSED, "t", b"x"), 1);
        secondary.expect_bytes(&got_publication(0, "peer", "t", b"x"));
        primary.expect_nothing_from(&mut peer);
        peer.request(&publish(2, PROCESSED, "u", b"y"), 2);
        primary.expect_bytes(&got_publication(0, "peer", "u", b"y"));
        secondary.expect_nothing_from(&mut peer);
        // Nor does the primary's unsubscribe touch it.
        primary.request(&unsubscribe(2, PROCESSED, &["t"]), 2);
        peer.request(&publish(3, PROCESSED, "t", b"z"), 3);
        secondary.expect_bytes(&got_publication(0, "peer", "t", b"z"));
    });
}

#[test]
fn broadcast_masks_see_the_full_name() {
    on_both(|bus| {
        let mut peer = bus.client("peer");
        let mut primary = bus.client("g.p");
        let mut secondary = bus.client("g.p%%a");
        for mask in ["g.p", "?.p"] {
            peer.request(&broadcast(1, PROCESSED, mask, b"x"), 1);
            primary.expect_bytes(&got_broadcast(0, "peer", b"x"));
            secondary.expect_nothing_from(&mut peer);
        }
        for mask in ["g.p%%a", "?.p%%a"] {
            peer.request(&broadcast(2, PROCESSED, mask, b"y"), 2);
            secondary.expect_bytes(&got_broadcast(0, "peer", b"y"));
            primary.expect_nothing_from(&mut peer);
        }
        // `p%%a` is one part.
        for mask in ["g.*", "g.?"] {
            peer.request(&broadcast(3, PROCESSED, mask, b"z"), 3);
            primary.expect_bytes(&got_broadcast(0, "peer", b"z"));
            secondary.expect_bytes(&got_broadcast(0, "peer", b"z"));
        }
        for mask in ["g.p%%*", "g.p%%?", "g.*%%a"] {
            peer.request(&broadcast(4, PROCESSED, mask, b"n"), 4);
        }
        primary.expect_nothing_from(&mut peer);
        secondary.expect_nothing_from(&mut peer);
    });
}

#[test]
fn secondaries_go_with_their_primary() {
    on_both(|bus| {
        let mut peer = bus.client("peer");
        let primary = bus.client("p");
        let mut same = bus.client("p%%a");
        let mut other = bus.broker.client(bus.transport.other(), "p%%b%%c");
        let mut alien = bus.client("p.q");
        drop(primary);
        same.expect_closed();
        other.expect_closed();
        alien.expect_silence();
        let _primary = bus.broker.client_when_free(bus.transport, "p");
        for name in ["p%%a", "p%%b%%c"] {
            assert_eq!(
                peer.request_code(&message(1, PROCESSED, name, b"")),
                NOT_REGISTERED
            );
            bus.broker
                .client_when_free(bus.transport, name)
                .expect_silence();
        }
    });
}

#[test]
fn the_end_of_a_secondary_leaves_the_others() {
    on_both(|bus| {
        let mut primary = bus.client("p");
        let mut stays = bus.client("p%%stays");
        drop(bus.client("p%%goes"));
        bus.broker
            .client_when_free(bus.transport, "p%%goes")
            .expect_silence();
        primary.expect_silence();
        stays.expect_silence();
    });
}

/// What the primary sent before it went is still delivered to its secondary.
#[test]
fn last_words_to_a_secondary_arrive() {
    on_both(|bus| {
        let mut primary = bus.client("p");
        let mut secondary = bus.client("p%%a");
        primary.request(&message(1, PROCESSED, "p%%a", b"bye"), 1);
        drop(primary);
        secondary.expect_bytes(&got_message(0, "p", b"bye"));
        secondary.expect_closed();
    });
}

#[test]
fn client_list_counts_instances_and_hides_secondaries() {
    on_both(|bus| {
        let mut peer = bus.client("peer");
        let _primary = bus.client("p");
        assert_eq!(ask_client_uint(&mut peer, "p", "instances"), Some(1));
        let _first = bus.client("p%%a");
        let second = bus.client("p%%b");
        assert_eq!(ask_client_uint(&mut peer, "p", "instances"), Some(3));
        assert_eq!(ask_client_uint(&mut peer, "p%%a", "instances"), None);
        drop(second);
        eventually("the end of p%%b shows", || {
            (ask_client_uint(&mut peer, "p", "instances") == Some(2)).then_some(())
        });
    });
}
