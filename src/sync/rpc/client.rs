//! The RPC client: calls others, and has its handlers called.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::dispatch::{Caller, Dispatcher};
use super::{DummyHandlers, Options, RpcError, RpcEvent, RpcEventKind, RpcHandlers};
use crate::borrow::Cow;
use crate::protocol::rpc::{NO_REPLY, NOTIFICATION_HEAD, request_head};
use crate::rpc::calls::Calls;
use crate::sync::deadline::{after, left};
use crate::sync::{Client, OpConfirm};
use crate::{Error, QoS};

/// An RPC client on top of a [`Client`].
///
/// It takes the event channel of the client, and pings the broker once per timeout of the client. All
/// calls take `&self`: threads share it.
///
/// Dropping it closes the connection, see [`Client::close`]. Handlers that run then run to their end.
pub struct RpcClient {
    client: Arc<Client>,
    calls: Arc<Calls<Caller>>,
    timeout: Duration,
    dispatcher: Arc<Dispatcher>,
    thread: Option<JoinHandle<()>>,
}

impl RpcClient {
    /// A client with handlers and the default options.
    pub fn new(client: Client, handlers: impl RpcHandlers + Send + Sync + 'static) -> Self {
        Self::create(client, handlers, Options::default())
    }

    /// A client that only calls others, with the default options.
    pub fn new0(client: Client) -> Self {
        Self::new(client, DummyHandlers {})
    }

    /// A client that only calls others.
    pub fn create0(client: Client, options: Options) -> Self {
        Self::create(client, DummyHandlers {}, options)
    }

    /// A client with handlers. If the event channel of `client` was taken before, or the system has no
    /// thread for it, nothing can be received: every call ends with −32255.
    pub fn create(
        client: Client,
        handlers: impl RpcHandlers + Send + Sync + 'static,
        options: Options,
    ) -> Self {
        let client = Arc::new(client);
        let calls = Arc::<Calls<Caller>>::default();
        let timeout = options.timeout.unwrap_or(client.get_timeout());
        let dispatcher = Arc::new(Dispatcher::new(
            Arc::clone(&client),
            Arc::clone(&calls),
            handlers,
            options,
        ));
        let thread = start(&client, &dispatcher);
        if thread.is_none() {
            calls.close();
        }
        Self {
            client,
            calls,
            timeout,
            dispatcher,
            thread,
        }
    }

    /// The client below, for everything that is not RPC: subscribing, publishing.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a notification to `target`.
    ///
    /// # Errors
    ///
    /// Those of [`Client::send`].
    pub fn notify(&self, target: &str, data: Cow<'_>, qos: QoS) -> Result<OpConfirm, Error> {
        let head = NOTIFICATION_HEAD.as_slice().into();
        self.client.zc_send(target, head, data, qos)
    }

    /// Calls a method and wants no reply.
    ///
    /// # Errors
    ///
    /// Those of [`Client::send`]; `Data` if the method contains a NUL.
    pub fn call0(
        &self,
        target: &str,
        method: &str,
        params: Cow<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        self.request(target, NO_REPLY, method, params, qos)
    }

    /// Calls a method and waits for the reply, whose [`payload`](RpcEvent::payload) is the result.
    ///
    /// It always ends: within the timeout ([`Options::timeout`]), and at once when the connection
    /// is lost.
    ///
    /// # Errors
    ///
    /// The error that the handler replies, or one of the bus, with code −32000 − c: −32113 if the
    /// target is not registered, −32120 after the timeout, −32255 if the connection is lost,
    /// −32114 if the method contains a NUL. Without an acknowledgement (QoS `No` and `Realtime`) a
    /// request that is not delivered ends by the timeout only.
    pub fn call(
        &self,
        target: &str,
        method: &str,
        params: Cow<'_>,
        qos: QoS,
    ) -> Result<RpcEvent, RpcError> {
        let deadline = after(self.timeout);
        let (caller, reply) = sync_channel(1);
        let call = self.calls.start(target, caller)?;
        let confirm = self.request(target, call.id(), method, params, qos)?;
        if let Some(confirm) = confirm {
            confirm.wait_until(deadline)?;
        }
        let left = left(deadline).unwrap_or_default();
        let reply = reply.recv_timeout(left).map_err(|e| match e {
            RecvTimeoutError::Timeout => Error::timeout(),
            RecvTimeoutError::Disconnected => Error::eof(),
        })?;
        if reply.kind() == RpcEventKind::ErrorReply {
            return Err(RpcError::try_from(&reply)?);
        }
        Ok(reply)
    }

    /// False once the connection is lost.
    pub fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    fn request(
        &self,
        target: &str,
        id: u32,
        method: &str,
        params: Cow<'_>,
        qos: QoS,
    ) -> Result<OpConfirm, Error> {
        let head = request_head(id, method).ok_or_else(|| Error::data("NUL in an RPC method"))?;
        self.client.zc_send(target, head.into(), params, qos)
    }
}

impl Drop for RpcClient {
    fn drop(&mut self) {
        self.dispatcher.abandon();
        self.client.close();
        // It never waits for a handler, so it ends even if this is one. If it has panicked, the log
        // says so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Starts the thread that dispatches; `None`, and a line in the log, if that is not possible.
fn start(client: &Client, dispatcher: &Arc<Dispatcher>) -> Option<JoinHandle<()>> {
    let name = client.get_name();
    let Some(events) = client.take_event_channel() else {
        log::error!("the event channel of {name:?} is taken");
        return None;
    };
    let dispatcher = Arc::clone(dispatcher);
    let thread = thread::Builder::new().name("elbus rpc".to_owned());
    let started = thread.spawn(move || dispatcher.run(&events));
    started
        .inspect_err(|e| log::error!("no thread for the RPC client {name:?}: {e}"))
        .ok()
}
