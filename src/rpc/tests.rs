//! The RPC client over a scripted client: no broker, no sockets, and the time is virtual.

mod calling;
mod handling;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_trait::async_trait;

use super::{Options, RpcClient, RpcEvent, RpcHandlers};
use crate::borrow::Cow;
use crate::client::AsyncClient;
use crate::protocol::rpc::{error_head, reply_head, request_head};
use crate::{Error, EventChannel, Frame, FrameData, FrameKind, OpConfirm, QoS};

/// How the scripted client confirms what is sent with `QoS::Processed`.
#[derive(Clone)]
enum Confirm {
    With(Result<(), Error>),
    Never,
}

/// A client whose broker is the test.
struct ScriptedClient {
    events: Option<EventChannel>,
    sent: Sender<Sent>,
    connected: Arc<AtomicBool>,
    confirm: Confirm,
    timeout: Option<Duration>,
}

/// What a client has sent.
#[derive(Debug)]
enum Sent {
    Ping,
    Message {
        target: String,
        head: Vec<u8>,
        data: Vec<u8>,
        qos: QoS,
    },
}

/// The other end of a [`ScriptedClient`].
struct Bus {
    events: Sender<Frame>,
    sent: Receiver<Sent>,
    connected: Arc<AtomicBool>,
}

const TIMEOUT: Duration = Duration::from_secs(1);

fn scripted() -> (ScriptedClient, Bus) {
    let (events_tx, events_rx) = async_channel::unbounded();
    let (sent_tx, sent_rx) = async_channel::unbounded();
    let connected = Arc::new(AtomicBool::new(true));
    let client = ScriptedClient {
        events: Some(events_rx),
        sent: sent_tx,
        connected: Arc::clone(&connected),
        confirm: Confirm::With(Ok(())),
        timeout: None,
    };
    let bus = Bus {
        events: events_tx,
        sent: sent_rx,
        connected,
    };
    (client, bus)
}

/// An RPC client whose calls end after [`TIMEOUT`].
fn with_handlers(
    handlers: impl RpcHandlers + Send + Sync + 'static,
    options: Options,
) -> (RpcClient, Bus) {
    let (client, bus) = scripted();
    let rpc = RpcClient::create(client, handlers, options.timeout(TIMEOUT));
    (rpc, bus)
}

impl Bus {
    /// Delivers a message whose head came separately.
    fn deliver(&self, sender: &str, head: &[u8], data: &[u8], realtime: bool) {
        let (sender, head) = (sender.to_owned(), head.to_vec());
        let frame = FrameData::new(
            FrameKind::Message,
            Some(sender),
            None,
            Some(head),
            data.to_vec(),
            0,
            realtime,
        );
        self.events.try_send(Arc::new(frame)).unwrap();
    }

    fn request(&self, sender: &str, id: u32, method: &str, params: &[u8]) {
        self.deliver(sender, &request_head(id, method).unwrap(), params, false);
    }

    fn reply(&self, sender: &str, id: u32, result: &[u8]) {
        self.deliver(sender, &reply_head(id), result, false);
    }

    fn error(&self, sender: &str, id: u32, code: i16, data: &[u8]) {
        self.deliver(sender, &error_head(id, code), data, false);
    }

    fn publish(&self, topic: &str, payload: &[u8]) {
        let (sender, topic) = (Some("pub".to_owned()), Some(topic.to_owned()));
        let frame = FrameData::new(
            FrameKind::Publish,
            sender,
            topic,
            None,
            payload.to_vec(),
            0,
            false,
        );
        self.events.try_send(Arc::new(frame)).unwrap();
    }

    /// The next message that the client sends: target, head, data, QoS.
    async fn message(&self) -> (String, Vec<u8>, Vec<u8>, QoS) {
        match self.sent.recv().await.unwrap() {
            Sent::Message {
                target,
                head,
                data,
                qos,
            } => (target, head, data, qos),
            Sent::Ping => panic!("a ping instead of a message"),
        }
    }

    /// The next request that the client sends: target, call id, method.
    async fn sent_request(&self) -> (String, u32, String) {
        let (target, head, data, _) = self.message().await;
        let frame = FrameData::new(FrameKind::Message, None, None, Some(head), data, 0, false);
        let request = RpcEvent::try_from(Arc::new(frame)).unwrap();
        let method = request.parse_method().unwrap().to_owned();
        (target, request.id(), method)
    }

    /// Ends the connection as a client does that has lost it.
    fn disconnect(&self) {
        self.connected.store(false, SeqCst);
        self.events.close();
    }
}

#[async_trait]
impl AsyncClient for ScriptedClient {
    fn take_event_channel(&mut self) -> Option<EventChannel> {
        self.events.take()
    }

    async fn zc_send(
        &mut self,
        target: &str,
        header: Cow<'async_trait>,
        payload: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        if !self.is_connected() {
            return Err(Error::eof());
        }
        let message = Sent::Message {
            target: target.to_owned(),
            head: header.to_vec(),
            data: payload.to_vec(),
            qos,
        };
        self.sent.send(message).await?;
        if !qos.needs_ack() {
            return Ok(None);
        }
        let (tx, rx) = tokio::sync::oneshot::channel();
        match self.confirm.clone() {
            Confirm::With(result) => {
                let _ = tx.send(result);
            }
            // A confirmation whose other end lives on, and says nothing.
            Confirm::Never => std::mem::forget(tx),
        }
        Ok(Some(rx))
    }

    async fn ping(&mut self) -> Result<(), Error> {
        if !self.is_connected() {
            return Err(Error::eof());
        }
        Ok(self.sent.send(Sent::Ping).await?)
    }

    fn is_connected(&self) -> bool {
        self.connected.load(SeqCst)
    }

    fn get_connected_beacon(&self) -> Option<Arc<AtomicBool>> {
        Some(Arc::clone(&self.connected))
    }

    fn get_timeout(&self) -> Option<Duration> {
        self.timeout
    }

    fn get_name(&self) -> &str {
        "scripted"
    }

    async fn send(&mut self, _: &str, _: Cow<'async_trait>, _: QoS) -> Result<OpConfirm, Error> {
        unreachable!("RPC sends in two parts")
    }

    async fn send_broadcast(
        &mut self,
        _: &str,
        _: Cow<'async_trait>,
        _: QoS,
    ) -> Result<OpConfirm, Error> {
        unreachable!("RPC does not broadcast")
    }

    async fn publish(&mut self, _: &str, _: Cow<'async_trait>, _: QoS) -> Result<OpConfirm, Error> {
        unreachable!("RPC does not publish")
    }

    async fn subscribe(&mut self, _: &str, _: QoS) -> Result<OpConfirm, Error> {
        unreachable!("RPC does not subscribe")
    }

    async fn unsubscribe(&mut self, _: &str, _: QoS) -> Result<OpConfirm, Error> {
        unreachable!("RPC does not unsubscribe")
    }

    async fn subscribe_bulk(&mut self, _: &[&str], _: QoS) -> Result<OpConfirm, Error> {
        unreachable!("RPC does not subscribe")
    }

    async fn unsubscribe_bulk(&mut self, _: &[&str], _: QoS) -> Result<OpConfirm, Error> {
        unreachable!("RPC does not unsubscribe")
    }
}
