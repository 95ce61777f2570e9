//! Section 3.4 (and the end of 3.3): input that must end the connection, and nothing else.

use crate::common::*;

/// Sends the frame on a connection of its own; expects the end of that connection and that a
/// witness on the same broker is served as before.
fn refuse(bus: &Bus, witness: &mut Wire, bytes: &[u8]) {
    let mut offender = bus.broker.client_when_free(bus.transport, "offender");
    offender.send_raw(bytes);
    let op_id = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    offender.expect_refused(op_id);
    witness.expect_silence();
}

fn each_is_refused(frames: impl Fn() -> Vec<Vec<u8>>) {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        for bytes in frames() {
            eprintln!("sending {}", show(&bytes));
            refuse(bus, &mut witness, &bytes);
        }
    });
}

#[test]
fn unknown_operation_codes() {
    let codes = (0x07..=0x11).chain(0x14..=0x3F);
    let frames = || {
        codes
            .clone()
            .flat_map(|code| EVERY_QOS.map(|qos| frame(5, code | qos, b"witness\0x")))
            .collect()
    };
    each_is_refused(frames);
}

#[test]
fn unknown_operation_codes_without_a_body() {
    each_is_refused(|| {
        vec![
            frame(5, 0x07, b""),
            frame(5, 0x7F, b""),
            frame(5, 0xFE, b""),
        ]
    });
}

#[test]
fn bodies_without_nul() {
    each_is_refused(|| {
        [PUBLISH, MESSAGE, BROADCAST]
            .into_iter()
            .flat_map(|code| EVERY_QOS.map(|qos| frame(5, code | qos, b"witness")))
            .collect()
    });
}

#[test]
fn empty_bodies() {
    each_is_refused(|| {
        [PUBLISH, MESSAGE, BROADCAST]
            .into_iter()
            .flat_map(|code| EVERY_QOS.map(|qos| frame(5, code | qos, b"")))
            .collect()
    });
}

#[test]
fn addresses_that_are_not_utf8() {
    each_is_refused(|| {
        [PUBLISH, MESSAGE, BROADCAST]
            .into_iter()
            .flat_map(|code| EVERY_QOS.map(|qos| frame(5, code | qos, b"wit\xFFness\0x")))
            .collect()
    });
}

#[test]
fn truncated_and_overlong_utf8() {
    each_is_refused(|| {
        let targets: [&[u8]; 4] = [b"\xC3\0x", b"\xC0\xAF\0x", b"\xED\xA0\x80\0x", b"\xF5\0x"];
        targets
            .map(|body| frame(5, MESSAGE | PROCESSED, body))
            .to_vec()
    });
}

#[test]
fn filters_that_are_not_utf8() {
    each_is_refused(|| {
        let bodies: [&[u8]; 4] = [b"\xFF", b"good\0\xFF", b"\xFF\0good", b"\0\xC3"];
        bodies
            .into_iter()
            .flat_map(|body| [SUBSCRIBE, UNSUBSCRIBE].map(|code| frame(5, code | PROCESSED, body)))
            .collect()
    });
}

#[test]
fn payloads_need_not_be_utf8() {
    on_both(|bus| {
        let mut a = bus.client("a");
        a.send_raw(&message(1, PROCESSED, "a", b"\xFF\xC3\xED\xA0\x80"));
        a.expect_bytes(&got_message(0, "a", b"\xFF\xC3\xED\xA0\x80"));
        a.expect_bytes(&ack(1, OK));
    });
}

/// Ours: the reference reads a body and never answers. No client sends this.
#[test]
fn nop_with_qos_bits() {
    each_is_refused(|| {
        [0x40, 0x80, 0xC0]
            .into_iter()
            .flat_map(|flags| [frame(5, flags, b""), frame(5, flags, b"witness\0x")])
            .collect()
    });
}

/// What was correct before the malformed frame has been done.
#[test]
fn frames_before_the_malformed_one_count() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        let bytes = [message(1, PROCESSED, "b", b"good"), frame(2, 0x3F, b"")];
        a.send_raw(&bytes.concat());
        b.expect_bytes(&got_message(0, "a", b"good"));
        // The ack of the good frame may be lost with the connection, but nothing else may come.
        let frames = a.drain();
        for frame in &frames {
            let good = frame.bytes() == ack(1, OK);
            let refusal = (frame.kind, frame.len) == (ACK, 2) && frame.flag != OK;
            assert!(good || refusal, "{}", show(&frame.bytes()));
        }
        b.expect_silence();
    });
}

/// And what comes after it has not.
#[test]
fn frames_after_the_malformed_one_do_not() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        a.send_raw(&[frame(1, 0x3F, b""), message(2, NO, "b", b"late")].concat());
        a.expect_refused(1);
        b.expect_silence();
    });
}

/// A frame that stops after these bytes ends the connection when the timeout is over.
fn late_after(bytes: &[u8]) {
    on_both_with(&["-t", "1"], |bus| {
        let mut witness = bus.client("witness");
        let mut a = bus.client("a");
        a.send_raw(bytes);
        a.expect_closed();
        witness.expect_silence();
    });
}

#[test]
fn late_within_the_header() {
    late_after(b"\x01");
}

#[test]
fn late_with_the_last_byte_of_the_header() {
    late_after(&header(1, MESSAGE | PROCESSED, 3)[..8]);
}

#[test]
fn late_with_the_body() {
    late_after(&header(1, MESSAGE | PROCESSED, 3));
}

#[test]
fn late_with_the_last_byte_of_the_body() {
    let bytes = message(1, PROCESSED, "witness", b"x");
    late_after(&bytes[..bytes.len() - 1]);
}

#[test]
fn late_within_a_body_larger_than_any_buffer() {
    let bytes = message(1, PROCESSED, "witness", &[0; 100_000]);
    late_after(&bytes[..70_000]);
}

#[test]
fn late_within_a_ping() {
    late_after(&CLIENT_PING[..5]);
}

/// An unfinished frame that its sender ends by closing has no effect either.
#[test]
fn unfinished_frames_are_not_delivered() {
    on_both(|bus| {
        let mut b = bus.client("b");
        let bytes = message(1, NO, "b", b"never");
        for cut in 1..bytes.len() {
            let mut a = bus.broker.client_when_free(bus.transport, "a");
            a.send_raw(&bytes[..cut]);
            a.half_close();
            a.expect_closed();
        }
        b.expect_silence();
    });
}
