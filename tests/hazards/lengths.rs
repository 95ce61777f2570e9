//! Lengths that do not go with the data (H1, H2), and depth and lengths within calls (H5).

use crate::common::broker::peak_kib;
use crate::common::*;

/// elbus 0.2 compares three bytes and hangs up as well.
#[test]
fn h01_a_frame_in_place_of_the_greeting_is_not_read() {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        let before = bus.broker.rss_kib();
        let mut wires: Vec<Wire> = (0..100)
            .map(|_| {
                let mut wire = bus.connect();
                wire.send_raw(&header(1, MESSAGE, u32::MAX));
                wire
            })
            .collect();
        for wire in &mut wires {
            wire.expect_raw(&GREETING);
            wire.expect_raw(&[NOT_SUPPORTED]);
            wire.expect_closed();
        }
        witness.expect_silence();
        let growth = peak_kib(bus.broker.pid()).saturating_sub(before);
        assert!(growth < 16 * 1024, "{growth} KiB");
    });
}

/// The longest name that can be declared, with all of its bytes or none. elbus 0.2 accepts it.
#[test]
fn h01_the_longest_declared_name_is_refused_before_it_arrives() {
    on_both(|bus| {
        for rest in [0, 1, 65_535] {
            let mut wire = bus.connect();
            wire.begin();
            wire.send_raw(&[&[0xFF; 2], &vec![b'n'; rest][..]].concat());
            wire.expect_raw(&[DATA]);
            wire.half_close();
            wire.expect_closed();
        }
        bus.client("after").expect_silence();
    });
}

/// Every operation that has a body, with a length that promises more than comes.
fn unfinished() -> [Vec<u8>; 4] {
    let promise = |flags: u8, body: &[u8]| [header(1, flags, 1_000_000), body.to_vec()].concat();
    [
        promise(PUBLISH | PROCESSED, b"t\0payload"),
        promise(SUBSCRIBE | PROCESSED, b"t"),
        promise(MESSAGE | PROCESSED, b"witness\0payload"),
        promise(BROADCAST | PROCESSED, b"*\0payload"),
    ]
}

/// In elbus 0.2 the whole megabyte is allocated, and kept for the timeout.
#[test]
fn h02_a_body_that_stalls_ends_its_connection_only() {
    on_both_with(&["-t", "1"], |bus| {
        let mut witness = bus.client("witness");
        witness.request(&subscribe(1, PROCESSED, &["t"]), 1);
        let mut stalled: Vec<Wire> = unfinished()
            .iter()
            .enumerate()
            .map(|(i, bytes)| {
                let mut wire = bus.client(&format!("stalled.{i}"));
                wire.send_raw(bytes);
                wire
            })
            .collect();
        for wire in &mut stalled {
            wire.expect_closed();
        }
        witness.expect_silence();
    });
}

/// Nobody has to wait for what cannot come any more: the timeout would be 1000 s.
#[test]
fn h02_a_body_that_cannot_come_any_more_is_not_waited_for() {
    on_both_with(&["-t", "1000"], |bus| {
        let mut witness = bus.client("witness");
        witness.request(&subscribe(1, PROCESSED, &["t"]), 1);
        for bytes in unfinished() {
            let mut wire = bus.client("half");
            wire.send_raw(&bytes);
            wire.half_close();
            wire.expect_closed();
            // The same with the connection gone altogether.
            let mut wire = bus.broker.client_when_free(bus.transport, "half");
            wire.send_raw(&bytes);
            drop(wire);
            drop(bus.broker.client_when_free(bus.transport, "half"));
            drop(bus.broker.client_when_free(bus.transport, "half"));
        }
        witness.expect_silence();
    });
}

/// The payload as a whole is hostile, not only the params: `tests/wire/core_rpc.rs` has those.
#[test]
fn h05_hostile_payloads_to_the_broker_are_survived() {
    on_both(|bus| {
        let mut a = bus.client("a");
        let before = bus.broker.rss_kib();
        let deep = vec![0x91; 8 << 20];
        let hostile = [
            deep.clone(),
            [b"\x01\x09\0\0\0", &deep[..]].concat(),
            [b"\x01\x09\0\0\0test\0", &deep[..]].concat(),
            [b"\x01\x09\0\0\0info\0", &b"\x81".repeat(1 << 20)[..]].concat(),
            rpc_request(9, "client.list", b"\xDF\xFF\xFF\xFF\xFF"),
            rpc_request(9, "no such method", b"\xDD\xFF\xFF\xFF\xFF"),
            rpc_request(0, "client.kick", b"\xDF\xFF\xFF\xFF\xFF"),
            b"\x01\x09\0".to_vec(),
            b"\x01".to_vec(),
            Vec::new(),
        ];
        for payload in &hostile {
            a.send_raw(&message(1, PROCESSED, ".broker", payload));
            // What is a call is answered with an error, before or after the ack.
            loop {
                let frame = a.read_frame();
                if frame.bytes() == ack(1, OK) {
                    break;
                }
                let error = b".broker\0\x12\x09\0\0\0";
                assert!(frame.body.starts_with(error), "{}", show(&frame.body));
            }
        }
        assert_eq!(a.call_broker("test", b""), b"\x81\xA2ok\xC3");
        a.expect_silence();
        // The payload itself, its copy under way, and what the reading of 8 MiB takes.
        let growth = peak_kib(bus.broker.pid()).saturating_sub(before);
        assert!(growth < 64 * 1024, "{growth} KiB");
    });
}
