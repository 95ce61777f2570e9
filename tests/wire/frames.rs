//! Sections 3 and 5: frames in both directions, the NOP, and the order of things.

use crate::common::client_list::client_uint;
use crate::common::*;

#[test]
fn the_example_of_section_5() {
    on_both(|bus| {
        let mut n0 = bus.client("n0");
        let mut bob = bus.client("bob");
        n0.send_raw(b"\x07\0\0\0\xD2\x06\0\0\0bob\0hi");
        bob.expect_bytes(b"\x12\x05\0\0\0\x01n0\0hi");
        n0.expect_bytes(b"\xFE\x07\0\0\0\x01");
    });
}

#[test]
fn op_12_a_message_reaches_its_target() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        a.send_raw(b"\0\0\0\0\x12\x03\0\0\0b\0x");
        b.expect_bytes(b"\x12\x03\0\0\0\0a\0x");
        b.expect_nothing_from(&mut a);
        a.expect_silence();
    });
}

#[test]
fn op_12_between_transports() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let mut b = bus.broker.client(bus.transport.other(), "b");
        a.request(&message(1, PROCESSED, "b", b"there"), 1);
        b.expect_bytes(&got_message(0, "a", b"there"));
        b.request(&message(2, PROCESSED, "a", b"back"), 2);
        a.expect_bytes(&got_message(0, "b", b"back"));
    });
}

#[test]
fn op_13_a_broadcast_reaches_who_matches() {
    on_both(|bus| {
        let (mut a, mut b, mut c) = (bus.client("a"), bus.client("g.b"), bus.client("c"));
        a.send_raw(b"\0\0\0\0\x13\x05\0\0\0g.*\0x");
        b.expect_bytes(b"\x13\x03\0\0\0\0a\0x");
        b.expect_nothing_from(&mut a);
        c.expect_nothing_from(&mut a);
        a.expect_silence();
    });
}

#[test]
fn ops_01_02_03_publish_subscribe_unsubscribe() {
    on_both(|bus| {
        let (mut a, mut b, mut c) = (bus.client("a"), bus.client("b"), bus.client("c"));
        b.send_raw(b"\x01\0\0\0\x42\x03\0\0\0t/x");
        b.expect_bytes(b"\xFE\x01\0\0\0\x01");
        a.send_raw(b"\0\0\0\0\x01\x07\0\0\0t/x\x00123");
        b.expect_bytes(b"\x01\x09\0\0\0\0a\0t/x\x00123");
        c.expect_nothing_from(&mut a);
        b.send_raw(b"\x02\0\0\0\x43\x03\0\0\0t/x");
        b.expect_bytes(b"\xFE\x02\0\0\0\x01");
        a.send_raw(b"\0\0\0\0\x01\x07\0\0\0t/x\x00456");
        b.expect_nothing_from(&mut a);
        a.expect_silence();
    });
}

#[test]
fn everything_after_the_first_nul_is_payload() {
    let payloads: [&[u8]; 5] = [b"", b"\0", b"\0\0x\0", b"x\0y", b"\xFF\xFE\0\x80"];
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        b.request(&subscribe(1, PROCESSED, &["t"]), 1);
        for payload in payloads {
            a.send_raw(&message(0, NO, "b", payload));
            b.expect_bytes(&got_message(0, "a", payload));
            a.send_raw(&broadcast(0, NO, "b", payload));
            b.expect_bytes(&got_broadcast(0, "a", payload));
            a.send_raw(&publish(0, NO, "t", payload));
            b.expect_bytes(&got_publication(0, "a", "t", payload));
        }
    });
}

/// Sizes around those at which an implementation may change its ways.
#[test]
fn payloads_of_every_size_arrive_unchanged() {
    let sizes = [
        1,
        100,
        4_083,
        4_096,
        8_192,
        16_383,
        16_384,
        65_527,
        65_535,
        65_536,
        65_537,
        200_000,
        1 << 20,
        3_000_001,
    ];
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        b.request(&subscribe(1, PROCESSED, &["t"]), 1);
        for size in sizes {
            let payload: Vec<u8> = (0..size).map(|i: u32| (i % 251) as u8).collect();
            // A thread writes: the frames may be larger than all buffers on their way.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    a.send_raw(&message(0, NO, "b", &payload));
                    a.send_raw(&publish(0, NO, "t", &payload));
                });
                b.expect_bytes(&got_message(0, "a", &payload));
                b.expect_bytes(&got_publication(0, "a", "t", &payload));
            });
        }
    });
}

