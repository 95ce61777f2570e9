//! Sections 3.2 and 6: which operations are acknowledged, with what, and the realtime flag.

use crate::common::*;

/// The acks an operation gets under each QoS.
fn acked_by_qos(build: impl Fn(u32, u8) -> Vec<u8>, code: u8) {
    on_both(|bus| {
        let mut a = bus.client("a");
        for qos in EVERY_QOS {
            a.send_raw(&build(0x0A0B_0C0D, qos));
            if qos & PROCESSED != 0 {
                // The four id bytes verbatim.
                a.expect_bytes(&[0xFE, 0x0D, 0x0C, 0x0B, 0x0A, code]);
            }
            a.expect_silence();
        }
    });
}

#[test]
fn subscribe_is_acked_with_qos_bit_0() {
    acked_by_qos(|id, qos| subscribe(id, qos, &["t"]), OK);
}

#[test]
fn unsubscribe_is_acked_with_qos_bit_0() {
    acked_by_qos(|id, qos| unsubscribe(id, qos, &["t"]), OK);
}

#[test]
fn publish_to_nobody_is_01() {
    acked_by_qos(|id, qos| publish(id, qos, "nobody/listens", b"x"), OK);
}

#[test]
fn broadcast_to_nobody_is_01() {
    acked_by_qos(|id, qos| broadcast(id, qos, "nobody.*", b"x"), OK);
}

#[test]
fn message_to_an_unknown_target_is_71() {
    acked_by_qos(|id, qos| message(id, qos, "unknown", b"x"), NOT_REGISTERED);
}

#[test]
fn message_to_the_empty_target_is_71() {
    acked_by_qos(|id, qos| message(id, qos, "", b"x"), NOT_REGISTERED);
}

#[test]
fn message_to_a_mask_is_71() {
    for mask in ["*", "?", "a*"] {
        acked_by_qos(|id, qos| message(id, qos, mask, b"x"), NOT_REGISTERED);
    }
}

#[test]
fn message_to_a_target_that_has_gone_is_71() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        b.half_close();
        b.expect_closed();
        eventually("b is unregistered", || {
            let code = a.request_code(&message(1, PROCESSED, "b", b"x"));
            (code == NOT_REGISTERED).then_some(())
        });
    });
}

#[test]
fn message_to_the_broker_itself_is_01() {
    on_both(|bus| {
        let mut a = bus.client("a");
        // A notification: no reply.
        a.request(&message(1, PROCESSED, ".broker", b"\0x"), 1);
        a.expect_silence();
    });
}

/// Deliveries carry the flag under QoS 2 and 3, and nobody but the sender is told by an ack.
#[test]
fn byte_5_of_deliveries_says_realtime() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        b.request(&subscribe(1, PROCESSED, &["t"]), 1);
        for (qos, flag) in [(0x00, 0), (0x40, 0), (0x80, 1), (0xC0, 1)] {
            let acks = |wire: &mut Wire, id| {
                if qos & PROCESSED != 0 {
                    wire.expect_bytes(&ack(id, OK));
                }
            };
            a.send_raw(&message(11, qos, "b", b"m"));
            acks(&mut a, 11);
            b.expect_bytes(&got_message(flag, "a", b"m"));
            a.send_raw(&publish(12, qos, "t", b"p"));
            acks(&mut a, 12);
            b.expect_bytes(&got_publication(flag, "a", "t", b"p"));
            a.send_raw(&broadcast(13, qos, "?", b"b"));
            // The mask reaches the sender as well.
            a.expect_bytes(&got_broadcast(flag, "a", b"b"));
            acks(&mut a, 13);
            b.expect_bytes(&got_broadcast(flag, "a", b"b"));
            a.expect_silence();
        }
    });
}

#[test]
fn operation_ids_are_echoed_whatever_they_are() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let ids = [0, 1, 1, 1, u32::MAX, 0, 0x8000_0000, 5, 4, 3, 0xFE00_00FE];
        for id in ids {
            a.send_raw(&publish(id, PROCESSED, "t", b""));
        }
        for id in ids {
            a.expect_bytes(&ack(id, OK));
        }
        a.expect_silence();
    });
}

#[test]
fn acks_come_in_the_order_of_the_operations() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let mut b = bus.client("b");
        let mut sent = Vec::new();
        let mut expected = Vec::new();
        for id in 0..200 {
            let (bytes, code) = match id % 5 {
                0 => (message(id, PROCESSED, "b", b"x"), OK),
                1 => (
                    message(id, REALTIME_PROCESSED, "nobody", b"x"),
                    NOT_REGISTERED,
                ),
                2 => (subscribe(id, PROCESSED, &["t"]), OK),
                3 => (publish(id, REALTIME_PROCESSED, "u", b"x"), OK),
                _ => (unsubscribe(id, REALTIME_PROCESSED, &["t"]), OK),
            };
            sent.extend(bytes);
            expected.extend(ack(id, code));
        }
        a.send_raw(&sent);
        a.expect_bytes(&expected);
        b.expect_bytes(&got_message(0, "a", b"x").repeat(40));
        b.expect_nothing_from(&mut a);
    });
}

#[test]
fn what_a_client_sends_to_itself_comes_before_the_ack() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.request(&subscribe(1, PROCESSED, &["t"]), 1);
        for qos in [PROCESSED, REALTIME_PROCESSED] {
            let flag = realtime_flag(qos);
            a.send_raw(&message(2, qos, "a", b"m"));
            a.expect_bytes(&[got_message(flag, "a", b"m"), ack(2, OK)].concat());
            a.send_raw(&publish(3, qos, "t", b"p"));
            a.expect_bytes(&[got_publication(flag, "a", "t", b"p"), ack(3, OK)].concat());
            a.send_raw(&broadcast(4, qos, "*", b"b"));
            a.expect_bytes(&[got_broadcast(flag, "a", b"b"), ack(4, OK)].concat());
        }
        a.expect_silence();
    });
}

#[test]
fn subscribe_and_unsubscribe_are_acked_once_per_frame() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.request(&subscribe(1, PROCESSED, &["t", "u", "v/+", "", "t"]), 1);
        a.expect_silence();
        a.request(&unsubscribe(2, PROCESSED, &["t", "never", "v/+", ""]), 2);
        a.expect_silence();
    });
}

/// Acks count for counters, but never reach the target.
#[test]
fn the_receiver_of_a_frame_sees_no_ack() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        a.request(&message(1, PROCESSED, "b", b"x"), 1);
        b.expect_bytes(&got_message(0, "a", b"x"));
        b.expect_silence();
    });
}
