//! The broker announces, replies and takes fifo commands while somebody does not read (B3), and
//! tells about those who do not (O17).

use crate::common::*;
use crate::connections::overflow;
use std::io::Write;
use std::thread;

// Newcomers come one after the other as fast as they can.
const ARGS: &[&str] = &["-t", "1", "--queue-size", "16", "--connect-rate", "0"];

/// Registers clients one after the other until the trouble is over; each must be answered.
fn register_while(bus: &Bus, trouble: thread::ScopedJoinHandle<'_, ()>) {
    let mut count = 0;
    while !trouble.is_finished() || count < 100 {
        bus.quiet_client(&format!("newcomer.{count}"))
            .expect_silence();
        count += 1;
    }
    trouble.join().expect("the trouble maker");
}

#[test]
fn b03_a_stalled_subscriber_of_announcements_stops_nobody() {
    on_both_with(ARGS, |bus| {
        let mut stalled = bus.client("stalled");
        stalled.request(&subscribe(1, PROCESSED, &[".broker/info"]), 1);
        // Two announcements of about 1 KiB each per name.
        let long = "n".repeat(1_000);
        for i in 0..4_000 {
            drop(bus.client(&format!("{long}{i}")));
        }
        let mut next = bus.quiet_client("next");
        assert_eq!(next.call_broker("test", b""), b"\x81\xA2ok\xC3");
    });
}

#[test]
fn b03_a_caller_that_does_not_read_replies_stops_nobody() {
    on_both_with(ARGS, |bus| {
        let mut caller = bus.client("caller");
        let request = rpc_request(7, "benchmark.test", &[0; 16 * 1024]);
        let call = message(1, NO, ".broker", &request);
        thread::scope(|scope| {
            let trouble = scope.spawn(move || {
                for _ in 0..2_000 {
                    // Sooner or later the broker cuts it.
                    if caller.try_send_raw(&call).is_err() {
                        break;
                    }
                }
            });
            register_while(bus, trouble);
        });
        let mut next = bus.quiet_client("next");
        assert_eq!(next.call_broker("test", b""), b"\x81\xA2ok\xC3");
    });
}

#[test]
fn b03_a_fifo_command_to_a_stalled_client_stops_nobody() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let dir = broker::TempDir::new();
        let fifo = dir.path().join("fifo");
        let bind = format!("fifo:{}", fifo.display());
        let bus = Bus {
            broker: Broker::start(&[ARGS, &["-B", &bind]].concat()),
            transport,
        };
        let _stalled = bus.client("stalled");
        let line = format!("stalled {}\n", "x".repeat(4_000));
        thread::scope(|scope| {
            let trouble = scope.spawn(|| {
                let mut fifo = std::fs::File::options()
                    .write(true)
                    .open(&fifo)
                    .expect("the fifo");
                for _ in 0..5_000 {
                    fifo.write_all(line.as_bytes()).expect("a line");
                }
            });
            register_while(&bus, trouble);
        });
        let mut next = bus.quiet_client("next");
        next.request(&subscribe(1, PROCESSED, &["t"]), 1);
        std::fs::write(&fifo, "=t end\n").expect("a line");
        next.expect_bytes(&got_publication(0, ".broker", "t", b"end"));
    }
}

/// Expects the next frame to be a warning about a slow client, to the last byte but for its time.
fn expect_slow(wire: &mut Wire, name: &str, action: &str) {
    let frame = wire.read_frame();
    let text = |text: &str| [&[0xA0 | text.len() as u8], text.as_bytes()].concat();
    let (name, action) = (text(name), text(action));
    let head = b".broker\0.broker/warn\0\x84\xA1s\xA4slow\xA1d";
    let before = [head, &name[..], b"\xA1t\xCF"].concat();
    let after = [b"\xA1a", &action[..]].concat();
    let rest = frame.body.strip_prefix(&before[..]);
    let time = rest.and_then(|rest| rest.strip_suffix(&after[..]));
    assert_eq!(
        (frame.kind, frame.flag, time.map(<[u8]>::len)),
        (PUBLISH, 0, Some(8)),
        "{}",
        show(&frame.body)
    );
}

/// Whoever is disconnected for a full queue is named on `.broker/warn`, to which everybody is
/// subscribed.
#[test]
fn o17_a_disconnected_receiver_is_named_in_a_warning() {
    for policy in ["backpressure", "disconnect"] {
        on_both_with(&[ARGS, &["--overflow", policy]].concat(), |bus| {
            let mut bystander = bus.client("bystander");
            let mut sender = bus.quiet_client("sender");
            let stalled = bus.client("stalled.client");
            overflow(&mut sender, "stalled.client");
            expect_slow(&mut bystander, "stalled.client", "disconnected");
            bystander.expect_silence();
            drop(stalled);
        });
    }
}

/// Sends messages until one is refused; returns how many were not.
fn fill(sender: &mut Wire, target: &str) -> u32 {
    let frame = message(1, PROCESSED, target, &[0; 16 * 1024]);
    let accepted = std::iter::repeat_with(|| sender.request_code(&frame));
    let refusal = accepted.enumerate().find(|(_, code)| *code != OK);
    let (number, code) = refusal.expect("an end");
    assert_eq!(code, NOT_DELIVERED);
    number as u32
}

/// Where frames are dropped, there is one warning when that starts, however many they are, and
/// another one only after there was room.
#[test]
fn o17_dropped_frames_are_warned_of_once() {
    on_both_with(
        &["-t", "30", "--queue-size", "16", "--overflow", "drop"],
        |bus| {
            let mut bystander = bus.client("bystander");
            let mut sender = bus.quiet_client("sender");
            let mut stalled = bus.quiet_client("stalled");
            let accepted = fill(&mut sender, "stalled");
            let frame = message(2, PROCESSED, "stalled", &[0; 16 * 1024]);
            for _ in 0..1_000 {
                assert_eq!(sender.request_code(&frame), NOT_DELIVERED);
            }
            expect_slow(&mut bystander, "stalled", "dropped");
            bystander.expect_nothing_from(&mut sender);
            for _ in 0..accepted {
                stalled.read_frame();
            }
            // Nothing is refused until all of it is accepted.
            stalled.expect_silence();
            bystander.expect_nothing_from(&mut sender);
            // The warnings of one client keep a distance, so the second spell may have to last.
            fill(&mut sender, "stalled");
            let mut marker = message(3, PROCESSED, "bystander", b"marker");
            marker.extend(message(4, PROCESSED, "stalled", &[0; 16 * 1024]));
            eventually("the second warning", || {
                sender.send_raw(&marker);
                sender.expect_bytes(&[ack(3, OK), ack(4, NOT_DELIVERED)].concat());
                let frame = bystander.read_frame();
                (frame.kind == PUBLISH).then_some(())
            });
            sender.expect_silence();
        },
    );
}

/// A receiver that misses frames learns of it itself: there is a reserve for what the broker says.
#[test]
fn o17_the_slow_client_is_warned_as_well() {
    on_both_with(
        &["-t", "30", "--queue-size", "16", "--overflow", "drop"],
        |bus| {
            let mut sender = bus.quiet_client("sender");
            let mut stalled = bus.client("stalled");
            let accepted = fill(&mut sender, "stalled");
            for _ in 0..accepted {
                assert_eq!(stalled.read_frame().kind, MESSAGE);
            }
            expect_slow(&mut stalled, "stalled", "dropped");
            stalled.expect_silence();
        },
    );
}
