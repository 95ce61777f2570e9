//! Handlers: what they get, in which order, how many at a time, and what their callers get.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::super::{
    DummyHandlers, Options, Rpc, RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult,
};
use super::{Bus, TIMEOUT, with_handlers};
use crate::protocol::rpc::request_head;
use crate::{Frame, QoS};

/// Takes notes of all it gets. The first byte of a payload says for how many milliseconds.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    async fn take(&self, what: &str, payload: &[u8]) {
        let ms = payload.first().copied().unwrap_or_default();
        sleep(Duration::from_millis(ms.into())).await;
        self.0.lock().unwrap().push(format!("{what} {ms}"));
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl RpcHandlers for Notes {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            "echo" => Ok(Some(event.payload().to_vec())),
            "nothing" => Ok(None),
            "fail" => Err(RpcError::new(-7, Some(event.payload().to_vec()))),
            "panic" => panic!("as the caller wished"),
            _ => Err(RpcError::method(None)),
        }
    }

    async fn handle_notification(&self, event: RpcEvent) {
        self.take("notification", event.payload()).await;
    }

    async fn handle_frame(&self, frame: Frame) {
        let topic = frame.topic().unwrap_or_default();
        self.take(topic, frame.payload()).await;
    }
}

fn note_taker(options: Options) -> (RpcClient, Bus, Notes) {
    let notes = Notes::default();
    let (rpc, bus) = with_handlers(notes.clone(), options);
    (rpc, bus, notes)
}

/// The reply to one request: head and data.
async fn ask(bus: &Bus, method: &str, params: &[u8]) -> (Vec<u8>, Vec<u8>) {
    bus.request("me", 5, method, params);
    let (target, head, data, qos) = bus.message().await;
    assert_eq!((target.as_str(), qos), ("me", QoS::Processed));
    (head, data)
}

