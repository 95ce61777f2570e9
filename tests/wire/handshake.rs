//! Section 2: the five steps of the handshake, their refusals and their time limits.

use crate::common::*;

#[test]
fn step_1_the_greeting_comes_unasked() {
    on_both(|bus| bus.connect().expect_raw(&[0xEB, 0x01, 0x00]));
}

#[test]
fn steps_1_to_5_byte_by_byte() {
    on_both(|bus| {
        let mut wire = bus.connect();
        wire.expect_raw(b"\xEB\x01\x00");
        wire.send_raw(b"\xEB\x01\x00");
        wire.expect_raw(b"\x01");
        wire.send_raw(b"\x02\x00n0");
        wire.expect_raw(b"\x01");
        // Registered under that name, and nothing else was sent along.
        wire.send_raw(b"\x07\0\0\0\x52\x05\0\0\0n0\0hi");
        wire.expect_bytes(b"\x12\x05\0\0\0\x00n0\0hi\xFE\x07\0\0\0\x01");
    });
}

#[test]
fn every_byte_may_come_alone() {
    on_both(|bus| {
        let mut wire = bus.connect();
        for byte in [hello(b"slow"), message(1, PROCESSED, "slow", b"x")].concat() {
            wire.send_raw(&[byte]);
        }
        wire.expect_raw(b"\xEB\x01\x00\x01\x01");
        wire.expect_bytes(&[got_message(0, "slow", b"x"), ack(1, OK)].concat());
    });
}

#[test]
fn the_client_need_not_wait_for_the_answers() {
    on_both(|bus| {
        let mut wire = bus.connect();
        let frames = [
            subscribe(1, PROCESSED, &["t"]),
            publish(2, PROCESSED, "t", b"x"),
        ];
        wire.send_raw(&[hello(b"eager"), frames.concat()].concat());
        wire.expect_raw(b"\xEB\x01\x00\x01\x01");
        wire.expect_bytes(&ack(1, OK));
        wire.expect_bytes(&got_publication(0, "eager", "t", b"x"));
        wire.expect_bytes(&ack(2, OK));
    });
}

/// The client's greeting is refused.
fn refused_greeting(bytes: [u8; 3]) {
    on_both(|bus| {
        let mut wire = bus.connect();
        wire.expect_raw(&GREETING);
        wire.send_raw(&bytes);
        wire.expect_raw(&[NOT_SUPPORTED]);
        wire.expect_closed();
    });
}

#[test]
fn step_2_wrong_magic_is_75() {
    refused_greeting([0xEC, 0x01, 0x00]);
    refused_greeting([0x00, 0x01, 0x00]);
}

#[test]
fn step_2_wrong_version_is_75() {
    refused_greeting([0xEB, 0x00, 0x00]);
    refused_greeting([0xEB, 0x02, 0x00]);
}

#[test]
fn step_2_the_high_byte_of_the_version_counts() {
    refused_greeting([0xEB, 0x01, 0x01]);
    refused_greeting([0xEB, 0x00, 0x01]);
}

/// The name is refused with this code, the connection closed, and nobody else affected.
fn refused_name(name: &[u8], code: u8) {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        let mut wire = bus.connect();
        assert_eq!(wire.try_register(name), Some(code), "{}", show(name));
        wire.expect_closed();
        witness.expect_silence();
    });
}

#[test]
fn step_5_empty_name_is_72() {
    refused_name(b"", DATA);
}

#[test]
fn step_5_leading_dot_is_72() {
    refused_name(b".", DATA);
    refused_name(b".x", DATA);
    refused_name(b".x%%0", DATA);
}

#[test]
fn step_5_the_dot_is_checked_before_uniqueness() {
    refused_name(b".broker", DATA);
    refused_name(b".broker%%0", DATA);
}

#[test]
fn step_5_taken_name_is_76_on_any_transport() {
    on_both(|bus| {
        let mut first = bus.client("taken");
        for transport in [bus.transport, bus.transport.other()] {
            let mut second = bus.broker.connect(transport);
            assert_eq!(second.try_register(b"taken"), Some(BUSY));
            second.expect_closed();
        }
        first.expect_silence();
    });
}

#[test]
fn step_5_secondary_without_primary_is_71() {
    refused_name(b"nobody%%0", NOT_REGISTERED);
}

