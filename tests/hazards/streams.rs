//! The stream of bytes itself: slow but honest senders, half-closed sockets, frames that are
//! whole or not there at all (B13, B14, O5, O6, O9).

use crate::common::*;
use std::thread;
use std::time::Duration;

/// A body may take longer than the timeout as long as it comes on. The pauses make the sender
/// slow; nothing is measured.
#[test]
fn b13_progress_extends_the_limit() {
    on_both_with(&["-t", "1"], |bus| {
        let (mut slow, mut peer) = (bus.client("slow"), bus.client("peer"));
        let payload = vec![7; 40_000];
        for chunk in message(1, PROCESSED, "peer", &payload).chunks(4_000) {
            slow.send_raw(chunk);
            thread::sleep(Duration::from_millis(250));
        }
        slow.expect_bytes(&ack(1, OK));
        peer.expect_bytes(&got_message(0, "slow", &payload));
    });
}

/// But a byte now and then is no progress: the connection ends before the frame does.
#[test]
fn b13_a_trickle_does_not_extend_the_limit_for_ever() {
    on_both_with(&["-t", "1"], |bus| {
        let mut slow = bus.client("slow");
        slow.send_raw(&header(1, MESSAGE, 100_000));
        eventually("the end of the trickle", || slow.try_send_raw(b"x").err());
        slow.drain();
        bus.broker
            .client_when_free(bus.transport, "slow")
            .expect_silence();
    });
}

/// The same from the broker's side: a client that reads slowly takes in what the socket has room
/// for, although the system announces that room only when most of the socket is empty.
#[test]
fn b13_a_slow_reader_is_not_stalled() {
    on_both_with(&["-t", "1"], |bus| {
        let (mut slow, mut peer) = (bus.quiet_client("slow"), bus.client("peer"));
        let payload = vec![7; 16 * 1024];
        for id in 0..55 {
            peer.request(&message(id, PROCESSED, "slow", &payload), id);
        }
        for _ in 0..8 {
            thread::sleep(Duration::from_millis(300));
            slow.expect_bytes(&got_message(0, "peer", &payload));
        }
        for _ in 8..55 {
            slow.expect_bytes(&got_message(0, "peer", &payload));
        }
        slow.expect_silence();
    });
}

#[test]
fn b14_half_close_flushes_acks_and_frames() {
    on_both(|bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        let mut writer = Wire::new(a.stream().try_clone().expect("a second handle"));
        let payload = vec![7; 1024];
        thread::scope(|scope| {
            scope.spawn(|| {
                for id in 0..2_000 {
                    writer.send_raw(&message(id, PROCESSED, "a", &payload));
                }
                writer.send_raw(&message(2_000, PROCESSED, "b", b"last"));
                writer.half_close();
            });
            for id in 0..2_000 {
                a.expect_bytes(&[got_message(0, "a", &payload), ack(id, OK)].concat());
            }
            a.expect_bytes(&ack(2_000, OK));
            a.expect_closed();
        });
        b.expect_bytes(&got_message(0, "a", b"last"));
        b.expect_silence();
    });
}

/// The shortest form: everything in one write, then the end.
#[test]
fn b14_half_close_after_a_blind_session() {
    on_both(|bus| {
        let frames: Vec<u8> = (0..100)
            .flat_map(|id| publish(id, PROCESSED, "t", b"x"))
            .collect();
        for round in 0..50 {
            let mut wire = bus.connect();
            let name = format!("blind.{round}");
            wire.send_raw(&[hello(name.as_bytes()), frames.clone()].concat());
            wire.half_close();
            wire.expect_raw(b"\xEB\x01\x00\x01\x01");
            for id in 0..100 {
                wire.expect_bytes(&ack(id, OK));
            }
            wire.expect_closed();
        }
    });
}

/// Frames larger than any socket buffer, cut short by full queues again and again: what was
/// accepted arrives whole, and nothing else.
#[test]
fn o05_frames_arrive_whole_or_not_at_all() {
    let args = ["-t", "30", "--queue-size", "4", "--overflow", "drop"];
    on_both_with(&args, |bus| {
        let (mut sender, mut receiver) = (bus.quiet_client("s"), bus.quiet_client("r"));
        for round in 0..5_u8 {
            let mut accepted = Vec::new();
            for number in 0..100_u8 {
                let mut payload = vec![round; 300_000];
                payload[0] = number;
                let code = sender.request_code(&message(1, PROCESSED, "r", &payload));
                match code {
                    OK => accepted.push(payload),
                    NOT_DELIVERED => {}
                    other => panic!("answered {other:02x}"),
                }
            }
            assert!(accepted.len() < 100, "nothing was refused");
            for payload in accepted {
                receiver.expect_bytes(&got_message(0, "s", &payload));
            }
            receiver.expect_nothing_from(&mut sender);
        }
    });
}

/// A client that only listens hears from the broker within its own timeout, again and again.
#[test]
fn o06_idle_clients_are_pinged_before_they_give_up() {
    on_both_with(&["-t", "2"], |bus| {
        let mut idle = bus.client("idle");
        let mut talker = bus.client("talker");
        for _ in 0..3 {
            idle.expect_ping();
            talker.expect_silence();
        }
    });
}

/// Many publishers, one subscriber that does not read: every publisher gets every ack.
#[test]
fn o09_one_slow_peer_blocks_no_publisher() {
    for policy in ["backpressure", "drop", "disconnect"] {
        let args = ["-t", "1", "--queue-size", "8", "--overflow", policy];
        on_both_with(&args, |bus| {
            let mut stalled = bus.quiet_client("stalled");
            stalled.request(&subscribe(2, PROCESSED, &["t"]), 2);
            let payload = vec![0; 16 * 1024];
            thread::scope(|scope| {
                for i in 0..8 {
                    let (bus, payload) = (&bus, &payload);
                    scope.spawn(move || {
                        let mut publisher = bus.quiet_client(&format!("publisher.{i}"));
                        for id in 0..300 {
                            publisher.request(&publish(id, PROCESSED, "t", payload), id);
                        }
                        publisher.expect_silence();
                    });
                }
            });
        });
    }
}

/// Acks have room of their own: a client whose queue is full of other frames gets its acks.
#[test]
fn o09_acks_are_not_lost_for_a_full_queue() {
    let args = ["-t", "30", "--queue-size", "4", "--overflow", "drop"];
    on_both_with(&args, |bus| {
        let (mut busy, mut sender) = (bus.quiet_client("busy"), bus.quiet_client("sender"));
        let payload = vec![0; 64 * 1024];
        let mut accepted = 0;
        while sender.request_code(&message(1, PROCESSED, "busy", &payload)) == OK {
            accepted += 1;
        }
        for id in 0..100 {
            busy.send_raw(&publish(id, PROCESSED, "nobody", b""));
        }
        for _ in 0..accepted {
            busy.expect_bytes(&got_message(0, "sender", &payload));
        }
        for id in 0..100 {
            busy.expect_bytes(&ack(id, OK));
        }
        busy.expect_silence();
    });
}