#[tokio::test(start_paused = true)]
async fn results_and_errors_are_replied() {
    let (_rpc, bus, _) = note_taker(Options::default());
    let reply = b"\x11\x05\0\0\0".to_vec();
    assert_eq!(
        ask(&bus, "echo", b"hi").await,
        (reply.clone(), b"hi".to_vec())
    );
    assert_eq!(ask(&bus, "nothing", b"").await, (reply, vec![]));
    let error = b"\x12\x05\0\0\0\xF9\xFF".to_vec();
    assert_eq!(ask(&bus, "fail", b"why").await, (error, b"why".to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_method_that_is_not_text_is_answered_with_a_data_error() {
    let (_rpc, bus, _) = note_taker(Options::default());
    bus.deliver("me", b"\x01\x05\0\0\0\xFF\0", b"", false);
    let (_, head, data, _) = bus.message().await;
    assert_eq!(head, b"\x12\x05\0\0\0\x8E\x82");
    assert!(!data.is_empty());
}

#[tokio::test(start_paused = true)]
async fn default_handlers_refuse_calls() {
    let (_rpc, bus) = with_handlers(DummyHandlers {}, Options::default());
    bus.publish("t", b"");
    bus.deliver("me", b"\0", b"", false);
    let refused = b"\x12\x05\0\0\0\xA7\x80".to_vec();
    assert_eq!(ask(&bus, "echo", b"").await, (refused, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_internal_error_and_nothing_else() {
    let (_rpc, bus, _) = note_taker(Options::new().max_tasks(1));
    let internal = b"\x12\x05\0\0\0\xA5\x80".to_vec();
    for _ in 0..3 {
        assert_eq!(ask(&bus, "panic", b"").await, (internal.clone(), vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn replies_go_to_the_full_name_as_fast_as_the_request_came() {
    let (_rpc, bus, _) = note_taker(Options::default());
    for (realtime, expected) in [(false, QoS::Processed), (true, QoS::RealtimeProcessed)] {
        let head = request_head(5, "echo").unwrap();
        bus.deliver("me%%3", &head, b"", realtime);
        let (target, _, _, qos) = bus.message().await;
        assert_eq!((target.as_str(), qos), ("me%%3", expected));
    }
}

#[tokio::test(start_paused = true)]
async fn h19_nothing_is_replied_to_id_zero_or_nonsense() {
    let (_rpc, bus, _) = note_taker(Options::default());
    bus.request("me", 0, "echo", b"");
    bus.request("me", 0, "fail", b"");
    bus.deliver("me", b"\x01\x05\0\0\0no NUL", b"", false);
    bus.deliver("me", b"\x7F", b"", false);
    bus.deliver("me", b"", b"", false);
    sleep(TIMEOUT).await;
    assert!(bus.sent.is_empty());
}

#[tokio::test(start_paused = true)]
async fn handlers_run_side_by_side_by_default() {
    let (_rpc, bus, notes) = note_taker(Options::default());
    for ms in [3, 2, 1] {
        bus.publish("t", &[ms]);
        bus.deliver("me", b"\0", &[ms + 10], false);
    }
    sleep(TIMEOUT).await;
    let notifications = ["notification 11", "notification 12", "notification 13"];
    assert_eq!(notes.read()[..3], ["t 1", "t 2", "t 3"]);
    assert_eq!(notes.read()[3..], notifications);
}

#[tokio::test(start_paused = true)]
async fn blocking_handlers_share_the_order_of_arrival() {
    let options = Options::new().blocking_frames().blocking_notifications();
    let (_rpc, bus, notes) = note_taker(options);
    bus.publish("t", &[30]);
    bus.deliver("me", b"\0", &[20], false);
    bus.publish("t", &[10]);
    let start = Instant::now();
    // Calls do not wait for them.
    ask(&bus, "echo", b"").await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    sleep(TIMEOUT).await;
    assert_eq!(notes.read(), ["t 30", "notification 20", "t 10"]);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_configured_blocks() {
    let (_rpc, bus, notes) = note_taker(Options::new().blocking_notifications());
    for ms in [3, 2] {
        bus.publish("t", &[ms]);
        bus.deliver("me", b"\0", &[ms], false);
    }
    sleep(TIMEOUT).await;
    let all = notes.read();
    let of = |what| all.iter().filter(move |note| note.starts_with(what));
    assert!(of("t").eq(["t 2", "t 3"]));
    assert!(of("notification").eq(["notification 3", "notification 2"]));
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_is_handled_although_the_connection_ends() {
    let (_rpc, bus, notes) = note_taker(Options::new().max_tasks(1));
    bus.publish("t", &[5]);
    bus.publish("t", &[6]);
    bus.disconnect();
    sleep(TIMEOUT).await;
    assert_eq!(notes.read(), ["t 5", "t 6"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_client_ends_its_handlers() {
    let (rpc, bus, notes) = note_taker(Options::default());
    bus.publish("t", &[5]);
    sleep(Duration::from_millis(1)).await;
    drop(rpc);
    sleep(TIMEOUT).await;
    assert!(notes.read().is_empty());
    assert!(bus.events.is_closed());
}

/// Answers every call with what another client answers to it.
#[derive(Clone, Default)]
struct Relay(Arc<OnceLock<RpcClient>>);

#[async_trait]
impl RpcHandlers for Relay {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        let rpc = self.0.get().unwrap();
        let params = event.payload().into();
        let reply = rpc.call("other", "ask", params, QoS::Processed).await?;
        Ok(Some(reply.payload().to_vec()))
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_that_call_others_do_not_starve_their_own_replies() {
    let relay = Relay::default();
    let (rpc, bus) = with_handlers(relay.clone(), Options::new().max_tasks(2));
    assert!(relay.0.set(rpc).is_ok());
    let start = Instant::now();
    // Many more requests than handlers, all there before the first reply.
    for id in 1..=50 {
        bus.request("me", id, "relay", b"");
    }
    let (mut asked, mut answered) = (0, 0);
    while answered < 50 {
        let (target, head, data, _) = bus.message().await;
        if target == "other" {
            asked += 1;
            let id = u32::from_le_bytes(head[1..5].try_into().unwrap());
            bus.reply("other", id, b"answer");
        } else {
            answered += 1;
            assert_eq!((target.as_str(), data), ("me", b"answer".to_vec()));
        }
    }
    assert_eq!((asked, start.elapsed()), (50, Duration::ZERO));
}

/// Answers calls as long as the test lends it permits.
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

#[async_trait]
impl RpcHandlers for Gate {
    async fn handle_call(&self, _: RpcEvent) -> RpcResult {
        self.0.acquire().await.unwrap().forget();
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn when_too_many_events_wait_no_more_are_taken() {
    use crate::limits::MAX_RPC_WAITING;
    let permits = Arc::new(Semaphore::new(0));
    let gate = Gate(Arc::clone(&permits));
    let (_rpc, bus) = with_handlers(gate, Options::new().max_tasks(3));
    // Three are handled, one is in the hands of the dispatcher, the others wait.
    let taken = 3 + MAX_RPC_WAITING + 1;
    for _ in 0..taken + 10 {
        bus.request("me", 1, "m", b"");
    }
    sleep(TIMEOUT).await;
    assert_eq!(bus.events.len(), 10);
    permits.add_permits(4);
    sleep(TIMEOUT).await;
    assert_eq!((bus.events.len(), bus.sent.len()), (6, 4));
    permits.add_permits(taken + 6);
    sleep(TIMEOUT).await;
    assert_eq!((bus.events.len(), bus.sent.len()), (0, taken + 10));
}
