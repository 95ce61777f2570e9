//! The client that asks the broker what it has.

use std::time::Duration;

use anyhow::{Context, Result};
use elbus::common::{ClientList, TopicList};
use elbus::ipc::{Client, Config};
use elbus::rpc::{Rpc, RpcClient};
use elbus::{QoS, empty_payload};

/// Its name.
pub const CONTROL: &str = "soak.control";

/// Answers wait their turn behind the load.
pub const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Control(RpcClient);

/// What is registered.
pub struct Registered {
    pub clients: usize,
    pub secondaries: usize,
    pub filters: usize,
}

impl Control {
    pub async fn connect(socket: &str) -> Result<Self> {
        let config = Config::new(socket, CONTROL).timeout(TIMEOUT);
        // The one that waited for the start has the same name, and has just gone.
        let client = loop {
            match Client::connect(&config).await {
                Err(e) if e.kind() == elbus::ErrorKind::Busy => tokio::task::yield_now().await,
                other => break other?,
            }
        };
        Ok(Self(RpcClient::new0(client)))
    }

    /// Asks the broker; what makes its allocator work, too.
    pub async fn registered(&mut self) -> Result<Registered> {
        let reply = self.call("client.list").await?;
        let list: ClientList<'_> = rmp_serde::from_slice(&reply)?;
        let instances: usize = list.clients.iter().map(|client| client.instances).sum();
        let reply = self.call("topic.list").await?;
        let topics: TopicList<'_> = rmp_serde::from_slice(&reply)?;
        Ok(Registered {
            clients: list.clients.len(),
            secondaries: instances - list.clients.len(),
            filters: topics.topics.len(),
        })
    }

    async fn call(&self, method: &str) -> Result<Vec<u8>> {
        let params = empty_payload!();
        let reply = self.0.call(".broker", method, params, QoS::Processed).await;
        let reply = reply.map_err(|e| anyhow::anyhow!("{e}"));
        Ok(reply.with_context(|| method.to_owned())?.payload().to_vec())
    }
}
