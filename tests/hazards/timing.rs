//! The right bytes at the wrong time (H19). Ids that come twice and ids of zero are in
//! `tests/wire/qos.rs`; acks and replies that a client did not wait for, in the unit tests of the client
//! and of the RPC layer.

use crate::common::*;

/// Acks are for clients. As a frame of a client such bytes are an unknown operation, which elbus 0.2
/// answers by hanging up, too.
#[test]
fn h19_acks_from_clients_end_their_connection_only() {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        for bytes in [
            ack(1, OK).repeat(3),
            frame(1, ACK, b""),
            frame(0, ACK, b"x\0y"),
        ] {
            let mut wire = bus.broker.client_when_free(bus.transport, "a");
            wire.send_raw(&bytes);
            wire.expect_refused(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            witness.expect_silence();
        }
    });
}

/// What the broker says, said to the broker. A ping of six bytes is part of a header to it.
#[test]
fn h19_frames_of_the_other_direction_are_not_obeyed() {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        for bytes in [
            got_message(0, "witness", b"x"),
            got_broadcast(1, "witness", b"x"),
            got_publication(0, "witness", "t", b"x"),
        ] {
            let mut wire = bus.broker.client_when_free(bus.transport, "a");
            // Some of it may be understood as the header of a long frame, so its end has to be told.
            wire.send_raw(&bytes);
            wire.half_close();
            assert_eq!(wire.drain(), []);
            witness.expect_silence();
        }
    });
}

/// A second handshake is not one: the name stays.
#[test]
fn h19_a_handshake_within_a_session_is_none() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.send_raw(&hello(b"b"));
        a.half_close();
        assert_eq!(a.drain(), []);
        let mut b = bus.client("b");
        b.expect_silence();
    });
}

/// Replies and errors to calls that `.broker` has never made, and notifications.
#[test]
fn h19_the_broker_ignores_replies_that_it_did_not_ask_for() {
    on_both(|bus| {
        let mut a = bus.client("a");
        for payload in [
            &b"\x11\x09\0\0\0\x81\xA2ok\xC3"[..],
            b"\x11\0\0\0\0",
            b"\x12\x09\0\0\0\xA7\x82why",
            b"\x12\xFF\xFF\xFF\xFF",
            b"\0notification",
            b"\x11",
        ] {
            a.request(&message(1, PROCESSED, ".broker", payload), 1);
        }
        assert_eq!(a.call_broker("test", b""), b"\x81\xA2ok\xC3");
        a.expect_silence();
    });
}

/// All answers to calls of one id come, each once, and none to the id that means "no answer".
#[test]
fn h19_call_ids_may_come_twice() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let call = |id| message(1, NO, ".broker", &rpc_request(id, "test", b""));
        a.send_raw(&[call(7), call(0), call(7), call(u32::MAX)].concat());
        for id in [7_u32, 7, u32::MAX] {
            let head = [b"\x11", &id.to_le_bytes()[..]].concat();
            let reply = [&head[..], b"\x81\xA2ok\xC3"].concat();
            a.expect_bytes(&got_message(0, ".broker", &reply));
        }
        a.expect_silence();
    });
}

/// Operations on what is not there, or not there any more.
#[test]
fn h19_endings_without_a_beginning_change_nothing() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        a.request(&unsubscribe(1, PROCESSED, &["t", "t", "#"]), 1);
        a.request(&unexclude(2, PROCESSED, &["t", "#"]), 2);
        a.request(&exclude(3, PROCESSED, &["t"]), 3);
        a.request(&subscribe(4, PROCESSED, &["t"]), 4);
        b.request(&publish(5, PROCESSED, "t", b"x"), 5);
        a.expect_nothing_from(&mut b);
        a.request(&unexclude(6, PROCESSED, &["t"]), 6);
        b.request(&publish(7, PROCESSED, "t", b"x"), 7);
        a.expect_bytes(&got_publication(0, "b", "t", b"x"));
    });
}
