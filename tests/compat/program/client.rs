//! The trait `AsyncClient`: used on every kind of client, and implemented by a program.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use elbus::borrow::Cow;
use elbus::client::AsyncClient;
use elbus::{Error, ErrorKind, EventChannel, Frame, FrameKind, OpConfirm, QoS, empty_payload};

use super::confirmed;

/// Does everything a client can do; it is its own receiver.
pub async fn exercise(client: &mut dyn AsyncClient) {
    let name = client.get_name().to_owned();
    let events: EventChannel = client.take_event_channel().expect("not yet taken");
    assert!(client.take_event_channel().is_none());
    assert!(client.is_connected());
    let acked = QoS::Processed;

    let none: OpConfirm = client
        .send(&name, b"a".as_slice().into(), QoS::No)
        .await
        .expect("sent");
    assert!(none.is_none());
    let realtime = QoS::RealtimeProcessed;
    confirmed(client.send(&name, b"b".to_vec().into(), realtime).await)
        .await
        .expect("sent");
    let (header, payload) = (b"c".to_vec().into(), Arc::new(b"d".to_vec()).into());
    confirmed(client.zc_send(&name, header, payload, acked).await)
        .await
        .expect("sent");
    confirmed(
        client
            .send_broadcast(&name, b"e".as_slice().into(), acked)
            .await,
    )
    .await
    .expect("sent");
    let mut received = Vec::new();
    for _ in 0..4 {
        received.push(text(&events.recv().await.expect("a frame")));
    }
    assert_eq!(received, ["a", "b", "cd", "e"]);

    confirmed(client.subscribe("a/+", acked).await)
        .await
        .expect("subscribed");
    confirmed(client.subscribe_bulk(&["b/#", "c"], acked).await)
        .await
        .expect("subscribed");
    for topic in ["a/1", "b/1/2", "c"] {
        confirmed(client.publish(topic, empty_payload!(), acked).await)
            .await
            .expect("sent");
        let frame = events.recv().await.expect("a frame");
        assert!(matches!(frame.kind(), FrameKind::Publish));
        assert_eq!(
            (frame.sender(), frame.topic()),
            (name.as_str(), Some(topic))
        );
    }
    confirmed(client.unsubscribe("a/+", acked).await)
        .await
        .expect("unsubscribed");
    confirmed(client.unsubscribe_bulk(&["b/#", "c"], acked).await)
        .await
        .expect("unsubscribed");
    confirmed(client.publish("c", empty_payload!(), acked).await)
        .await
        .expect("sent");
    assert!(events.is_empty());

    // Clients of the process report at once, others in the confirmation.
    let nobody = confirmed(client.send("nobody", empty_payload!(), acked).await).await;
    assert_eq!(
        nobody.expect_err("not there").kind(),
        ErrorKind::NotRegistered
    );
    client.ping().await.expect("connected");
}

/// Header and payload, wherever the one ends.
fn text(frame: &Frame) -> String {
    let bytes = [frame.header().unwrap_or_default(), frame.payload()].concat();
    String::from_utf8(bytes).expect("text")
}

/// A client of the program's own, as tests of applications have them.
pub struct Nowhere;

#[async_trait]
impl AsyncClient for Nowhere {
    fn take_event_channel(&mut self) -> Option<EventChannel> {
        None
    }
    async fn send(&mut self, _: &str, _: Cow<'async_trait>, _: QoS) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn zc_send(
        &mut self,
        _: &str,
        _: Cow<'async_trait>,
        _: Cow<'async_trait>,
        _: QoS,
    ) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn send_broadcast(
        &mut self,
        _: &str,
        _: Cow<'async_trait>,
        _: QoS,
    ) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn publish(&mut self, _: &str, _: Cow<'async_trait>, _: QoS) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn subscribe(&mut self, _: &str, _: QoS) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn unsubscribe(&mut self, _: &str, _: QoS) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn subscribe_bulk(&mut self, _: &[&str], _: QoS) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn unsubscribe_bulk(&mut self, _: &[&str], _: QoS) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn ping(&mut self) -> Result<(), Error> {
        Ok(())
    }
    fn is_connected(&self) -> bool {
        true
    }
    fn get_connected_beacon(&self) -> Option<Arc<AtomicBool>> {
        None
    }
    fn get_timeout(&self) -> Option<Duration> {
        None
    }
    fn get_name(&self) -> &str {
        "nowhere"
    }
}
