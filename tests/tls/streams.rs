//! Streams that are cut, and readers that are slow.

use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;

use elbus::broker::{Overflow, ServerConfig};
use elbus::client::AsyncClient;
use elbus::{ErrorKind, QoS};

use crate::common::{BROKER_PING, DEADLINE, got_message};
use crate::scene::{Plant, eventually, within};
use crate::{raw, scene};

/// Who is cut off without a word has gone, as one without TLS would have.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_cut_ends_the_client() {
    let plant = Plant::new();
    let bus = plant.serve(plant.files()).await;
    let cut = raw::client(&plant, &bus, "cut");
    cut.sock.shutdown(Shutdown::Write).expect("a cut");
    eventually("the client has gone", async || {
        bus.broker.force_disconnect("cut").is_err()
    })
    .await;
    plant.client(&bus, "cut").await;
}

/// And a client whose broker is cut off notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_is_noticed() {
    let plant = Plant::new();
    let bus = plant.serve(plant.files()).await;
    let mut client = plant.client(&bus, "c").await;
    let events = scene::events(&mut client);
    drop(bus);
    assert!(within(events.recv()).await.is_err());
    assert!(!client.is_connected());
}

/// Whoever does not read makes the broker hold so much and no more, and gets that when it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_slow_reader_is_bounded() {
    const PAYLOAD: usize = 16 * 1024;
    const OFFERED: usize = 64 * 1024 * 1024 / PAYLOAD;
    let plant = Plant::new();
    let config = ServerConfig::new()
        .timeout(DEADLINE)
        .queue_bytes(256 * 1024)
        .overflow(Overflow::Drop);
    let bus = plant.serve_with(plant.files(), config).await;
    let mut slow = raw::client(&plant, &bus, "slow");
    let mut sender = plant.client(&bus, "sender").await;
    let mut taken = Vec::new();
    for number in 0..OFFERED {
        let mut payload = vec![number as u8; PAYLOAD];
        payload[..4].copy_from_slice(&(number as u32).to_le_bytes());
        let sent = sender.send("slow", payload.clone().into(), QoS::Processed);
        let confirmation = within(sent).await.expect("room").expect("a confirmation");
        match within(confirmation).await.expect("an answer") {
            Ok(()) => taken.push(payload),
            Err(e) => assert_eq!(e.kind(), ErrorKind::NotDelivered),
        }
    }
    // The buffers of the kernel take some MiB in both directions.
    assert!(taken.len() < OFFERED / 2, "{} frames", taken.len());
    let reading = tokio::task::spawn_blocking(move || {
        for payload in taken {
            let expected = got_message(0, "sender", &payload);
            assert!(next_frame(&mut slow) == expected);
        }
    });
    within(reading).await.expect("all that was taken");
}

/// A sender waits for a receiver that reads little by little, and loses nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_slows_its_sender_down() {
    const PAYLOAD: usize = 100_000;
    const FRAMES: u32 = 200;
    let plant = Plant::new();
    let config = ServerConfig::new().timeout(DEADLINE).queue_bytes(64 * 1024);
    let bus = plant.serve_with(plant.files(), config).await;
    let mut slow = raw::client(&plant, &bus, "slow");
    let reading = tokio::task::spawn_blocking(move || {
        for number in 0..FRAMES {
            let expected = got_message(0, "sender", &vec![number as u8; PAYLOAD]);
            assert!(next_frame(&mut slow) == expected, "frame {number}");
            if number % 20 == 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let mut sender = plant.client(&bus, "sender").await;
    for number in 0..FRAMES {
        let payload = vec![number as u8; PAYLOAD];
        let sent = within(sender.send("slow", payload.into(), QoS::No)).await;
        assert!(sent.expect("room").is_none());
    }
    within(reading).await.expect("all frames");
}

/// The next frame that is no ping.
fn next_frame(stream: &mut raw::Stream) -> Vec<u8> {
    loop {
        let mut frame = vec![0; BROKER_PING.len()];
        stream.read_exact(&mut frame).expect("a frame");
        if frame == BROKER_PING {
            continue;
        }
        let length = u32::from_le_bytes([frame[1], frame[2], frame[3], frame[4]]);
        frame.resize(BROKER_PING.len() + length as usize, 0);
        stream
            .read_exact(&mut frame[BROKER_PING.len()..])
            .expect("its body");
        return frame;
    }
}
