//! Handlers that are run one after the other, and call others meanwhile: by a secondary client, and
//! by their own.

use crate::{Bus, ends, subscribe};
use elbus::client::AsyncClient;
use elbus::rpc::{Options, Rpc, RpcClient, RpcEvent, RpcHandlers, RpcResult};
use elbus::{Frame, QoS, async_trait};
use std::sync::{Arc, OnceLock};

/// Answers with what it is asked.
struct Echo;

#[async_trait]
impl RpcHandlers for Echo {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        Ok(Some(event.payload().to_vec()))
    }
}

/// Asks `echo` about everything it gets, and passes the answers on.
struct Asking {
    /// Set when the client is there.
    rpc: Arc<OnceLock<Arc<RpcClient>>>,
    answers: async_channel::Sender<Vec<u8>>,
}

impl Asking {
    async fn ask(&self, payload: &[u8]) {
        let rpc = self.rpc.get().expect("set before anything is sent");
        let reply = rpc.call("echo", "echo", payload.into(), QoS::Processed);
        let reply = reply.await.expect("a reply");
        let answer = reply.payload().to_vec();
        self.answers.send(answer).await.expect("open");
    }
}

#[async_trait]
impl RpcHandlers for Asking {
    async fn handle_notification(&self, event: RpcEvent) {
        self.ask(event.payload()).await;
    }

    async fn handle_frame(&self, frame: Frame) {
        self.ask(frame.payload()).await;
    }
}

/// Publications and notifications, in turn, are handled in the order in which they were sent.
async fn expect_order(bus: &Bus, answers: &async_channel::Receiver<Vec<u8>>) {
    let rpc = RpcClient::new0(bus.client("sender").await);
    for number in 0..200_u8 {
        let payload = vec![number].into();
        let sent = match number % 2 {
            0 => rpc.notify("asking", payload, QoS::Processed).await,
            _ => {
                let client = rpc.client();
                let mut client = client.lock().await;
                client.publish("t", payload, QoS::Processed).await
            }
        };
        sent.expect("delivered");
    }
    for number in 0..200 {
        assert_eq!(ends(answers.recv()).await.expect("open"), [number]);
    }
}

async fn with(
    bus: &Bus,
    mut asking: impl AsyncClient + 'static,
    secondary: Option<impl AsyncClient + 'static>,
) {
    let _echo = RpcClient::new(bus.socket_client("echo").await, Echo);
    subscribe(&mut asking, "t").await;
    let rpc = Arc::new(OnceLock::new());
    let (tx, answers) = async_channel::unbounded();
    let handlers = Asking {
        rpc: rpc.clone(),
        answers: tx,
    };
    let options = Options::new().blocking_frames().blocking_notifications();
    let client = Arc::new(RpcClient::create(asking, handlers, options));
    let calling = match secondary {
        Some(secondary) => Arc::new(RpcClient::new0(secondary)),
        None => client.clone(),
    };
    assert!(rpc.set(calling).is_ok());
    expect_order(bus, &answers).await;
}

#[tokio::test]
async fn a_blocking_handler_calls_by_a_secondary_on_a_socket() {
    let bus = Bus::start().await;
    let asking = bus.socket_client("asking").await;
    let secondary = ends(asking.register_secondary())
        .await
        .expect("a secondary");
    with(&bus, asking, Some(secondary)).await;
}

#[tokio::test]
async fn a_blocking_handler_calls_by_a_secondary_in_the_process() {
    let bus = Bus::start().await;
    let asking = bus.client("asking").await;
    let secondary = bus.broker.register_secondary_for(&asking).await;
    with(&bus, asking, Some(secondary.expect("a secondary"))).await;
}

/// Replies do not wait for handlers, so that works as well, unlike with elbus 0.2.
#[tokio::test]
async fn a_blocking_handler_calls_by_its_own_client() {
    let bus = Bus::start().await;
    let asking = bus.socket_client("asking").await;
    with(&bus, asking, None::<elbus::ipc::Client>).await;
}
