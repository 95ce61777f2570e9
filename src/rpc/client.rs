//! The RPC client: calls others, and has its handlers called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

use super::calls::Calls;
use super::dispatch::{Caller, Responder, dispatch};
use super::{DummyHandlers, Options, RpcError, RpcEvent, RpcEventKind, RpcHandlers};
use crate::borrow::Cow;
use crate::client::AsyncClient;
use crate::deadline;
use crate::limits::INTERNAL_RPC_TIMEOUT;
use crate::protocol::rpc::{NO_REPLY, NOTIFICATION_HEAD, request_head};
use crate::{Error, OpConfirm, QoS};

/// Shortest pause between pings, whatever the timeout.
const MIN_PING_INTERVAL: Duration = Duration::from_millis(10);

/// Calls to others.
#[async_trait]
pub trait Rpc {
    /// The client below, for everything that is not RPC: subscribing, publishing. Hold its lock
    /// only briefly, calls and replies need it too.
    fn client(&self) -> Arc<Mutex<dyn AsyncClient>>;

    /// Sends a notification to `target`.
    ///
    /// # Errors
    ///
    /// Those of [`AsyncClient::send`].
    async fn notify(
        &self,
        target: &str,
        data: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error>;

    /// Calls a method and wants no reply.
    ///
    /// # Errors
    ///
    /// Those of [`AsyncClient::send`]; [`ErrorKind::Data`](crate::ErrorKind::Data) if the method
    /// contains a NUL.
    async fn call0(
        &self,
        target: &str,
        method: &str,
        params: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error>;

    /// Calls a method and waits for the reply, whose [`payload`](RpcEvent::payload) is the result.
    ///
    /// It always ends: within the timeout ([`Options::timeout`]), and at once when the connection
    /// is lost. It can be cancelled at any time.
    ///
    /// # Errors
    ///
    /// The error that the handler replies, or one of the bus, with code −32000 − c: −32113 if the
    /// target is not registered, −32120 after the timeout, −32255 if the connection is lost,
    /// −32114 if the method contains a NUL. Without an acknowledgement (QoS `No` and `Realtime`) a
    /// request that is not delivered ends by the timeout only.
    async fn call(
        &self,
        target: &str,
        method: &str,
        params: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<RpcEvent, RpcError>;

    /// False once the connection is lost; clients in the broker's process do not lose theirs.
    fn is_connected(&self) -> bool;
}

/// An RPC client on top of any other.
///
/// It takes the event channel of the client, and pings the broker once per timeout of the client.
/// Dropping it ends all that, its running handlers included.
///
/// ```no_run
/// use elbus::QoS;
/// use elbus::client::AsyncClient;
/// use elbus::rpc::{Rpc, RpcClient, RpcError};
///
/// async fn test_broker(client: impl AsyncClient + 'static) -> Result<(), RpcError> {
///     let rpc = RpcClient::new0(client);
///     let params = elbus::empty_payload!();
///     let reply = rpc.call(".broker", "test", params, QoS::Processed).await?;
///     assert_eq!(reply.payload(), b"\x81\xA2ok\xC3");
///     Ok(())
/// }
/// ```
pub struct RpcClient {
    client: Arc<Mutex<dyn AsyncClient>>,
    calls: Arc<Calls<Caller>>,
    connected: Option<Arc<AtomicBool>>,
    timeout: Duration,
    dispatcher: JoinHandle<()>,
    pinger: Option<JoinHandle<()>>,
}

impl RpcClient {
    /// A client with handlers and the default options.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as all constructors do.
    pub fn new(
        client: impl AsyncClient + 'static,
        handlers: impl RpcHandlers + Send + Sync + 'static,
    ) -> Self {
        Self::create(client, handlers, Options::default())
    }

    /// A client that only calls others, with the default options.
    pub fn new0(client: impl AsyncClient + 'static) -> Self {
        Self::new(client, DummyHandlers {})
    }

    /// A client that only calls others.
    pub fn create0(client: impl AsyncClient + 'static, options: Options) -> Self {
        Self::create(client, DummyHandlers {}, options)
    }

    /// A client with handlers. If the event channel of `client` was taken before, nothing can be
    /// received: every call ends with −32255.
    pub fn create(
        mut client: impl AsyncClient + 'static,
        handlers: impl RpcHandlers + Send + Sync + 'static,
        options: Options,
    ) -> Self {
        let events = client.take_event_channel().unwrap_or_else(|| {
            log::error!("the event channel of {:?} is taken", client.get_name());
            async_channel::bounded(1).1
        });
        let client_timeout = client.get_timeout();
        let timeout = options
            .timeout
            .or(client_timeout)
            .unwrap_or(INTERNAL_RPC_TIMEOUT);
        let connected = client.get_connected_beacon();
        let client: Arc<Mutex<dyn AsyncClient>> = Arc::new(Mutex::new(client));
        let calls = Arc::<Calls<Caller>>::default();
        let responder = Responder {
            handlers,
            client: Arc::clone(&client),
            timeout,
        };
        let dispatcher = tokio::spawn(dispatch(events, Arc::clone(&calls), responder, options));
        let pinger = client_timeout.map(|interval| {
            let interval = interval.max(MIN_PING_INTERVAL);
            tokio::spawn(ping(Arc::clone(&client), Arc::clone(&calls), interval))
        });
        Self {
            client,
            calls,
            connected,
            timeout,
            dispatcher,
            pinger,
        }
    }

    async fn request(
        &self,
        target: &str,
        id: u32,
        method: &str,
        params: Cow<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let head = request_head(id, method).ok_or_else(|| Error::data("NUL in an RPC method"))?;
        let mut client = self.client.lock().await;
        client.zc_send(target, head.into(), params, qos).await
    }
}

#[async_trait]
impl Rpc for RpcClient {
    fn client(&self) -> Arc<Mutex<dyn AsyncClient>> {
        Arc::clone(&self.client)
    }

    async fn notify(
        &self,
        target: &str,
        data: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let mut client = self.client.lock().await;
        let head = NOTIFICATION_HEAD.as_slice().into();
        client.zc_send(target, head, data, qos).await
    }

    async fn call0(
        &self,
        target: &str,
        method: &str,
        params: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.request(target, NO_REPLY, method, params, qos).await
    }

    async fn call(
        &self,
        target: &str,
        method: &str,
        params: Cow<'async_trait>,
        qos: QoS,
    ) -> Result<RpcEvent, RpcError> {
        let exchange = async {
            let (caller, reply) = oneshot::channel();
            let call = self.calls.start(target, caller)?;
            let confirm = self.request(target, call.id(), method, params, qos).await?;
            if let Some(confirm) = confirm {
                confirm.await??;
            }
            Ok::<_, Error>(reply.await?)
        };
        let timed = deadline::timeout(self.timeout, exchange).await;
        let reply = timed.map_err(Error::from)??;
        if reply.kind() == RpcEventKind::ErrorReply {
            return Err(RpcError::try_from(&reply)?);
        }
        Ok(reply)
    }

    fn is_connected(&self) -> bool {
        let beacon = self.connected.as_ref();
        beacon.is_none_or(|connected| connected.load(Ordering::Relaxed))
    }
}

impl Drop for RpcClient {
    fn drop(&mut self) {
        self.dispatcher.abort();
        if let Some(pinger) = &self.pinger {
            pinger.abort();
        }
    }
}

/// Pings the broker until the connection is lost, and ends the calls then: that is how the loss of
/// a silent connection is noticed.
async fn ping(client: Arc<Mutex<dyn AsyncClient>>, calls: Arc<Calls<Caller>>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let mut client = client.lock().await;
        if client.is_connected()
            && let Err(e) = client.ping().await
        {
            log::warn!("ping of {:?} failed: {e}", client.get_name());
        }
        if !client.is_connected() {
            calls.close();
            return;
        }
    }
}
