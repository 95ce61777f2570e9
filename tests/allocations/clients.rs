//! What the clients of the crate allocate for each frame.
//!
//! The numbers are what is measured now. Whoever saves one lowers the constant.

use crate::bus::{Bus, write};
use crate::common::*;
use crate::counter::Tally;
use elbus::broker::{Broker, Client as Internal};
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::{EventChannel, QoS};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// The future of a call through the trait `AsyncClient`, which is boxed.
const CALL: u64 = 1;
/// The other half of a confirmation.
const CONFIRMATION: u64 = 1;
/// A frame as the application gets it, with sender, topic and a small payload.
const FRAME: u64 = 1;
/// Waiting on an event channel that is empty.
const WAIT: u64 = 1;

/// Operations of one measurement.
const OPERATIONS: u64 = 10_000;

/// What may come on top of a whole measurement: the background task of a client makes room for a
/// timer whenever the socket is full, for instance.
const AROUND: u64 = OPERATIONS / 100;

const PAYLOAD: &[u8] = &[b'x'; 100];

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// Expects this thread to make so many allocations for each operation. `work` is told how many to
/// carry out.
#[track_caller]
fn expect(runtime: &Runtime, each: u64, mut work: impl AsyncFnMut(u64)) {
    let tally = Tally::new();
    tally.count_this_thread();
    runtime.block_on(work(OPERATIONS));
    let mut measure = || tally.of(|| runtime.block_on(work(OPERATIONS))).times;
    // How often a socket is full depends on who else uses the machine, which only adds.
    let found = (0..5).map(|_| measure()).min().unwrap_or_default();
    let expected = each * OPERATIONS;
    assert!(
        (expected..=expected + AROUND).contains(&found),
        "{} for each operation, not {each}",
        found as f64 / OPERATIONS as f64
    );
}

/// A client of this process with its event channel.
fn register(runtime: &Runtime, broker: &Broker, name: &str) -> (Internal, EventChannel) {
    let client = runtime.block_on(broker.register_client(name));
    let mut client = client.expect("a free name");
    let events = client.take_event_channel().expect("the first");
    (client, events)
}

fn subscribe_to_topic(runtime: &Runtime, client: &mut impl AsyncClient) {
    let subscribed = runtime.block_on(client.subscribe("plant/speed", QoS::No));
    subscribed.expect("subscribed");
}

async fn next(events: &EventChannel) {
    let frame = events.recv().await.expect("the channel is open");
    assert_eq!(frame.payload().len(), PAYLOAD.len());
}

#[test]
fn a_message_in_the_process() {
    let (runtime, broker) = (runtime(), Broker::new());
    let (mut sender, _) = register(&runtime, &broker, "sender");
    let (_receiver, events) = register(&runtime, &broker, "receiver");
    expect(&runtime, CALL + FRAME, async |operations| {
        for _ in 0..operations {
            let sent = sender.send("receiver", PAYLOAD.into(), QoS::No).await;
            sent.expect("sent");
            next(&events).await;
        }
    });
    let payload = Arc::new(PAYLOAD.to_vec());
    expect(&runtime, CALL + FRAME, async |operations| {
        for _ in 0..operations {
            let payload = payload.clone().into();
            let sent = sender.send("receiver", payload, QoS::No).await;
            sent.expect("sent");
            next(&events).await;
        }
    });
    let each = CALL + FRAME + CONFIRMATION;
    // The vector itself is the caller's.
    let vector = 1;
    expect(&runtime, vector + each, async |operations| {
        for _ in 0..operations {
            let payload = PAYLOAD.to_vec().into();
            let sent = sender.send("receiver", payload, QoS::Processed).await;
            let confirmation = sent.expect("sent").expect("as the QoS asks for");
            confirmation.await.expect("an answer").expect("delivered");
            next(&events).await;
        }
    });
}

/// However many receive it.
#[test]
fn a_publication_in_the_process() {
    let (runtime, broker) = (runtime(), Broker::new());
    let (mut sender, _) = register(&runtime, &broker, "sender");
    let mut receivers: Vec<_> = (0..64)
        .map(|i| register(&runtime, &broker, &format!("receiver.{i}")))
        .collect();
    for (client, _) in &mut receivers {
        subscribe_to_topic(&runtime, client);
    }
    let each = CALL + FRAME;
    expect(&runtime, each, async |operations| {
        for _ in 0..operations {
            let sent = sender.publish("plant/speed", PAYLOAD.into(), QoS::No).await;
            sent.expect("sent");
            for (_, events) in &receivers {
                next(events).await;
            }
        }
    });
}

fn connect(runtime: &Runtime, bus: &Bus, name: &str) -> (Client, EventChannel) {
    let path = bus.socket.to_str().expect("a plain path");
    let config = Config::new(path, name).timeout(DEADLINE);
    let client = runtime.block_on(Client::connect(&config));
    let mut client = client.expect("a connection");
    let events = client.take_event_channel().expect("the first");
    (client, events)
}

#[test]
fn sending_over_a_socket() {
    let (runtime, bus) = (runtime(), Bus::start());
    let (mut client, _events) = connect(&runtime, &bus, "sender");
    for qos in [QoS::No, QoS::Realtime] {
        expect(&runtime, CALL, async |operations| {
            for _ in 0..operations {
                let sent = client.send("nobody", PAYLOAD.into(), qos).await;
                sent.expect("sent");
            }
        });
    }
    expect(&runtime, CALL + CONFIRMATION, async |operations| {
        for _ in 0..operations {
            let sent = client.publish("t", PAYLOAD.into(), QoS::Processed).await;
            let confirmation = sent.expect("sent").expect("as the QoS asks for");
            confirmation.await.expect("an answer").expect("delivered");
        }
    });
}

#[test]
fn receiving_from_a_socket() {
    let (runtime, bus) = (runtime(), Bus::start());
    let (mut client, events) = connect(&runtime, &bus, "receiver");
    subscribe_to_topic(&runtime, &mut client);
    let sender = bus.client(Transport::Unix, "sender");
    for frame in [
        message(1, NO, "receiver", PAYLOAD),
        publish(1, NO, "plant/speed", PAYLOAD),
    ] {
        // One frame after the other, each of which is waited for.
        expect(&runtime, WAIT + FRAME, async |operations| {
            for _ in 0..operations {
                write(&sender, &frame);
                next(&events).await;
            }
        });
    }
}
