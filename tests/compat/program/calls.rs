//! Calls between clients over sockets.

use std::sync::Arc;

use async_trait::async_trait;
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::rpc::{
    DummyHandlers, Options, Rpc, RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult,
};
use elbus::{Frame, QoS, empty_payload};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::rpc::Unplugged;
use super::{Bus, TIMEOUT, confirmed};

/// Answers, and passes on what it has seen.
struct Handlers(UnboundedSender<String>);

impl Handlers {
    fn new() -> (Self, UnboundedReceiver<String>) {
        let (seen, all) = unbounded_channel();
        (Self(seen), all)
    }

    fn see(&self, what: &str, payload: &[u8]) {
        let text = String::from_utf8_lossy(payload);
        self.0
            .send(format!("{what} {text}"))
            .expect("somebody looks");
    }
}

#[async_trait]
impl RpcHandlers for Handlers {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            "echo" => Ok(Some(event.payload().to_vec())),
            "nothing" => {
                self.see("call", event.payload());
                Ok(None)
            }
            "fail" => Err(RpcError::new(-777, Some(event.payload().to_vec()))),
            _ => Err(RpcError::method(None)),
        }
    }

    async fn handle_notification(&self, event: RpcEvent) {
        self.see("notification", event.payload());
    }

    async fn handle_frame(&self, frame: Frame) {
        self.see("frame", frame.payload());
    }
}

async fn connect(bus: &Bus, name: &str) -> Client {
    let config = Config::new(&bus.path("sock"), name).timeout(TIMEOUT);
    Client::connect(&config).await.expect("accepted")
}

pub async fn calls() {
    let bus = Bus::start("calls").await;
    let (handlers, mut seen) = Handlers::new();
    let _server = RpcClient::new(connect(&bus, "server").await, handlers);
    let caller = RpcClient::new0(connect(&bus, "caller").await);
    let rpc: &(dyn Rpc + Send + Sync) = &caller;
    assert!(rpc.is_connected());

    let qos = QoS::Processed;
    let params = b"params".as_slice();
    let reply: RpcEvent = rpc
        .call("server", "echo", params.into(), qos)
        .await
        .expect("echo");
    assert_eq!(reply.payload(), params);
    let failed = rpc.call("server", "fail", params.into(), qos).await;
    let failed: RpcError = failed.expect_err("the method fails");
    assert_eq!((failed.code(), failed.data()), (-777, Some(params)));
    let unknown = rpc.call("server", "what", empty_payload!(), qos).await;
    assert_eq!(unknown.expect_err("no such method").code(), -32_601);
    let nobody = rpc.call("nobody", "echo", empty_payload!(), qos).await;
    assert_eq!(nobody.expect_err("no such client").code(), -32_113);
    // Nobody has methods unless it says so.
    let dummy = RpcClient::new(connect(&bus, "dummy").await, DummyHandlers {});
    let refused = rpc.call("dummy", "echo", empty_payload!(), qos).await;
    assert_eq!(refused.expect_err("no methods").code(), -32_601);
    drop(dummy);
    let own: Box<dyn Rpc> = Box::new(Unplugged);
    assert!(!own.is_connected());

    confirmed(rpc.call0("server", "nothing", params.into(), qos).await)
        .await
        .expect("sent");
    assert_eq!(seen.recv().await.expect("the call"), "call params");
    confirmed(rpc.notify("server", params.into(), qos).await)
        .await
        .expect("sent");
    assert_eq!(
        seen.recv().await.expect("the notification"),
        "notification params"
    );
    let client: Arc<Mutex<dyn AsyncClient>> = rpc.client();
    let mut client = client.lock().await;
    confirmed(client.send_broadcast("server", params.into(), qos).await)
        .await
        .expect("sent");
    assert_eq!(seen.recv().await.expect("the broadcast"), "frame params");
}

/// Blocking handlers see everything in the order of arrival.
pub async fn options() {
    let bus = Bus::start("options").await;
    let (handlers, mut seen) = Handlers::new();
    let options = Options::new().blocking_notifications().blocking_frames();
    assert!(!format!("{:?}", options.clone()).is_empty());
    let _server = RpcClient::create(connect(&bus, "server").await, handlers, options);
    let caller = connect(&bus, "caller").await;
    let caller = RpcClient::create0(caller, Options::default());
    for number in 0..10 {
        let text = number.to_string().into_bytes();
        let sent = caller
            .notify("server", text.clone().into(), QoS::Processed)
            .await;
        confirmed(sent).await.expect("sent");
        let client = caller.client();
        let mut client = client.lock().await;
        let sent = client
            .send_broadcast("server", text.into(), QoS::Processed)
            .await;
        confirmed(sent).await.expect("sent");
    }
    for number in 0..10 {
        assert_eq!(
            seen.recv().await.expect("all"),
            format!("notification {number}")
        );
        assert_eq!(seen.recv().await.expect("all"), format!("frame {number}"));
    }
}
