//! What one host or user may take of a listener (H6, H7). In elbus 0.2 one of them may have all.

use elbus::broker::ServerConfig;

use crate::access::Guarded;
use crate::common::*;
use crate::stranger::{NOBODY, Stranger};

/// One connection too many: the greeting, busy, and the end.
fn assert_busy(mut wire: Wire) {
    wire.expect_raw(&GREETING);
    wire.expect_raw(&[BUSY]);
    wire.expect_closed();
}

#[test]
fn h07_connections_are_bounded() {
    let bus = Guarded::without_rules(ServerConfig::new().max_connections(3));
    let (mut a, mut b) = (bus.client("a"), bus.client("b"));
    // Those in the handshake count.
    let mut silent = bus.connect(Transport::Unix);
    silent.expect_raw(&GREETING);
    assert_busy(bus.connect(Transport::Unix));
    // The other listener counts for itself.
    let mut tcp = bus.connect(Transport::Tcp);
    assert_eq!(tcp.try_register(b"c"), Some(OK));
    drop(silent);
    eventually("room", || {
        bus.connect(Transport::Unix).is_let_in().then_some(())
    });
    a.request(&message(1, PROCESSED, "b", b"x"), 1);
    b.expect_bytes(&got_message(0, "a", b"x"));
}

#[test]
fn h07_one_host_leaves_room_for_others() {
    let bus = Guarded::without_rules(ServerConfig::new().max_connections_per_source(2));
    let mut first = bus.connect_from(1);
    first.handshake("first");
    let second = bus.connect_from(1);
    assert_busy(bus.connect_from(1));
    bus.connect_from(2).handshake("other");
    drop(second);
    eventually("room", || bus.connect_from(1).is_let_in().then_some(()));
    first.expect_silence();
}

#[test]
fn h07_one_user_leaves_room_for_others() {
    let bus = Guarded::without_rules(ServerConfig::new().max_connections_per_source(2));
    bus.open_to_all();
    let names = ["a", "b", "c", "d"];
    let Some(mut stranger) = Stranger::register(NOBODY, NOBODY, bus.socket(), &names) else {
        return;
    };
    // The third answer is that of a connection without a handshake: no fifth byte.
    assert_eq!([(); 4].map(|()| stranger.answer()), [OK, OK, 0, 0]);
    // Root is exempt.
    let own: Vec<Wire> = (0..5).map(|i| bus.client(&format!("own.{i}"))).collect();
    assert_eq!(own.len(), 5);
}

#[test]
fn h07_one_host_connects_so_often_only() {
    let bus = Guarded::without_rules(ServerConfig::new().connect_rate(5));
    for i in 0..5 {
        bus.connect_from(1).handshake(&format!("quick.{i}"));
    }
    let refused = (0..20).filter(|_| !bus.connect_from(1).is_let_in());
    // It takes a fifth of a second until there is room for one more.
    assert!(refused.count() >= 10);
    bus.connect_from(2).handshake("other");
    eventually("room", || bus.connect_from(1).is_let_in().then_some(()));
}

#[test]
fn o04_subscriptions_are_bounded_as_configured() {
    let args = ["--max-subscriptions", "3"];
    on_both_with(&args, |bus| {
        let mut a = bus.quiet_client("a");
        a.request(&subscribe(1, PROCESSED, &["a", "b"]), 1);
        assert_eq!(a.request_code(&subscribe(2, PROCESSED, &["c", "d"])), DATA);
        a.request(&subscribe(3, PROCESSED, &["c", "a"]), 3);
        assert_eq!(a.request_code(&exclude(4, PROCESSED, &["d"])), DATA);
        a.request(&unsubscribe(5, PROCESSED, &["a"]), 5);
        a.request(&subscribe(6, PROCESSED, &["d"]), 6);
    });
}
