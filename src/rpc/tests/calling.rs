//! Calls to others: what is sent, and every way in which a call ends.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::time::Instant;

use super::super::{DummyHandlers, Options, Rpc, RpcClient, RpcError, RpcEvent};
use super::{Bus, Confirm, Sent, TIMEOUT, scripted, with_handlers};
use crate::limits::INTERNAL_RPC_TIMEOUT;
use crate::{Error, ErrorKind, QoS};

fn caller() -> (Arc<RpcClient>, Bus) {
    let (rpc, bus) = with_handlers(DummyHandlers {}, Options::default());
    (Arc::new(rpc), bus)
}

async fn call(rpc: &RpcClient, qos: QoS) -> Result<RpcEvent, RpcError> {
    rpc.call("t", "m", b"params".as_slice().into(), qos).await
}

/// Calls in a task of its own.
fn spawn_call(rpc: &Arc<RpcClient>) -> tokio::task::JoinHandle<Result<RpcEvent, RpcError>> {
    let rpc = Arc::clone(rpc);
    tokio::spawn(async move { call(&rpc, QoS::Processed).await })
}

/// The code with which a call ends, and after what time, without that of the last look.
async fn ends(rpc: &RpcClient, qos: QoS) -> (i16, Duration) {
    let start = Instant::now();
    let code = call(rpc, qos).await.unwrap_err().code();
    let hundredths = start.elapsed().as_millis() / 10;
    (
        code,
        Duration::from_millis(10) * u32::try_from(hundredths).expect("a short time"),
    )
}

