//! Full queues inside the process. The clock is virtual: waiting costs no time.

use crate::{next, subscribe};
use elbus::broker::{BROKER_INFO_TOPIC, BROKER_WARN_TOPIC, Broker, Client};
use elbus::client::AsyncClient;
use elbus::{DEFAULT_TIMEOUT, ErrorKind as Kind, EventChannel, QoS};
use tokio::time::Instant;

async fn pair(broker: &Broker) -> (Client, Client, EventChannel) {
    let sender = broker.register_client("sender").await.expect("free");
    let mut receiver = broker.register_client("receiver").await.expect("free");
    let events = receiver.take_event_channel().expect("taken once");
    (sender, receiver, events)
}

async fn try_send(sender: &mut Client, number: u8) -> Result<(), Kind> {
    let sent = sender
        .send("receiver", vec![number].into(), QoS::Processed)
        .await;
    sent.map(|_| ()).map_err(|e| e.kind())
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_queue_concerns_clients_registered_later() {
    let mut broker = Broker::new();
    broker.set_queue_size(3);
    let (mut sender, _receiver, events) = pair(&broker).await;
    broker.set_queue_size(100);
    for number in 0..3 {
        assert_eq!(try_send(&mut sender, number).await, Ok(()));
    }
    assert_eq!(try_send(&mut sender, 3).await, Err(Kind::NotDelivered));
    assert_eq!(events.len(), 3);
    let mut later = broker.register_client("later").await.expect("free");
    let events = later.take_event_channel().expect("taken once");
    for _ in 0..100 {
        let sent = sender.send("later", b"".as_slice().into(), QoS::No).await;
        sent.expect("room");
    }
    assert_eq!(events.len(), 100);
}

/// The sender waits, and is told; the receiver stays, and others are told of it once.
#[tokio::test(start_paused = true)]
async fn a_full_queue_holds_up_its_senders_for_a_timeout() {
    let mut broker = Broker::new();
    broker.init_default_core_rpc().await.expect("the first");
    let mut observer = broker.register_client("observer").await.expect("free");
    subscribe(&mut observer, BROKER_WARN_TOPIC).await;
    let warnings = observer.take_event_channel().expect("taken once");
    broker.set_queue_size(2);
    let (mut sender, _receiver, events) = pair(&broker).await;
    for number in 0..2 {
        assert_eq!(try_send(&mut sender, number).await, Ok(()));
    }
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(try_send(&mut sender, 9).await, Err(Kind::NotDelivered));
        // And a last look at the queue.
        let waited = start.elapsed();
        let last_look = std::time::Duration::from_millis(10);
        assert!(waited >= DEFAULT_TIMEOUT && waited < DEFAULT_TIMEOUT + last_look);
    }
    let warning = next(&warnings).await;
    assert!(
        warning
            .payload()
            .starts_with(b"\x84\xA1s\xA4slow\xA1d\xA8receiver\xA1t\xCF")
    );
    assert!(warning.payload().ends_with(b"\xA1a\xA7dropped"));
    assert!(warnings.is_empty());
    for number in 0..2 {
        assert_eq!(next(&events).await.payload(), [number]);
    }
    assert_eq!(try_send(&mut sender, 3).await, Ok(()));
    assert_eq!(next(&events).await.payload(), [3]);
}

#[tokio::test(start_paused = true)]
async fn a_sender_goes_on_as_soon_as_there_is_room() {
    let mut broker = Broker::new();
    broker.set_queue_size(1);
    let (mut sender, _receiver, events) = pair(&broker).await;
    let start = Instant::now();
    let sending = async {
        for number in 0..100 {
            assert_eq!(try_send(&mut sender, number).await, Ok(()));
        }
    };
    let reading = async {
        for number in 0..100 {
            assert_eq!(next(&events).await.payload(), [number]);
        }
    };
    tokio::join!(sending, reading);
    assert_eq!(start.elapsed(), std::time::Duration::ZERO);
}

/// Whoever goes while others wait for it releases them.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_receiver_ends_the_wait() {
    let mut broker = Broker::new();
    broker.set_queue_size(1);
    let (mut sender, receiver, events) = pair(&broker).await;
    assert_eq!(try_send(&mut sender, 0).await, Ok(()));
    let start = Instant::now();
    let (outcome, ()) = tokio::join!(try_send(&mut sender, 1), async { drop(receiver) });
    assert_eq!(outcome, Err(Kind::NotDelivered));
    assert_eq!(start.elapsed(), std::time::Duration::ZERO);
    assert_eq!(events.len(), 1);
    assert_eq!(try_send(&mut sender, 2).await, Err(Kind::NotRegistered));
}

/// The channel that an application reads has the size that was asked for. Room in reserve for what the
/// broker itself has to say is for clients on sockets only.
#[tokio::test(start_paused = true)]
async fn announcements_to_a_full_queue_are_missed() {
    let mut broker = Broker::new();
    broker.init_default_core_rpc().await.expect("the first");
    broker.set_queue_size(1);
    let mut observer = broker.register_client("observer").await.expect("free");
    subscribe(&mut observer, BROKER_INFO_TOPIC).await;
    let events = observer.take_event_channel().expect("taken once");
    let mut clients = Vec::new();
    for name in ["first", "second"] {
        clients.push(broker.register_client(name).await.expect("free"));
    }
    let announcement = next(&events).await;
    assert!(
        announcement
            .payload()
            .starts_with(b"\x83\xA1s\xA3reg\xA1d\xA5first")
    );
    assert!(events.is_empty());
    clients.push(broker.register_client("third").await.expect("free"));
    let announcement = next(&events).await;
    assert!(
        announcement
            .payload()
            .starts_with(b"\x83\xA1s\xA3reg\xA1d\xA5third")
    );
}