#[test]
fn frames_may_be_cut_anywhere_and_joined_at_will() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let frames = [
            subscribe(1, PROCESSED, &["t", "u"]),
            CLIENT_PING.to_vec(),
            message(2, REALTIME_PROCESSED, "a", b"one"),
            publish(3, NO, "t", b"two"),
            broadcast(4, PROCESSED, "a", b"three"),
            unsubscribe(5, PROCESSED, &["t"]),
        ]
        .concat();
        let answers = [
            ack(1, OK),
            got_message(1, "a", b"one"),
            ack(2, OK),
            got_publication(0, "a", "t", b"two"),
            got_broadcast(0, "a", b"three"),
            ack(4, OK),
            ack(5, OK),
        ]
        .concat();
        for cut in 0..=frames.len() {
            a.send_raw(&frames[..cut]);
            a.send_raw(&frames[cut..]);
            a.expect_bytes(&answers);
        }
        for piece in [1, 2, 7, 10] {
            for part in frames.chunks(piece) {
                a.send_raw(part);
            }
            a.expect_bytes(&answers);
        }
        a.send_raw(&frames.repeat(20));
        a.expect_bytes(&answers.repeat(20));
        a.expect_silence();
    });
}

#[test]
fn nop_is_not_answered() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.send_raw(&CLIENT_PING.repeat(50));
        a.expect_silence();
    });
}

#[test]
fn nop_ignores_operation_id_and_length() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.send_raw(b"\x01\x02\x03\x04\x00\x05\0\0\0");
        a.send_raw(b"\xFF\xFF\xFF\xFF\x00\xFF\xFF\xFF\xFF");
        // No body follows: these are the next frames.
        a.expect_silence();
    });
}

#[test]
fn nop_is_not_counted() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let counters = |wire: &mut Wire| {
            let list = wire.call_broker("client.list", b"");
            let count = |key| client_uint(&list, "a", key).expect("a counter");
            (count("r_frames"), count("r_bytes"))
        };
        let before = counters(&mut a);
        a.send_raw(&CLIENT_PING.repeat(10));
        let after = counters(&mut a);
        // The call itself: one frame; its body is `.broker`, NUL, RPC header, `client.list`, NUL.
        assert_eq!(after, (before.0 + 1, before.1 + 8 + 5 + 12));
    });
}

#[test]
fn a_client_may_send_to_itself() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.request(&subscribe(1, PROCESSED, &["t"]), 1);
        a.send_raw(&message(2, NO, "a", b"m"));
        a.expect_bytes(&got_message(0, "a", b"m"));
        a.send_raw(&publish(3, NO, "t", b"p"));
        a.expect_bytes(&got_publication(0, "a", "t", b"p"));
        a.send_raw(&broadcast(4, NO, "*", b"b"));
        a.expect_bytes(&got_broadcast(0, "a", b"b"));
        a.expect_silence();
    });
}

#[test]
fn the_order_of_one_sender_survives_every_kind_and_qos() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        b.request(&subscribe(1, PROCESSED, &["t"]), 1);
        let mut sent = Vec::new();
        let mut expected = Vec::new();
        for i in 0..300_u32 {
            let payload = i.to_le_bytes();
            let qos = EVERY_QOS[i as usize % 4] & REALTIME;
            let flag = realtime_flag(qos);
            match i % 3 {
                0 => {
                    sent.extend(message(i, qos, "b", &payload));
                    expected.extend(got_message(flag, "a", &payload));
                }
                1 => {
                    sent.extend(publish(i, qos, "t", &payload));
                    expected.extend(got_publication(flag, "a", "t", &payload));
                }
                _ => {
                    sent.extend(broadcast(i, qos, "b", &payload));
                    expected.extend(got_broadcast(flag, "a", &payload));
                }
            }
        }
        a.send_raw(&sent);
        b.expect_bytes(&expected);
        b.expect_nothing_from(&mut a);
    });
}

/// Ours: the reference takes all that the length field can say.
#[test]
fn bodies_up_to_max_frame_pass_and_larger_ones_close() {
    const LIMIT: usize = 65_536;
    on_both_with(&["--max-frame", "65536"], |bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        let fits = vec![7; LIMIT - 2];
        a.request(&message(1, PROCESSED, "b", &fits), 1);
        b.expect_bytes(&got_message(0, "a", &fits));
        // The refusal needs no body: the announcement is enough.
        a.send_raw(&header(2, PROCESSED | MESSAGE, LIMIT as u32 + 1));
        a.expect_refused(2);
        b.expect_silence();
    });
}

/// Ours: 16 MiB unless told otherwise.
#[test]
fn the_default_of_max_frame_is_16_mib() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        let fits = vec![7; (16 << 20) - 2];
        std::thread::scope(|scope| {
            scope.spawn(|| a.request(&message(1, PROCESSED, "b", &fits), 1));
            b.expect_bytes(&got_message(0, "a", &fits));
        });
        a.send_raw(&header(2, PROCESSED | MESSAGE, (16 << 20) + 1));
        a.expect_refused(2);
    });
}
