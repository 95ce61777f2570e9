//! What the client puts on its stream, and takes from it, when the other end does not keep up (B18,
//! O5).

use crate::common::fake::{Fake, Peer};
use crate::common::*;
use crate::{SHORT, config, connect, ends};
use elbus::QoS;
use elbus::client::AsyncClient;
use elbus::ipc::Client;
use std::sync::mpsc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_full_event_channel_does_not_block_acks() {
    let fake = Fake::new();
    let script = fake.next(|peer| {
        let mut peer = peer.greet(3);
        let (id, _, _) = peer.frame().expect("the message");
        for _ in 0..10_000 {
            peer.say(&got_message(0, "x", &[0; 100]));
        }
        peer.say(&ack(id, OK));
        peer.hold();
    });
    let config = config(&fake, DEADLINE * 2).queue_size(2);
    let mut client = ends(Client::connect(&config)).await.expect("a connection");
    // Taken, and never read.
    let _events = client.take_event_channel().expect("the channel");
    let sent = ends(client.send("x", b"hi".as_slice().into(), QoS::Processed)).await;
    let confirmation = sent.expect("sent").expect("a confirmation");
    ends(confirmation)
        .await
        .expect("an outcome")
        .expect("the ack");
    drop(client);
    script.join().expect("the script");
}

/// Reads frames as `numbered_frame` makes them until the stream ends; returns their numbers. A
/// frame that is not complete at the very end is ignored; anything else that is not whole panics.
fn numbered_frames(mut peer: Peer) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Some((_, flags, body)) = peer.frame() {
        assert_eq!(flags & 0x3F, MESSAGE);
        let payload = body.strip_prefix(b"x\0").expect("the target");
        let number = u32::from_le_bytes(payload[..4].try_into().unwrap());
        assert_eq!(
            payload,
            numbered_payload(number),
            "not the frame that was sent"
        );
        numbers.push(number);
    }
    numbers
}

fn numbered_payload(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(75_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_write_timeout_ends_the_connection() {
    let fake = Fake::new();
    let (start_reading, wait) = mpsc::channel::<()>();
    let script = fake.next(move |peer| {
        let peer = peer.greet(3);
        wait.recv().expect("a start");
        let numbers = numbered_frames(peer);
        assert!(
            numbers.iter().copied().eq(0..numbers.len() as u32),
            "{numbers:?}"
        );
    });
    let mut client = connect(&fake, SHORT).await;
    for number in 0.. {
        let payload = numbered_payload(number);
        if ends(client.send("x", payload.into(), QoS::No))
            .await
            .is_err()
        {
            break;
        }
        assert!(number < 10_000, "everything was accepted");
    }
    ends(async {
        while client.is_connected() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(
        ends(client.send("x", b"".as_slice().into(), QoS::No))
            .await
            .is_err()
    );
    start_reading.send(()).expect("the script");
    script.join().expect("the script");
}

/// Sends that the application gives up half way: each frame is there as a whole or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn o05_cancelled_sends_do_not_tear_frames() {
    let fake = Fake::new();
    let (start_reading, wait) = mpsc::channel::<()>();
    let script = fake.next(move |peer| {
        let peer = peer.greet(3);
        wait.recv().expect("a start");
        let numbers = numbered_frames(peer);
        assert!(
            !numbers.is_empty() && numbers.is_sorted_by(|a, b| a < b),
            "{numbers:?}"
        );
    });
    let mut client = connect(&fake, DEADLINE).await;
    let mut cancelled = 0;
    for number in 0..40 {
        let payload = numbered_payload(number);
        let sending = client.send("x", payload.into(), QoS::Realtime);
        let given_up = tokio::time::timeout(Duration::from_millis(5), sending).await;
        cancelled += u32::from(given_up.is_err());
    }
    eprintln!("{cancelled} of 40 were cancelled");
    start_reading.send(()).expect("the script");
    drop(client);
    tokio::task::spawn_blocking(|| script.join().expect("the script"))
        .await
        .expect("a thread");
}

/// On one thread the client cannot have read anything before its write fails.
#[tokio::test]
async fn b18_what_the_broker_said_before_it_closed_arrives() {
    let fake = Fake::new();
    let script = fake.next(|peer| {
        let mut peer = peer.greet(3);
        let frames = (0..1_000_u32).map(|number| got_message(0, "x", &number.to_le_bytes()));
        peer.say(&frames.collect::<Vec<_>>().concat());
    });
    let mut client = connect(&fake, DEADLINE).await;
    script.join().expect("the script");
    // Whether this succeeds is open; it tells the client that nobody listens any more.
    let _ = client.ping().await;
    let events = client.take_event_channel().expect("the channel");
    for number in 0..1_000_u32 {
        let frame = ends(events.recv()).await.expect("a frame");
        assert_eq!(frame.payload(), number.to_le_bytes());
    }
    ends(events.recv()).await.expect_err("the end");
}
