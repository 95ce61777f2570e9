//! The event channel, when nobody or too few receive.

use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::common::fake::Fake;
use crate::common::*;
use crate::{LONG, config, confirmed, connect, connect_to_fake, ends, path};
use elbus::sync::{Client, Config};
use elbus::{ErrorKind as Kind, QoS, empty_payload};

/// Frames that the channels of these tests hold.
const ROOM: usize = 10;

/// The channel fills up, then the broker's queue, then the sender waits; nothing is lost.
#[test]
fn a_receiver_that_does_not_receive_holds_up_the_sender() {
    const FRAMES: u32 = 20_000;
    let broker = Broker::start(&["-t", "60"]);
    let config = Config::new(path(&broker), "slow")
        .timeout(LONG)
        .queue_size(ROOM);
    let slow = Client::connect(&config).expect("a connection");
    let events = slow.take_event_channel().expect("taken once");
    let sender = connect(&broker, "sender", LONG);
    let (progress, sent) = channel();
    let sending = thread::spawn(move || {
        for number in 0..FRAMES {
            let payload = number.to_le_bytes().repeat(64);
            sender.send("slow", payload.into(), QoS::No).expect("sent");
            let _ = progress.send(number);
        }
        // Everything has left when this is answered.
        confirmed(sender.send("slow", empty_payload!(), QoS::Processed))
    });
    // Until nothing moves any more.
    while sent.recv_timeout(Duration::from_millis(500)).is_ok() {}
    assert!(
        !sending.is_finished(),
        "somebody has room for {FRAMES} frames"
    );
    for number in 0..FRAMES {
        let frame = events.recv_timeout(DEADLINE).expect("a frame");
        assert_eq!(frame.payload(), number.to_le_bytes().repeat(64));
    }
    assert_eq!(sending.join().expect("no panic"), Ok(()));
    assert_eq!(slow.dropped_frames(), 0);
}

/// The ack stands behind more frames than the channel and what may be set aside take together.
#[test]
fn a_confirmation_gets_through_a_full_channel() {
    for is_taken in [true, false] {
        let fake = Fake::new();
        let script = fake.next(|peer| {
            let mut peer = peer.greet(3);
            let (id, _, _) = peer.frame().expect("an operation");
            for number in 0..3 * ROOM as u8 {
                peer.say(&got_message(0, "x", &[number]));
            }
            peer.say(&ack(id, OK));
            peer.hold();
        });
        let config = config(&fake, LONG).queue_size(ROOM);
        let client = Client::connect(&config).expect("a connection");
        let early = is_taken.then(|| client.take_event_channel());
        let sent = client.send("x", empty_payload!(), QoS::Processed);
        ends(|| confirmed(sent)).expect("the ack");
        assert_eq!(client.dropped_frames(), ROOM as u64);
        let events = early.unwrap_or_else(|| client.take_event_channel());
        let events = events.expect("taken once");
        for number in 0..2 * ROOM as u8 {
            let frame = events.recv_timeout(DEADLINE).expect("a frame");
            assert_eq!(frame.payload(), [number]);
        }
        drop(client);
        assert_eq!(events.recv().expect_err("the end").kind(), Kind::Eof);
        script.join().expect("the script");
    }
}

/// The reader waits for room then, and has to be woken.
#[test]
fn a_client_with_a_full_channel_can_be_closed_and_ask() {
    let fake = Fake::new();
    let (said, all_said) = channel();
    let script = fake.next(move |peer| {
        let mut peer = peer.greet(3);
        for number in 0..ROOM as u8 + 1 {
            peer.say(&got_message(0, "x", &[number]));
        }
        said.send(()).expect("the test");
        let (id, _, _) = peer.frame().expect("an operation");
        peer.say(&ack(id, OK));
        peer.hold();
    });
    let client = Client::connect(&config(&fake, LONG).queue_size(ROOM)).expect("a connection");
    let events = client.take_event_channel().expect("taken once");
    all_said.recv().expect("the script");
    let client = ends(move || {
        confirmed(client.send("x", empty_payload!(), QoS::Processed)).expect("the ack");
        client
    });
    ends(move || drop(client));
    assert_eq!(events.iter().count(), ROOM + 1);
    script.join().expect("the script");
}

#[test]
fn waiting_for_frames_ends_in_time() {
    let fake = Fake::new();
    let script = fake.next(|peer| peer.greet(3).hold());
    let client = connect_to_fake(&fake, LONG);
    let events = client.take_event_channel().expect("taken once");
    for timeout in [Duration::ZERO, Duration::from_millis(50)] {
        let start = Instant::now();
        let kind = events.recv_timeout(timeout).expect_err("nothing").kind();
        assert_eq!(kind, Kind::Timeout);
        assert!(start.elapsed() >= timeout);
    }
    let waiting = thread::spawn(move || events.recv().map(drop));
    drop(client);
    let kind = waiting
        .join()
        .expect("no panic")
        .expect_err("the end")
        .kind();
    assert_eq!(kind, Kind::Eof);
    script.join().expect("the script");
}

#[test]
fn nobody_is_interested_any_more() {
    let broker = Broker::start(&[]);
    let client = connect(&broker, "c", LONG);
    drop(client.take_event_channel().expect("taken once"));
    for _ in 0..10 {
        for _ in 0..2000 {
            client.send("c", empty_payload!(), QoS::No).expect("sent");
        }
        confirmed(client.send("c", empty_payload!(), QoS::Processed)).expect("done");
    }
    assert_eq!(client.dropped_frames(), 0);
}
