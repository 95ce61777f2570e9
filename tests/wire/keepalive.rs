//! Section 8, first half: pings of the broker, and what silence means.

use crate::common::*;

#[test]
fn the_broker_pings_with_six_zero_bytes() {
    on_both_with(&["-t", "1"], |bus| {
        let mut a = bus.client("a");
        a.expect_ping();
        a.expect_ping();
    });
}

#[test]
fn secondaries_are_pinged_too() {
    on_both_with(&["-t", "1"], |bus| {
        let _primary = bus.client("p");
        bus.client("p%%a").expect_ping();
    });
}

/// Several pings later nothing has happened to a client that never said a word.
#[test]
fn a_silent_client_is_not_disconnected() {
    on_both_with(&["-t", "1"], |bus| {
        let mut peer = bus.client("peer");
        let mut silent = bus.client("silent");
        for _ in 0..7 {
            silent.expect_ping();
        }
        peer.request(&message(1, PROCESSED, "silent", b"x"), 1);
        silent.expect_bytes(&got_message(0, "peer", b"x"));
        silent.expect_silence();
        assert_eq!(bus.connect().try_register(b"silent"), Some(BUSY));
    });
}

/// Nor does a client that pings get any other answer than one that does not.
#[test]
fn pings_of_the_client_change_nothing() {
    on_both_with(&["-t", "1"], |bus| {
        let mut a = bus.client("a");
        for _ in 0..4 {
            a.send_raw(&CLIENT_PING);
            a.expect_ping();
        }
        a.expect_silence();
    });
}

/// Nobody is pinged before being registered: the handshake stays byte for byte, and ends late
/// clients with no other sign than the end (the tests of section 2 see to the rest).
#[test]
fn there_are_no_pings_during_the_handshake() {
    on_both_with(&["-t", "1"], |bus| {
        let mut clock = bus.client("clock");
        let mut a = bus.connect();
        a.begin();
        clock.expect_ping();
        a.expect_closed();
        assert_eq!(a.pings, 0);
    });
}