#[tokio::test(start_paused = true)]
async fn a_call_sends_a_request_and_returns_the_reply() {
    let (rpc, bus) = caller();
    let pending = spawn_call(&rpc);
    let (target, head, data, qos) = bus.message().await;
    assert_eq!((target.as_str(), qos), ("t", QoS::Processed));
    assert_eq!(head, b"\x01\x01\0\0\0m\0");
    assert_eq!(data, b"params");
    bus.reply("t", 1, b"result");
    let reply = pending.await.unwrap().unwrap();
    assert_eq!((reply.id(), reply.payload()), (1, b"result".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn an_error_reply_is_the_error_of_the_call() {
    let (rpc, bus) = caller();
    let pending = spawn_call(&rpc);
    bus.message().await;
    bus.error("t", 1, -5, b"why");
    let error = pending.await.unwrap().unwrap_err();
    assert_eq!(error, RpcError::new(-5, Some(b"why".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn replies_find_their_calls_in_any_order() {
    let (rpc, bus) = caller();
    let (first, second) = (spawn_call(&rpc), spawn_call(&rpc));
    bus.message().await;
    bus.message().await;
    bus.reply("t", 2, b"two");
    bus.reply("t", 1, b"one");
    assert_eq!(first.await.unwrap().unwrap().payload(), b"one");
    assert_eq!(second.await.unwrap().unwrap().payload(), b"two");
}

#[tokio::test(start_paused = true)]
async fn h19_wrong_replies_do_not_end_a_call() {
    let (rpc, bus) = caller();
    let pending = spawn_call(&rpc);
    bus.message().await;
    bus.reply("t", 0, b"id zero");
    bus.reply("t", 7, b"unknown id");
    bus.error("t", u32::MAX, -1, b"unknown id");
    bus.reply("mallory", 1, b"not the target");
    bus.deliver("t", b"\x11", b"cut short", false);
    bus.reply("t", 1, b"right");
    bus.reply("t", 1, b"once more");
    assert_eq!(pending.await.unwrap().unwrap().payload(), b"right");
}

#[tokio::test(start_paused = true)]
async fn without_a_reply_a_call_times_out() {
    let (rpc, _bus) = caller();
    for qos in [QoS::No, QoS::Processed] {
        assert_eq!(ends(&rpc, qos).await, (-32_120, TIMEOUT));
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_ignored() {
    let (rpc, bus) = caller();
    assert_eq!(ends(&rpc, QoS::No).await.0, -32_120);
    bus.message().await;
    let pending = spawn_call(&rpc);
    let (_, id, _) = bus.sent_request().await;
    bus.reply("t", id - 1, b"late");
    bus.reply("t", id, b"right");
    assert_eq!(pending.await.unwrap().unwrap().payload(), b"right");
}

#[tokio::test(start_paused = true)]
async fn without_a_confirmation_a_call_times_out() {
    let (mut client, _bus) = scripted();
    client.confirm = Confirm::Never;
    let rpc = RpcClient::create0(client, Options::new().timeout(TIMEOUT));
    assert_eq!(ends(&rpc, QoS::Processed).await, (-32_120, TIMEOUT));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_never_released_does_not_hold_a_call_up() {
    let (rpc, _bus) = caller();
    let client = rpc.client();
    let _lock = client.lock().await;
    assert_eq!(ends(&rpc, QoS::No).await, (-32_120, TIMEOUT));
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_that_of_the_client_unless_set() {
    let cases = [
        (None, None, INTERNAL_RPC_TIMEOUT),
        (None, Some(3), Duration::from_secs(3)),
        (Some(5), None, Duration::from_secs(5)),
        (Some(5), Some(3), Duration::from_secs(3)),
    ];
    for (of_client, of_options, expected) in cases {
        let (mut client, _bus) = scripted();
        client.timeout = of_client.map(Duration::from_secs);
        let options = match of_options {
            Some(secs) => Options::new().timeout(Duration::from_secs(secs)),
            None => Options::new(),
        };
        let rpc = RpcClient::create0(client, options);
        assert_eq!(ends(&rpc, QoS::No).await, (-32_120, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_delivered_ends_the_call() {
    for (kind, code) in [
        (ErrorKind::NotRegistered, -32_113),
        (ErrorKind::NotDelivered, -32_119),
        (ErrorKind::Access, -32_121),
    ] {
        let (mut client, _bus) = scripted();
        client.confirm = Confirm::With(Err(Error::from(kind)));
        let rpc = RpcClient::new0(client);
        assert_eq!(ends(&rpc, QoS::Processed).await, (code, Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn the_loss_of_the_connection_ends_calls_at_once() {
    let (rpc, bus) = caller();
    assert!(rpc.is_connected());
    let start = Instant::now();
    let pending = spawn_call(&rpc);
    bus.message().await;
    bus.disconnect();
    assert_eq!(pending.await.unwrap().unwrap_err().code(), -32_255);
    assert!(!rpc.is_connected());
    assert_eq!(ends(&rpc, QoS::No).await.0, -32_255);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_events_are_taken_cannot_call() {
    let (mut client, _bus) = scripted();
    client.events = None;
    let rpc = RpcClient::new0(client);
    tokio::task::yield_now().await;
    assert_eq!(ends(&rpc, QoS::No).await, (-32_255, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_frees_its_id() {
    let (rpc, bus) = caller();
    let pending = spawn_call(&rpc);
    bus.message().await;
    pending.abort();
    assert!(pending.await.unwrap_err().is_cancelled());
    bus.reply("t", 1, b"nobody waits");
    let pending = spawn_call(&rpc);
    let (_, id, _) = bus.sent_request().await;
    bus.reply("t", id, b"right");
    assert_eq!(pending.await.unwrap().unwrap().payload(), b"right");
}

#[tokio::test(start_paused = true)]
async fn a_method_with_nul_is_refused() {
    let (rpc, bus) = caller();
    let params = || crate::empty_payload!();
    let refused = rpc.call("t", "a\0b", params(), QoS::No).await.unwrap_err();
    assert_eq!(refused.code(), -32_114);
    let refused = rpc.call0("t", "a\0b", params(), QoS::No).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Data);
    assert!(bus.sent.is_empty());
}

#[tokio::test(start_paused = true)]
async fn notifications_and_calls_without_reply() {
    let (rpc, bus) = caller();
    let confirm = rpc.notify("t", b"data".as_slice().into(), QoS::Processed);
    confirm.await.unwrap().unwrap().await.unwrap().unwrap();
    let (target, head, data, qos) = bus.message().await;
    assert_eq!((target.as_str(), qos), ("t", QoS::Processed));
    assert_eq!((head, data), (b"\0".to_vec(), b"data".to_vec()));

    let params = b"params".as_slice().into();
    let confirm = rpc.call0("t", "m", params, QoS::No).await.unwrap();
    assert!(confirm.is_none());
    let (_, head, data, qos) = bus.message().await;
    assert_eq!(
        (head, data, qos),
        (b"\x01\0\0\0\0m\0".to_vec(), b"params".to_vec(), QoS::No)
    );
}

#[tokio::test(start_paused = true)]
async fn the_broker_is_pinged_once_per_timeout() {
    let (mut client, bus) = scripted();
    client.timeout = Some(TIMEOUT);
    let rpc = RpcClient::new0(client);
    let start = Instant::now();
    for n in 1..=3 {
        assert!(matches!(bus.sent.recv().await.unwrap(), Sent::Ping));
        assert_eq!(start.elapsed(), TIMEOUT * n);
    }
    drop(rpc);
    // The client below is dropped with its tasks, which closes the channel.
    assert!(bus.sent.recv().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn clients_without_timeout_do_not_ping() {
    let (rpc, bus) = caller();
    tokio::time::sleep(TIMEOUT * 100).await;
    assert!(bus.sent.is_empty());
    drop(rpc);
}

#[tokio::test(start_paused = true)]
async fn a_ping_notices_that_the_connection_is_lost() {
    let (mut client, bus) = scripted();
    client.timeout = Some(TIMEOUT);
    let options = Options::new().timeout(TIMEOUT * 100);
    let rpc = Arc::new(RpcClient::create0(client, options));
    let start = Instant::now();
    let pending = spawn_call(&rpc);
    bus.message().await;
    // The event channel stays open.
    bus.connected.store(false, SeqCst);
    assert_eq!(pending.await.unwrap().unwrap_err().code(), -32_255);
    assert_eq!(start.elapsed(), TIMEOUT);
}
