//! Section 4, first half: what is a name, and what is special about it.

use crate::common::client_list::ask_client_uint;
use crate::common::*;

#[test]
fn names_are_case_sensitive() {
    on_both(|bus| {
        let (mut lower, mut upper) = (bus.client("name"), bus.client("NAME"));
        lower.request(&message(1, PROCESSED, "NAME", b"x"), 1);
        upper.expect_bytes(&got_message(0, "name", b"x"));
        assert_eq!(
            lower.request_code(&message(2, PROCESSED, "Name", b"x")),
            NOT_REGISTERED
        );
        lower.expect_silence();
    });
}

/// Byte for byte: composed and decomposed letters are different names.
#[test]
fn names_are_compared_byte_for_byte() {
    on_both(|bus| {
        let (mut composed, mut decomposed) = (bus.client("\u{e9}"), bus.client("e\u{301}"));
        composed.request(&message(1, PROCESSED, "e\u{301}", b"x"), 1);
        decomposed.expect_bytes(&got_message(0, "\u{e9}", b"x"));
        composed.expect_silence();
    });
}

#[test]
fn names_may_contain_anything_printable() {
    let names = [
        "a",
        "a.b.c",
        "a..b",
        "a.",
        "with space",
        "a/b",
        "+",
        "#",
        "a%b",
        "%",
        "größe",
        "名前",
        "🦀",
        "a@b:1",
        "-",
        "\"'\\",
        "x.y%z",
    ];
    on_both(|bus| {
        let mut peer = bus.client("peer");
        for name in names {
            let mut named = bus.client(name);
            named.expect_silence();
            peer.request(&message(1, PROCESSED, name, b"to"), 1);
            named.expect_bytes(&got_message(0, "peer", b"to"));
            named.request(&message(1, PROCESSED, "peer", b"from"), 1);
            peer.expect_bytes(&got_message(0, name, b"from"));
        }
    });
}

#[test]
fn the_broker_is_a_client_of_its_own() {
    on_both(|bus| {
        let mut a = bus.client("a");
        assert_eq!(a.call_broker("test", b""), b"\x81\xA2ok\xC3");
        assert_eq!(ask_client_uint(&mut a, ".broker", "instances"), Some(1));
    });
}

/// A refused registration leaves the holder of the name alone.
#[test]
fn a_refused_twin_changes_nothing() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        a.request(&subscribe(1, PROCESSED, &["t"]), 1);
        for _ in 0..20 {
            assert_eq!(bus.connect().try_register(b"a"), Some(BUSY));
        }
        b.request(&message(2, PROCESSED, "a", b"m"), 2);
        b.request(&publish(3, PROCESSED, "t", b"p"), 3);
        a.expect_bytes(&got_message(0, "b", b"m"));
        a.expect_bytes(&got_publication(0, "b", "t", b"p"));
        a.expect_silence();
    });
}

/// Who takes a free name gets nothing that belonged to its previous owner.
#[test]
fn a_name_taken_again_starts_afresh() {
    on_both(|bus| {
        let mut b = bus.client("b");
        let mut a = bus.client("a");
        a.request(&subscribe(1, PROCESSED, &["t"]), 1);
        b.request(&message(1, PROCESSED, "a", b"unread"), 1);
        drop(a);
        let mut a = bus.broker.client_when_free(bus.transport, "a");
        b.request(&publish(2, PROCESSED, "t", b"p"), 2);
        a.expect_nothing_from(&mut b);
        a.expect_silence();
    });
}
