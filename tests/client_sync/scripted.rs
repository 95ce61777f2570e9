//! Operations and calls that wait for a broker which misbehaves after the handshake.

use std::sync::mpsc;
use std::time::Duration;

use crate::common::fake::{Fake, Peer};
use crate::common::*;
use crate::{EVERYTHING, LONG, SHORT, Wait, connect_to_fake, ends, wait};
use elbus::{ErrorKind as Kind, QoS};

/// Lets each kind of waiting meet the script, which starts after the handshake and is to end when
/// the client has gone.
fn each_ends(
    waits: &[Wait],
    timeout: Duration,
    expected: &[Kind],
    script: impl Fn(Peer) + Clone + Send + 'static,
) {
    for what in waits.iter().copied() {
        let fake = Fake::new();
        let script = script.clone();
        let script = fake.next(move |peer| script(peer.greet(3)));
        let client = connect_to_fake(&fake, timeout);
        let outcome = ends(move || wait(client, what));
        let kind = outcome.expect_err("no success without an answer");
        assert!(expected.contains(&kind), "{what:?} ended with {kind}");
        script.join().expect("the script");
    }
}

#[test]
fn b18_a_broker_that_never_acknowledges() {
    each_ends(&EVERYTHING, SHORT, &[Kind::Timeout], Peer::hold);
}

#[test]
fn b18_a_broker_that_acknowledges_and_never_delivers() {
    let acknowledging = |mut peer: Peer| {
        while let Some((id, _, _)) = peer.frame() {
            peer.say(&ack(id, OK));
        }
    };
    let calls = [Wait::Call, Wait::UnconfirmedCall];
    each_ends(&calls, SHORT, &[Kind::Timeout], acknowledging);
}

#[test]
fn b18_a_broker_that_dies_meanwhile() {
    let dying = |mut peer: Peer| drop(peer.frame().expect("an operation"));
    each_ends(&EVERYTHING, LONG, &[Kind::Eof], dying);
    let half_an_ack = |mut peer: Peer| {
        let (id, _, _) = peer.frame().expect("an operation");
        peer.say(&ack(id, OK)[..4]);
    };
    each_ends(&EVERYTHING, LONG, &[Kind::Eof], half_an_ack);
    let before_the_reply = |mut peer: Peer| {
        let (id, _, _) = peer.frame().expect("a request");
        peer.say(&ack(id, OK));
    };
    each_ends(&[Wait::Call], LONG, &[Kind::Eof], before_the_reply);
}

#[test]
fn b18_answers_byte_by_byte() {
    for what in EVERYTHING {
        let fake = Fake::new();
        let script = fake.next(move |peer| {
            let mut peer = peer.greet(3);
            let (id, flags, body) = peer.frame().expect("an operation");
            if flags & PROCESSED != 0 {
                peer.say_slowly(&ack(id, OK));
            }
            if let [b'x', 0, 1, id @ .., b'm', b'e', b't', b'h', b'o', b'd', 0] = &body[..] {
                let reply = [&[0x11], id, b"done"].concat();
                peer.say_slowly(&got_message(0, "x", &reply));
            }
            peer.hold();
        });
        let client = connect_to_fake(&fake, LONG);
        assert_eq!(ends(move || wait(client, what)), Ok(()), "{what:?}");
        script.join().expect("the script");
    }
}

/// Answers to something else are no answers (H19).
#[test]
fn b18_a_broker_that_answers_the_wrong_thing() {
    let wrong = |mut peer: Peer| {
        let (id, _, _) = peer.frame().expect("an operation");
        for other in [0, id.wrapping_add(1), id.wrapping_sub(1), u32::MAX] {
            peer.say(&ack(other, OK));
            let reply = [&[0x11][..], &other.wrapping_add(7).to_le_bytes()].concat();
            peer.say(&got_message(0, "x", &reply));
            peer.say(&got_message(0, "somebody else", b"\x11\x01\0\0\0"));
        }
        peer.hold();
    };
    each_ends(&EVERYTHING, SHORT, &[Kind::Timeout], wrong);
}

#[test]
fn b18_a_broker_that_says_what_is_no_frame() {
    for kind in [0x02, 0x11, 0xFF] {
        let unknown = move |mut peer: Peer| {
            peer.frame().expect("an operation");
            peer.say(&[kind, 1, 0, 0, 0, 0, 0]);
            peer.hold();
        };
        each_ends(&EVERYTHING, LONG, &[Kind::Eof], unknown);
    }
    // No NUL after the sender, no text as the sender.
    for body in [&b"sender"[..], b"\xFF\0payload"] {
        let malformed = move |mut peer: Peer| {
            peer.frame().expect("an operation");
            peer.say(&[&[MESSAGE, body.len() as u8, 0, 0, 0, 0], body].concat());
            peer.hold();
        };
        each_ends(&[Wait::Send, Wait::Call], LONG, &[Kind::Eof], malformed);
    }
}

