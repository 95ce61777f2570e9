//! Where received frames go: replies to the calls that wait for them, all else to the handlers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};
use tokio::task::consume_budget;

use super::calls::Calls;
use super::pool::{Pool, contain_panic};
use super::work::{Work, reply_qos, size, sort};
use super::{Options, RpcError, RpcEvent, RpcHandlers};
use crate::client::AsyncClient;
use crate::limits::DEFAULT_RPC_TASKS;
use crate::protocol::rpc::{error_head, reply_head};
use crate::{Error, EventChannel};

/// Where a reply is waited for.
pub(super) type Caller = oneshot::Sender<RpcEvent>;

/// The handlers, and what it takes to reply.
pub(super) struct Responder<H> {
    pub(super) handlers: H,
    pub(super) client: Arc<Mutex<dyn AsyncClient>>,
    /// How long sending a reply may take.
    pub(super) timeout: Duration,
}

/// Dispatches what the client receives until its event channel ends; then ends all calls and waits
/// for the handlers that still run.
///
/// Replies never wait for a handler, so a handler may call others however many handlers run. Only
/// when the most events wait ([`MAX_RPC_WAITING`](crate::limits::MAX_RPC_WAITING)) replies stay in
/// the channel behind them; the calls of handlers then end with their timeouts, at the latest.
pub(super) async fn dispatch<H>(
    events: EventChannel,
    calls: Arc<Calls<Caller>>,
    responder: Responder<H>,
    options: Options,
) where
    H: RpcHandlers + Send + Sync + 'static,
{
    let responder = Arc::new(responder);
    let handler = move |work| {
        let responder = Arc::clone(&responder);
        async move { responder.handle(work).await }
    };
    let max_tasks = options.max_tasks.unwrap_or(DEFAULT_RPC_TASKS);
    let mut concurrent = Pool::new(max_tasks, handler.clone());
    let mut one_by_one = Pool::new(1, handler);
    while let Ok(frame) = events.recv().await {
        let bytes = size(&frame);
        // A channel that is never empty would keep the thread from everybody else.
        consume_budget().await;
        let reply = |caller: Caller, event| caller.send(event).is_ok();
        let Some(work) = sort(frame, &calls, reply) else {
            continue;
        };
        let pool = if work.is_blocking(&options) {
            &mut one_by_one
        } else {
            &mut concurrent
        };
        pool.submit(work, bytes).await;
    }
    calls.close();
    concurrent.finish().await;
    one_by_one.finish().await;
}

impl<H: RpcHandlers + Sync> Responder<H> {
    async fn handle(&self, work: Work) {
        match work {
            Work::Call(request) => self.answer(request).await,
            Work::Notification(event) => self.handlers.handle_notification(event).await,
            Work::Frame(frame) => self.handlers.handle_frame(frame).await,
        }
    }

    async fn answer(&self, request: RpcEvent) {
        let handler = async { self.handlers.handle_call(request.clone()).await };
        let result = contain_panic(handler).await;
        if !request.is_response_required() {
            return;
        }
        let id = request.id();
        let sent = match result.unwrap_or_else(|| Err(RpcError::internal(None))) {
            Ok(result) => self.reply(&request, &reply_head(id), result).await,
            Err(e) => {
                let head = error_head(id, e.code());
                self.reply(&request, &head, e.into_data()).await
            }
        };
        if let Err(e) = sent {
            log::warn!("no reply to {:?} could be sent: {e}", request.sender());
        }
    }

    /// Sends a reply. Its ack is not waited for: there is nobody to tell if the caller is gone.
    async fn reply(
        &self,
        request: &RpcEvent,
        head: &[u8],
        data: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let data = data.unwrap_or_default().into();
        let qos = reply_qos(request);
        tokio::time::timeout(self.timeout, async {
            let mut client = self.client.lock().await;
            client
                .zc_send(request.sender(), head.into(), data, qos)
                .await
        })
        .await??;
        Ok(())
    }
}
