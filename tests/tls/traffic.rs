//! What clients without TLS do, with TLS.

use std::time::Duration;

use elbus::broker::ServerConfig;
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::{EventChannel, QoS};

use crate::common::DEADLINE;
use crate::scene::{Plant, events, next, within};

const MEBIBYTE: usize = 1024 * 1024;

/// Bytes of which no two records have the same.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at / 7 + at / 251) as u8).collect()
}

async fn send(client: &mut Client, target: &str, payload: &[u8]) {
    let sent = within(client.send(target, payload.into(), QoS::Processed)).await;
    let confirmation = sent.expect("room").expect("a confirmation");
    within(confirmation)
        .await
        .expect("an answer")
        .expect("delivered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_of_all_sizes_arrive_as_they_were_sent() {
    let plant = Plant::new();
    let bus = plant.serve(plant.files()).await;
    let mut one = plant.client(&bus, "one").await;
    let mut other = plant.client(&bus, "other").await;
    let (ones, others) = (events(&mut one), events(&mut other));
    // Around the size of a record, of a payload that is read by itself, of the buffer of a session.
    for size in [
        0,
        1,
        4095,
        4096,
        16_384,
        16_385,
        65_536,
        100_000,
        MEBIBYTE,
        8 * MEBIBYTE,
    ] {
        let payload = pattern(size);
        send(&mut one, "other", &payload).await;
        assert!(next(&others).await.payload() == payload, "{size} bytes");
        send(&mut other, "one", &payload).await;
        assert!(next(&ones).await.payload() == payload, "{size} bytes");
    }
}

/// Both with TLS to each other, and each to one without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_in_all_directions_arrive_complete_and_in_order() {
    const FRAMES: u32 = 20_000;
    let plant = Plant::new();
    let mut bus = plant.serve(plant.files()).await;
    let socket = plant.path("bus.sock");
    let socket = socket.to_str().expect("a plain path");
    bus.broker
        .spawn_unix_server(socket, ServerConfig::new().timeout(DEADLINE))
        .await
        .expect("a second listener");
    let local = Config::new(socket, "local").timeout(DEADLINE);
    let clients = [
        plant.client(&bus, "one").await,
        plant.client(&bus, "other").await,
        crate::scene::connect(&local).await.expect("a client"),
    ];
    let mut tasks = Vec::new();
    for (mut client, target) in clients.into_iter().zip(["other", "local", "one"]) {
        let events = events(&mut client);
        tasks.push(tokio::spawn(expect_numbered(events, FRAMES)));
        tasks.push(tokio::spawn(async move {
            let tail = pattern(300);
            for number in 0..FRAMES {
                // Of sizes that have nothing to do with those of records and reads.
                let mut payload = number.to_le_bytes().to_vec();
                payload.extend_from_slice(&tail[..number as usize % 300]);
                let sent = client.send(target, payload.into(), QoS::No).await;
                assert!(sent.expect("room").is_none());
            }
            // Dropped, the client would leave.
            std::future::pending::<()>().await;
        }));
    }
    for receiving in tasks.iter_mut().step_by(2) {
        within(receiving).await.expect("all frames");
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn expect_numbered(events: EventChannel, frames: u32) {
    for expected in 0..frames {
        let frame = next(&events).await;
        let (number, tail) = frame.payload().split_at(4);
        assert_eq!(number, expected.to_le_bytes());
        assert_eq!(tail.len(), expected as usize % 300);
    }
}

/// Pings and acks are records, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_client_stays() {
    const TIMEOUT: Duration = Duration::from_millis(100);
    let plant = Plant::new();
    let config = ServerConfig::new().timeout(TIMEOUT);
    let bus = plant.serve_with(plant.files(), config).await;
    let mut client = plant.client(&bus, "idle").await;
    for _ in 0..5 {
        tokio::time::sleep(TIMEOUT).await;
        client.ping().await.expect("a connection");
    }
    let events = events(&mut client);
    send(&mut client, "idle", b"still here").await;
    assert_eq!(next(&events).await.payload(), b"still here");
}

/// What was sent before the client was dropped arrives; then the broker knows that it has gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_has_said_all_it_wanted() {
    let plant = Plant::new();
    let bus = plant.serve(plant.files()).await;
    let mut receiver = plant.client(&bus, "receiver").await;
    let received = events(&mut receiver);
    for round in 0..20_u8 {
        let mut sender = plant.client(&bus, "sender").await;
        let payload = vec![round; MEBIBYTE / 4];
        let sent = sender.send("receiver", payload.into(), QoS::No).await;
        assert!(sent.expect("room").is_none());
        drop(sender);
        let frame = next(&received).await;
        assert_eq!(frame.payload().len(), MEBIBYTE / 4);
        assert!(frame.payload().iter().all(|byte| *byte == round));
        crate::scene::eventually("the name is free again", async || {
            bus.broker.force_disconnect("sender").is_err()
        })
        .await;
    }
}