/// The connection ends at once, and nothing is allocated for what is announced.
#[test]
fn b18_a_broker_that_announces_four_gigabytes() {
    let before = broker::virtual_kib(std::process::id());
    for kind in [PUBLISH, MESSAGE, BROADCAST] {
        let announcing = move |mut peer: Peer| {
            peer.frame().expect("an operation");
            peer.say(&[kind, 0xFF, 0xFF, 0xFF, 0xFF, 0]);
            peer.hold();
        };
        each_ends(&[Wait::Send, Wait::Call], LONG, &[Kind::Eof], announcing);
    }
    let grown = broker::virtual_kib(std::process::id()).saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} KiB more");
}

/// The operation ends by its own time; the connection by that of the frame, a moment later.
#[test]
fn b18_a_broker_that_stops_within_a_frame() {
    for size in [1024, 1_000_000] {
        let stopping = move |mut peer: Peer| {
            peer.frame().expect("an operation");
            peer.say(&got_message(0, "x", &vec![0; size])[..size / 2]);
            peer.hold();
        };
        each_ends(&EVERYTHING, SHORT, &[Kind::Timeout, Kind::Eof], stopping);
    }
}

#[test]
fn an_unfinished_frame_ends_the_connection_unless_it_grows() {
    let frame = got_message(0, "x", &vec![7; 40_000]);
    for is_patient in [true, false] {
        let fake = Fake::new();
        let frame = frame.clone();
        let script = fake.next(move |peer| {
            let mut peer = peer.greet(3);
            // Whole, it takes much longer than the timeout.
            let chunk = if is_patient { 2000 } else { 100 };
            for part in frame.chunks(chunk) {
                if !peer.try_say(part) {
                    break;
                }
                std::thread::sleep(SHORT / 4);
            }
            peer.hold();
        });
        let client = connect_to_fake(&fake, SHORT);
        let events = client.take_event_channel().expect("taken once");
        match events.recv_timeout(DEADLINE) {
            Ok(frame) => assert!(is_patient && frame.payload() == [7; 40_000]),
            Err(e) => assert!(!is_patient && e.kind() == Kind::Eof, "{e}"),
        }
        drop(client);
        script.join().expect("the script");
    }
}

/// Frames of every kind without end, but not the one that is waited for.
#[test]
fn b18_a_broker_that_floods() {
    let frames = [
        got_publication(0, "x", "t", &[0; 1024]),
        got_message(0, "x", b"\x11\xFF\xFF\xFF\xFF"),
        got_message(1, "x", b"\0notification"),
        got_message(0, "x", b"no RPC"),
        got_broadcast(0, "x", b""),
        BROKER_PING.to_vec(),
        ack(u32::MAX, OK),
    ];
    let frames = frames.concat().repeat(100);
    let flood = move |mut peer: Peer| while peer.try_say(&frames) {};
    each_ends(&EVERYTHING, SHORT, &[Kind::Timeout], flood);
}

/// Frames that cannot leave end with the timeout, and so does the connection: a part of the last one
/// may have left.
#[test]
fn b18_a_broker_that_stops_reading() {
    for what in EVERYTHING {
        let fake = Fake::new();
        let (done, wait_for_the_end) = mpsc::channel::<()>();
        let script = fake.next(move |peer| {
            let mut peer = peer.greet(3);
            let _ = wait_for_the_end.recv();
            // What has come is the beginning of the frame; nothing was put behind it.
            peer.try_hear(9 + 2).expect("the head");
            while let Some(byte) = peer.try_hear(1) {
                assert_eq!(byte, [5]);
            }
        });
        let client = connect_to_fake(&fake, SHORT);
        let (client, sent) = ends(move || {
            let payload = vec![5; 1024 * 1024];
            let sent = client.send("x", payload.into(), QoS::No);
            (client, sent)
        });
        assert_eq!(sent.expect_err("no room").kind(), Kind::Timeout);
        assert!(!client.is_connected());
        let outcome = ends(move || wait(client, what));
        assert_eq!(outcome, Err(Kind::Eof), "{what:?}");
        drop(done);
        script.join().expect("the script");
    }
}