#[test]
fn step_5_name_that_is_not_utf8_is_closed_perhaps_after_72() {
    for name in [b"\xFF\xFE".as_slice(), b"a\xC3", b"\xED\xA0\x80"] {
        on_both(|bus| {
            let mut wire = bus.connect();
            let answer = wire.try_register(name);
            assert!(matches!(answer, None | Some(DATA)), "{answer:02x?}");
            if answer.is_some() {
                wire.expect_closed();
            }
        });
    }
}

#[test]
fn names_of_1024_bytes_work() {
    on_both(|bus| {
        for len in [1000, 1023, 1024] {
            bus.client(&"n".repeat(len)).expect_silence();
        }
    });
}

/// Ours: the reference takes all that the length field can say.
#[test]
fn names_longer_than_1024_bytes_are_72() {
    refused_name(&[b'n'; 1025], DATA);
    refused_name(&[b'n'; 65_535], DATA);
}

/// Ours: the limit counts bytes, not characters.
#[test]
fn the_limit_of_names_counts_bytes() {
    on_both(|bus| bus.client(&"ü".repeat(512)).expect_silence());
    refused_name("ü".repeat(513).as_bytes(), DATA);
}

/// Ours: such names could imitate others in lists and logs.
#[test]
fn names_with_control_characters_are_72() {
    for name in [
        "a\nb",
        "a\tb",
        "\r",
        "a\u{1b}[2Jb",
        "a\u{7f}",
        "a\u{9b}b",
        "n\0.broker",
    ] {
        refused_name(name.as_bytes(), DATA);
    }
}

/// Ours: such names could not be told from masks.
#[test]
fn names_with_wildcards_are_72() {
    for name in ["*", "?", "g.*", "a*b", "a?"] {
        refused_name(name.as_bytes(), DATA);
    }
}

/// Registered under the name, then gone in the way given; the name must become free.
fn name_is_free_after(leave: impl Fn(&Bus, Wire) -> Option<Wire>) {
    on_both(|bus| {
        let _rest = leave(bus, bus.client("leaver"));
        for transport in [bus.transport, bus.transport.other()] {
            let mut next = bus.broker.client_when_free(transport, "leaver");
            next.expect_silence();
        }
    });
}

#[test]
fn a_name_is_free_after_close() {
    name_is_free_after(|_, wire| {
        drop(wire);
        None
    });
}

#[test]
fn a_name_is_free_after_half_close() {
    name_is_free_after(|_, wire| {
        wire.half_close();
        Some(wire)
    });
}

#[test]
fn a_name_is_free_after_reset() {
    name_is_free_after(|bus, wire| {
        // Closing with unread input makes the kernel send a reset.
        let mut peer = bus.client("peer");
        peer.request(&message(1, PROCESSED, "leaver", b"unread"), 1);
        drop(wire);
        None
    });
}

#[test]
fn a_name_is_free_after_a_malformed_frame() {
    name_is_free_after(|_, mut wire| {
        wire.send_raw(&frame(1, 0x3F, b""));
        Some(wire)
    });
}

/// A client that stops after these bytes is disconnected without another word.
fn late_after(sent: &[u8], answered: &[u8]) {
    on_both_with(&["-t", "1"], |bus| {
        let mut witness = bus.client("witness");
        let mut wire = bus.connect();
        wire.expect_raw(&GREETING);
        wire.send_raw(sent);
        wire.expect_raw(answered);
        wire.expect_closed();
        witness.expect_silence();
    });
}

#[test]
fn late_with_step_2() {
    late_after(b"", b"");
}

#[test]
fn late_within_step_2() {
    late_after(b"\xEB\x01", b"");
}

#[test]
fn late_with_the_length_of_the_name() {
    late_after(b"\xEB\x01\x00", b"\x01");
}

#[test]
fn late_within_the_length_of_the_name() {
    late_after(b"\xEB\x01\x00\x04", b"\x01");
}

#[test]
fn late_within_the_name() {
    late_after(b"\xEB\x01\x00\x04\x00abc", b"\x01");
}

#[test]
fn a_client_that_gives_up_half_way_frees_everything() {
    on_both(|bus| {
        let whole = hello(b"quitter");
        for cut in 0..whole.len() {
            bus.connect().send_raw(&whole[..cut]);
        }
        bus.client("quitter").expect_silence();
    });
}
