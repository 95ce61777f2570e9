//! What a client can do, with a real broker.

use std::sync::Arc;
use std::thread;

use crate::common::*;
use crate::{LONG, confirmed, connect};
use elbus::borrow::Cow;
use elbus::sync::{Client, EventChannel};
use elbus::{ErrorKind as Kind, Frame, FrameKind, QoS, empty_payload};

const ALL_QOS: [QoS; 4] = [
    QoS::No,
    QoS::Processed,
    QoS::Realtime,
    QoS::RealtimeProcessed,
];

fn listening(broker: &Broker, name: &str) -> (Client, EventChannel) {
    let client = connect(broker, name, LONG);
    let events = client.take_event_channel().expect("taken once");
    (client, events)
}

fn next(events: &EventChannel) -> Frame {
    events.recv_timeout(DEADLINE).expect("a frame")
}

fn bytes(payload: &[u8]) -> Cow<'_> {
    payload.into()
}

/// The operation was carried out; it was confirmed if the QoS asks for that.
fn done(sent: Result<elbus::sync::OpConfirm, elbus::Error>, qos: QoS) {
    let confirmation = sent.expect("sent");
    assert_eq!(confirmation.is_some(), qos.needs_ack());
    if let Some(confirmation) = confirmation {
        confirmation.wait().expect("done");
    }
}

#[test]
fn every_way_to_send_with_every_qos() {
    let broker = Broker::start(&[]);
    let (receiver, events) = listening(&broker, "g.receiver");
    confirmed(receiver.subscribe("t/#", QoS::Processed)).expect("done");
    let sender = connect(&broker, "sender", LONG);
    for qos in ALL_QOS {
        done(sender.send("g.receiver", bytes(b"a\0b"), qos), qos);
        done(
            sender.zc_send("g.receiver", bytes(b"a"), bytes(b"\0b"), qos),
            qos,
        );
        done(sender.send_broadcast("g.*", bytes(b"a\0b"), qos), qos);
        done(sender.publish("t/1", bytes(b"a\0b"), qos), qos);
        done(
            sender.publish_for("t/1", "g.receiver", bytes(b"a\0b"), qos),
            qos,
        );
        done(
            sender.publish_for("t/1", "other", bytes(b"not for us"), qos),
            qos,
        );
        let (message, publication) = (FrameKind::Message, FrameKind::Publish);
        for kind in [
            message,
            message,
            FrameKind::Broadcast,
            publication,
            publication,
        ] {
            let frame = next(&events);
            assert_eq!((frame.kind(), frame.sender()), (kind, "sender"));
            assert_eq!(frame.payload(), b"a\0b");
            assert_eq!(frame.is_realtime(), qos.is_realtime());
            assert_eq!(frame.topic(), (kind == publication).then_some("t/1"));
        }
    }
}

#[test]
fn subscriptions_and_exclusions() {
    let broker = Broker::start(&[]);
    let (client, events) = listening(&broker, "c");
    for qos in ALL_QOS {
        done(client.subscribe("one", qos), qos);
        done(client.subscribe_bulk(&["two/+", "three/#", ""], qos), qos);
        done(client.exclude("two/no", qos), qos);
        done(client.exclude_bulk(&["three/no", "three/no/#"], qos), qos);
        let topics = [
            "one",
            "two/no",
            "two/yes",
            "three/no",
            "three/no/no",
            "three/yes",
            "",
        ];
        let publish_all = || {
            for topic in topics {
                done(client.publish(topic, empty_payload!(), qos), qos);
            }
            done(client.send("c", empty_payload!(), qos), qos);
            let frames = std::iter::from_fn(|| next(&events).topic().map(str::to_owned));
            frames.collect::<Vec<_>>()
        };
        assert_eq!(publish_all(), ["one", "two/yes", "three/yes", ""]);
        done(client.unexclude("two/no", qos), qos);
        done(client.unexclude_bulk(&["three/no", "three/no/#"], qos), qos);
        done(client.unsubscribe("one", qos), qos);
        assert_eq!(publish_all(), &topics[1..]);
        done(client.unsubscribe_bulk(&["two/+", "three/#", ""], qos), qos);
        assert!(publish_all().is_empty());
    }
}

#[test]
fn refusals_have_their_kind() {
    let broker = Broker::start(&[]);
    let client = connect(&broker, "c", LONG);
    let refused = |sent| confirmed(sent).expect_err("refused");
    let nothing = || empty_payload!();
    assert_eq!(
        refused(client.send("nobody", nothing(), QoS::Processed)),
        Kind::NotRegistered
    );
    let levels = "/".repeat(1000);
    assert_eq!(
        refused(client.subscribe(&levels, QoS::Processed)),
        Kind::Data
    );
    // These are not even sent.
    assert_eq!(refused(client.send("a\0b", nothing(), QoS::No)), Kind::Data);
    assert_eq!(
        refused(client.publish("a\0b", nothing(), QoS::Processed)),
        Kind::Data
    );
    assert_eq!(
        refused(client.subscribe_bulk(&["a", "b\0"], QoS::Processed)),
        Kind::Data
    );
    // Nor do they take the place of an operation that waits.
    for _ in 0..elbus::limits::MAX_CONFIRMATIONS {
        let refused = client.subscribe("\0", QoS::Processed);
        assert_eq!(refused.expect_err("refused").kind(), Kind::Data);
    }
    confirmed(client.send("c", nothing(), QoS::Processed)).expect("it goes on");
}

