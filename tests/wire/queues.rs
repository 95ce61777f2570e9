//! Section 7.3: what every overflow policy has in common. The policies themselves have their own
//! test binary.

use crate::common::*;

const QUEUE: &[&str] = &["-t", "1", "--queue-size", "64"];
/// Larger than what the kernel buffers between two processes, many times over.
const ENDLESS: usize = 4_000;

/// Sends messages to a client that never reads until one is refused. All before were accepted.
fn fill_up(sender: &mut Wire, target: &str) {
    let payload = vec![0; 16 * 1024];
    for id in 0..ENDLESS as u32 {
        match sender.request_code(&message(id, PROCESSED, target, &payload)) {
            OK => {}
            NOT_DELIVERED => return,
            other => panic!("message {id} answered {other:02x}"),
        }
    }
    panic!("{ENDLESS} messages were accepted for a client that never reads");
}

#[test]
fn a_message_to_a_full_queue_is_77() {
    on_both_with(QUEUE, |bus| {
        let mut sender = bus.quiet_client("sender");
        let _stalled = bus.quiet_client("stalled");
        fill_up(&mut sender, "stalled");
        sender.expect_silence();
    });
}

/// With the default policy and with that of the reference, the receiver is then unregistered.
#[test]
fn a_receiver_that_does_not_read_is_unregistered_and_its_name_free() {
    on_both_with(QUEUE, |bus| {
        let mut sender = bus.quiet_client("sender");
        let mut stalled = bus.quiet_client("stalled");
        fill_up(&mut sender, "stalled");
        let code = sender.request_code(&message(7, PROCESSED, "stalled", b""));
        assert_eq!(code, NOT_REGISTERED);
        let mut next = bus.broker.client_when_free(bus.transport, "stalled");
        next.expect_silence();
        // The old connection ends, after whole frames.
        for frame in stalled.drain() {
            assert_eq!((frame.kind, frame.body.len()), (MESSAGE, 7 + 16 * 1024));
        }
        next.expect_silence();
    });
}

#[test]
fn others_are_served_while_somebody_does_not_read() {
    on_both_with(QUEUE, |bus| {
        let mut sender = bus.quiet_client("sender");
        let mut stalled = bus.quiet_client("stalled");
        stalled.request(&subscribe(1, PROCESSED, &["#"]), 1);
        let (mut a, mut b) = (bus.quiet_client("a"), bus.quiet_client("b"));
        std::thread::scope(|scope| {
            scope.spawn(|| fill_up(&mut sender, "stalled"));
            for id in 0..500 {
                a.request(&message(id, PROCESSED, "b", b"x"), id);
                b.expect_bytes(&got_message(0, "a", b"x"));
            }
        });
    });
}

/// A burst larger than the queue reaches a client that reads, in order. With one frame at a time
/// under way this holds for every policy.
#[test]
fn queues_are_used_again_and_again() {
    on_both_with(&["--queue-size", "4"], |bus| {
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        for id in 0..2_000_u32 {
            a.request(&message(id, PROCESSED, "b", &id.to_le_bytes()), id);
            b.expect_bytes(&got_message(0, "a", &id.to_le_bytes()));
        }
    });
}
