//! Where received frames go: replies to the calls that wait for them, all else to the handlers. And
//! the pings, because somebody has to wake up for them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use super::workers::Workers;
use super::{Options, RpcError, RpcEvent, RpcHandlers};
use crate::limits::DEFAULT_RPC_THREADS;
use crate::protocol::rpc::{error_head, reply_head};
use crate::rpc::calls::Calls;
use crate::rpc::work::{Work, reply_qos, size, sort};
use crate::sync::deadline::after;
use crate::sync::{Client, EventChannel};
use crate::{Error, ErrorKind};

/// Where a reply is waited for.
pub(super) type Caller = SyncSender<RpcEvent>;

/// Shortest pause between pings, whatever the timeout.
const MIN_PING_INTERVAL: Duration = Duration::from_millis(10);

/// What the thread that dispatches needs, and whoever ends it.
pub(super) struct Dispatcher {
    client: Arc<Client>,
    calls: Arc<Calls<Caller>>,
    options: Options,
    concurrent: Workers<Work>,
    one_by_one: Workers<Work>,
}

impl Dispatcher {
    pub(super) fn new<H>(
        client: Arc<Client>,
        calls: Arc<Calls<Caller>>,
        handlers: H,
        options: Options,
    ) -> Self
    where
        H: RpcHandlers + Send + Sync + 'static,
    {
        let responder = Arc::new(Responder {
            handlers,
            client: Arc::clone(&client),
        });
        let workers = |threads| {
            let responder = Arc::clone(&responder);
            Workers::new(threads, move |work| responder.handle(work))
        };
        Self {
            concurrent: workers(options.max_tasks.unwrap_or(DEFAULT_RPC_THREADS)),
            one_by_one: workers(1),
            client,
            calls,
            options,
        }
    }

    /// Dispatches what the client receives until its event channel ends; then ends all calls. The
    /// handlers that still run go on.
    pub(super) fn run(&self, events: &EventChannel) {
        let interval = self.client.get_timeout().max(MIN_PING_INTERVAL);
        let mut next_ping = after(interval);
        loop {
            let frame = match events.recv_deadline(next_ping) {
                Ok(frame) => Some(frame),
                Err(e) if e.kind() == ErrorKind::Timeout => None,
                Err(_) => break,
            };
            if Instant::now() >= next_ping {
                next_ping = self.ping(interval);
            }
            let Some(frame) = frame else { continue };
            let bytes = size(&frame);
            let reply = |caller: Caller, event| caller.try_send(event).is_ok();
            let mut work = sort(frame, &self.calls, reply);
            while let Some(waiting) = work.take() {
                let workers = match waiting.is_blocking(&self.options) {
                    true => &self.one_by_one,
                    false => &self.concurrent,
                };
                if let Err(again) = workers.submit(waiting, bytes, next_ping) {
                    work = Some(again);
                    next_ping = self.ping(interval);
                }
            }
        }
        self.calls.close();
        self.concurrent.finish();
        self.one_by_one.finish();
    }

    /// Nothing is handled any more.
    pub(super) fn abandon(&self) {
        self.concurrent.abandon();
        self.one_by_one.abandon();
    }

    /// Pings the broker: that is how the loss of a silent connection is noticed. Returns when to do it
    /// again.
    fn ping(&self, interval: Duration) -> Instant {
        if let Err(e) = self.client.ping() {
            log::warn!("ping of {:?} failed: {e}", self.client.get_name());
        }
        after(interval)
    }
}

/// The handlers, and what it takes to reply.
struct Responder<H> {
    handlers: H,
    client: Arc<Client>,
}

impl<H: RpcHandlers> Responder<H> {
    fn handle(&self, work: Work) {
        match work {
            Work::Call(request) => self.answer(&request),
            Work::Notification(event) => self.handlers.handle_notification(event),
            Work::Frame(frame) => self.handlers.handle_frame(frame),
        }
    }

    fn answer(&self, request: &RpcEvent) {
        let handler = || self.handlers.handle_call(request.clone());
        // What the handler leaves half-done is its own.
        let result = catch_unwind(AssertUnwindSafe(handler)).unwrap_or_else(|_| {
            log::error!("an RPC handler panicked");
            Err(RpcError::internal(None))
        });
        if !request.is_response_required() {
            return;
        }
        let id = request.id();
        let sent = match result {
            Ok(result) => self.reply(request, &reply_head(id), result),
            Err(e) => self.reply(request, &error_head(id, e.code()), e.into_data()),
        };
        if let Err(e) = sent {
            log::warn!("no reply to {:?} could be sent: {e}", request.sender());
        }
    }

    /// Sends a reply. Its ack is not waited for: there is nobody to tell if the caller is gone.
    fn reply(&self, request: &RpcEvent, head: &[u8], data: Option<Vec<u8>>) -> Result<(), Error> {
        let data = data.unwrap_or_default().into();
        let qos = reply_qos(request);
        self.client
            .zc_send(request.sender(), head.into(), data, qos)
            .map(drop)
    }
}