#[test]
fn secondaries_are_numbered_and_go_with_their_primary() {
    let broker = Broker::start(&[]);
    let primary = connect(&broker, "p", LONG);
    let secondaries = [0, 1].map(|number| {
        let secondary = primary.register_secondary().expect("a secondary");
        assert_eq!(secondary.get_name(), format!("p%%{number}"));
        secondary
    });
    let refused = secondaries[0]
        .register_secondary()
        .expect_err("of a secondary");
    assert_eq!(refused.kind(), Kind::NotSupported);
    let events = secondaries[1].take_event_channel().expect("taken once");
    confirmed(secondaries[0].send("p%%1", bytes(b"hi"), QoS::Processed)).expect("done");
    let frame = next(&events);
    assert_eq!((frame.sender(), frame.primary_sender()), ("p%%0", "p"));
    drop(primary);
    assert_eq!(events.recv().expect_err("the end").kind(), Kind::Eof);
    assert!(!secondaries[1].is_connected());
    let late = secondaries[1]
        .send("x", empty_payload!(), QoS::No)
        .expect_err("the end");
    assert_eq!(late.kind(), Kind::Eof);
}

/// Around every size at which something changes, up to the largest.
#[test]
fn frames_of_every_size() {
    const LARGEST: usize = 16 * 1024 * 1024 - 2;
    let broker = Broker::start(&[]);
    let (client, events) = listening(&broker, "c");
    let around = |size: usize| [size - 12, size - 1, size, size + 1];
    let sizes = [256, 4096, 8192, 65_536, 131_072]
        .into_iter()
        .flat_map(around);
    for size in sizes.chain([LARGEST]) {
        let payload: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let sent = client.send("c", bytes(&payload), QoS::Processed);
        let small = client.send("c", bytes(b"small"), QoS::No);
        confirmed(sent).unwrap_or_else(|e| panic!("{size} bytes: {e}"));
        assert!(small.expect("sent").is_none());
        assert!(next(&events).payload() == payload, "{size} bytes");
        assert_eq!(next(&events).payload(), b"small");
    }
}

/// Frames stay whole, those of a thread in order, and each confirmation is that of its operation.
#[test]
fn threads_share_a_client() {
    const THREADS: usize = 4;
    const EACH: u32 = 60;
    /// By how much each frame is longer than the one before: the last ones fill a socket.
    const GROWTH: usize = 5000;
    let broker = Broker::start(&[]);
    let (receiver, events) = listening(&broker, "receiver");
    let sender = Arc::new(connect(&broker, "sender", LONG));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let sender = Arc::clone(&sender);
            thread::spawn(move || {
                for number in 0..EACH {
                    let mut payload = vec![thread as u8; 1 + number as usize * GROWTH];
                    payload.extend_from_slice(&number.to_le_bytes());
                    let sent = sender.send("receiver", payload.into(), QoS::Processed);
                    let refused = sender.send("nobody", empty_payload!(), QoS::Processed);
                    confirmed(sent).expect("done");
                    assert_eq!(confirmed(refused), Err(Kind::NotRegistered));
                }
            })
        })
        .collect();
    let mut numbers = [0; THREADS];
    for _ in 0..THREADS * EACH as usize {
        let frame = next(&events);
        let (padding, number) = frame.payload().split_last_chunk().expect("a number");
        let expected = &mut numbers[usize::from(padding[0])];
        assert_eq!(u32::from_le_bytes(*number), *expected);
        assert_eq!(padding.len(), 1 + *expected as usize * GROWTH);
        assert!(padding.iter().all(|byte| *byte == padding[0]));
        *expected += 1;
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    drop(receiver);
}

#[test]
fn what_was_sent_arrives_although_the_client_is_closed() {
    let broker = Broker::start(&[]);
    for address in [
        crate::path(&broker),
        &format!("127.0.0.1:{}", broker.port()),
    ] {
        let (receiver, events) = listening(&broker, "receiver");
        let config = elbus::sync::Config::new(address, "sender").timeout(LONG);
        let sender = Client::connect(&config).expect("a connection");
        for number in 0..500_u32 {
            // It has frames of its own that it never reads.
            sender
                .send("sender", bytes(&[0; 100]), QoS::No)
                .expect("sent");
            let payload = number.to_le_bytes().repeat(50);
            sender
                .send("receiver", payload.into(), QoS::No)
                .expect("sent");
        }
        sender.close();
        assert!(!sender.is_connected());
        let late = sender.ping().expect_err("closed");
        assert_eq!(late.kind(), Kind::Eof);
        for number in 0..500_u32 {
            assert_eq!(next(&events).payload(), number.to_le_bytes().repeat(50));
        }
        drop(receiver);
    }
}
