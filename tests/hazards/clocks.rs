//! Time that jumps (H15): the broker stands still for longer than its timeout, as it does while a
//! device sleeps, and goes on.

use crate::common::*;
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Well beyond the timeout of one second.
const SLEEP: Duration = Duration::from_millis(1_600);

fn sleep(broker: &Broker, meanwhile: impl FnOnce()) {
    broker.signal(Signal::SIGSTOP);
    meanwhile();
    // No event tells that a process that does nothing has done so for long enough.
    thread::sleep(SLEEP);
    broker.signal(Signal::SIGCONT);
}

/// What clients sent while the broker slept was in time, although all its timers have run out.
#[test]
fn h15_who_did_nothing_wrong_stays() {
    on_both_with(&["-t", "1"], |bus| {
        let mut silent = bus.client("silent");
        let mut midway = bus.client("midway");
        let mut newcomer = bus.connect();
        newcomer.begin();
        let mut receiver = bus.client("receiver");
        receiver.request(&subscribe(1, PROCESSED, &["t"]), 1);
        let bytes = message(2, PROCESSED, "receiver", &[7; 50_000]);
        midway.send_raw(&bytes[..100]);
        receiver.expect_silence();
        sleep(&bus.broker, || {
            midway.send_raw(&bytes[100..]);
            newcomer.send_raw(&name_block(b"newcomer"));
            silent.send_raw(&publish(3, PROCESSED, "t", b"x"));
        });
        silent.expect_bytes(&ack(3, OK));
        midway.expect_bytes(&ack(2, OK));
        newcomer.expect_raw(&[OK]);
        let frames = [receiver.read_frame(), receiver.read_frame()];
        let is = |kind: u8| frames.iter().filter(|frame| frame.kind == kind).count();
        assert_eq!((is(MESSAGE), is(PUBLISH)), (1, 1), "{frames:?}");
        for wire in [&mut silent, &mut midway, &mut receiver] {
            wire.expect_silence();
        }
    });
}

/// A receiver whose queue was full is not given up for the time in which the broker wrote nothing.
#[test]
fn h15_a_full_queue_survives_the_sleep() {
    on_both_with(&["-t", "1", "--queue-size", "16"], |bus| {
        let mut receiver = bus.quiet_client("receiver");
        let mut sender = bus.quiet_client("sender");
        let mut writer = Wire::new(sender.stream().try_clone().expect("a second handle"));
        let payload = vec![7; 16 * 1024];
        let sent = AtomicU32::new(0);
        thread::scope(|scope| {
            // More than the sockets and the queue take.
            scope.spawn(|| {
                for id in 0..500 {
                    writer.send_raw(&message(id, PROCESSED, "receiver", &payload));
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
            receiver.expect_bytes(&got_message(0, "sender", &payload));
            // From here on the sender waits as well.
            wait_until_still(&sent);
            sleep(&bus.broker, || {
                // There is room in the socket, of which the broker has not been told.
                receiver.expect_bytes(&got_message(0, "sender", &payload));
            });
            for _ in 2..500 {
                receiver.expect_bytes(&got_message(0, "sender", &payload));
            }
            for id in 0..500 {
                sender.expect_bytes(&ack(id, OK));
            }
        });
        receiver.expect_silence();
    });
}

/// Pings are not made up for: one or two are due after the sleep, not one for each half timeout.
#[test]
fn h15_the_keep_alive_goes_on_where_it_was() {
    on_both_with(&["-t", "1"], |bus| {
        let mut idle = bus.client("idle");
        idle.expect_ping();
        sleep(&bus.broker, || ());
        idle.expect_silence();
        assert!(idle.pings <= 3, "{} pings", idle.pings);
        idle.expect_ping();
    });
}
