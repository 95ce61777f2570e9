//! One worker of the benchmark: a plain connection, an RPC connection, and the handlers that answer
//! the worker's calls to itself.

use std::sync::Arc;

use elbus::EventChannel;
use elbus::async_trait;
use elbus::client::AsyncClient;
use elbus::ipc::Client;
use elbus::limits::DAEMON_QUEUE_FRAMES;
use elbus::rpc::{RpcClient, RpcEvent, RpcHandlers, RpcResult};
use tokio::runtime::Handle;

use crate::context::Context;
use crate::failure::Failure;

/// Frames that a worker has on the way to itself at most. No more than the queue of a broker holds
/// by default: the benchmark measures brokers, not what they do to clients that are too slow.
pub const WINDOW: u32 = DAEMON_QUEUE_FRAMES as u32;

/// What a stage needs to do its operations.
pub struct Worker {
    /// The thread of its connections.
    pub thread: Handle,
    pub client: Client,
    pub frames: EventChannel,
    pub rpc: RpcClient,
    /// The name under which `rpc` can be called.
    pub rpc_name: String,
    pub payload: Arc<[u8]>,
}

impl Worker {
    /// Connects both clients of the worker with this number, on the thread that calls.
    pub async fn connect(
        context: Context,
        number: usize,
        payload: Arc<[u8]>,
    ) -> Result<Self, Failure> {
        let name = format!("{}.{number}", context.name());
        let mut client = context.connect_as(&name).await?;
        let frames = client
            .take_event_channel()
            .ok_or_else(Failure::connection_closed)?;
        let rpc_name = format!("{name}.rpc");
        let rpc_client = context.connect_as(&rpc_name).await?;
        let rpc = RpcClient::new(rpc_client, Callee);
        Ok(Self {
            thread: Handle::current(),
            client,
            frames,
            rpc,
            rpc_name,
            payload,
        })
    }
}

struct Callee;

#[async_trait]
impl RpcHandlers for Callee {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        Ok(Some(event.payload().to_vec()))
    }
}
