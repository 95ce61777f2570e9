//! Connections that end at the wrong moment, and names that must not outlive them (B1, B2, B10,
//! H6, H14).

use crate::common::*;

/// Fills the queue of a client that does not read, until a message is refused.
pub fn overflow(sender: &mut Wire, target: &str) {
    let payload = vec![0; 16 * 1024];
    for id in 0..4_000 {
        if sender.request_code(&message(id, PROCESSED, target, &payload)) != OK {
            return;
        }
    }
    panic!("every message was accepted for a client that never reads");
}

#[test]
fn b01_close_right_after_name_frees_it() {
    on_both(|bus| {
        for i in 0..100 {
            let mut ghost = bus.connect();
            ghost.expect_raw(&GREETING);
            ghost.send_raw(&hello(format!("ghost.{i}").as_bytes()));
            // Closed with unread answers: the broker may find the socket dead already.
            drop(ghost);
        }
        for i in 0..100 {
            let name = format!("ghost.{i}");
            bus.broker
                .client_when_free(bus.transport, &name)
                .expect_silence();
        }
    });
}

/// The same without even waiting for the greeting.
#[test]
fn b01_close_right_after_a_blind_handshake_frees_it() {
    on_both(|bus| {
        for i in 0..100 {
            bus.connect()
                .send_raw(&hello(format!("ghost.{i}").as_bytes()));
        }
        for i in 0..100 {
            let name = format!("ghost.{i}");
            bus.broker
                .client_when_free(bus.transport, &name)
                .expect_silence();
        }
    });
}

#[test]
fn b02_who_takes_the_name_of_an_overflown_client_keeps_it() {
    on_both_with(&["-t", "1", "--queue-size", "16"], |bus| {
        let mut sender = bus.quiet_client("sender");
        let mut victim = bus.quiet_client("victim");
        let mut observer = bus.quiet_client("observer");
        observer.request(&subscribe(2, PROCESSED, &[".broker/info"]), 2);
        overflow(&mut sender, "victim");
        // The old connection is still open on the client's side.
        let mut heir = bus.broker.client_when_free(bus.transport, "victim");
        heir.request(&subscribe(2, PROCESSED, &["t"]), 2);
        victim.drain();
        drop(victim);
        for _ in 0..100 {
            sender.request(&message(1, PROCESSED, "victim", b"m"), 1);
            heir.expect_bytes(&got_message(0, "sender", b"m"));
        }
        sender.request(&publish(2, PROCESSED, "t", b"p"), 2);
        heir.expect_bytes(&got_publication(0, "sender", "t", b"p"));
        assert_eq!(bus.connect().try_register(b"victim"), Some(BUSY));
        for subject in ["unreg", "reg"] {
            let body = observer.read_frame().body;
            let prefix = announcement_prefix(subject, "victim");
            let expected = [b".broker\0.broker/info\0".as_slice(), &prefix].concat();
            assert!(body.starts_with(&expected), "{subject}: {}", show(&body));
        }
        observer.expect_nothing_from(&mut heir);
    });
}

/// Everybody may publish below `.broker/`, but nobody appears there as the broker.
#[test]
fn b10_imitations_of_the_broker_carry_their_senders_name() {
    on_both(|bus| {
        let mut mallory = bus.client("mallory");
        let mut a = bus.client("a");
        let forged = [announcement_prefix("reg", "x").as_slice(), &[0; 8]].concat();
        mallory.send_raw(&publish(1, PROCESSED, ".broker/warn", &forged));
        // A broker may refuse; if it delivers, then under the name of the sender.
        loop {
            let frame = mallory.read_frame();
            if frame.kind == ACK {
                break;
            }
            assert!(
                frame.body.starts_with(b"mallory\0"),
                "{}",
                show(&frame.body)
            );
        }
        mallory.send_raw(&message(2, NO, "a", b"end"));
        loop {
            let frame = a.read_frame();
            assert!(
                frame.body.starts_with(b"mallory\0"),
                "{}",
                show(&frame.body)
            );
            if frame.kind == MESSAGE {
                break;
            }
        }
        for name in [".broker", ".broker%%0", ".x", "a"] {
            assert_ne!(bus.connect().try_register(name.as_bytes()), Some(OK));
        }
    });
}

/// More half-finished handshakes than a listener takes at a time: they give way.
#[test]
fn h06_unfinished_handshakes_do_not_keep_others_out() {
    on_both_with(&["-t", "1"], |bus| {
        let mut before = bus.client("before");
        let stuck: Vec<Wire> = (0..400)
            .map(|i| {
                let mut wire = bus.connect();
                wire.send_raw(&hello(b"stuck")[..i % 9]);
                wire
            })
            .collect();
        let mut after = bus.client("after");
        after.request(&message(1, PROCESSED, "before", b"x"), 1);
        before.expect_bytes(&got_message(0, "after", b"x"));
        drop(stuck);
    });
}

/// Nobody waits for a handshake to time out: the oldest unfinished one makes room. In elbus 0.2 there
/// is no bound, each idle connection costs a task and a buffer for a timeout.
#[test]
fn h06_a_newcomer_takes_the_place_of_the_oldest_handshake() {
    on_both_with(&["-t", "1000"], |bus| {
        let mut patient: Vec<Wire> = (0..300).map(|_| bus.connect()).collect();
        let mut after = bus.client("after");
        after.expect_silence();
        // Those that had to go were told nothing but the greeting.
        patient[0].expect_raw(&GREETING);
        patient[0].expect_closed();
        let youngest = patient.last_mut().expect("the youngest");
        youngest.handshake("youngest");
        youngest.expect_silence();
        let told = "too many connections that do not register";
        let lines = || bus.broker.log().text().matches(told).count();
        eventually("a word about it", || (lines() > 0).then_some(()));
        assert_eq!(lines(), 1);
    });
}

/// Connections that end at every byte of the handshake and of the first frames.
#[test]
fn h14_a_peer_that_dies_at_any_byte_leaves_nothing_behind() {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        let frames = [
            subscribe(1, PROCESSED, &["t"]),
            message(2, PROCESSED, "victim", b"x"),
            publish(3, PROCESSED, "t", b"x"),
        ];
        let script = [hello(b"victim"), frames.concat()].concat();
        for cut in 0..=script.len() {
            bus.connect().send_raw(&script[..cut]);
        }
        let mut heir = bus.broker.client_when_free(bus.transport, "victim");
        witness.request(&publish(4, PROCESSED, "t", b"x"), 4);
        heir.expect_nothing_from(&mut witness);
    });
}
