//! The broker inside an application: clients of its own process beside clients on sockets.

// The harness needs the daemon.
#![cfg(all(feature = "server", feature = "rpc", feature = "ipc"))]

#[path = "../common/mod.rs"]
mod common;

mod blocking;
mod core_client;
mod frames;
mod lifecycle;
mod queues;
mod registration;
mod rpc;

use common::DEADLINE;
use common::broker::TempDir;
use elbus::broker::{Broker, Client as Internal, ServerConfig};
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::{EventChannel, Frame, QoS};
use std::future::Future;
use std::path::PathBuf;

/// A broker with a UNIX socket.
struct Bus {
    broker: Broker,
    socket: PathBuf,
    _dir: TempDir,
}

impl Bus {
    /// Without a core client, and so without announcements.
    async fn bare() -> Self {
        let dir = TempDir::new();
        let socket = dir.path().join("bus.sock");
        let mut broker = Broker::new();
        let path = socket.to_str().expect("a plain path");
        let config = ServerConfig::new().timeout(DEADLINE);
        broker
            .spawn_unix_server(path, config)
            .await
            .expect("a socket");
        Self {
            broker,
            socket,
            _dir: dir,
        }
    }

    /// With the core client that the crate brings.
    async fn start() -> Self {
        let bus = Self::bare().await;
        bus.broker.init_default_core_rpc().await.expect("the first");
        bus
    }

    fn config(&self, name: &str) -> Config {
        let path = self.socket.to_str().expect("a plain path");
        Config::new(path, name).timeout(DEADLINE)
    }

    async fn socket_client(&self, name: &str) -> Client {
        let connected = ends(Client::connect(&self.config(name))).await;
        connected.expect("a connection")
    }

    async fn client(&self, name: &str) -> Internal {
        self.broker
            .register_client(name)
            .await
            .expect("a free name")
    }
}

/// Nothing waits for ever.
async fn ends<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it must not hang")
}

async fn next(events: &EventChannel) -> Frame {
    ends(events.recv()).await.expect("the channel is open")
}

/// Waits until the end of a channel, in which nothing is left.
async fn expect_end(events: &EventChannel) {
    let last = ends(events.recv()).await;
    assert!(last.is_err(), "{last:?}");
}

/// Sends a message and waits for its confirmation.
async fn send(client: &mut (impl AsyncClient + ?Sized), target: &str, payload: &[u8]) {
    let sent = ends(client.send(target, payload.into(), QoS::Processed)).await;
    let confirmation = sent.expect("sent").expect("as the QoS asks for");
    let confirmed = ends(confirmation).await.expect("never just dropped");
    confirmed.expect("delivered");
}

async fn subscribe(client: &mut (impl AsyncClient + ?Sized), filter: &str) {
    let sent = ends(client.subscribe(filter, QoS::Processed)).await;
    let confirmation = sent.expect("sent").expect("as the QoS asks for");
    let confirmed = ends(confirmation).await.expect("never just dropped");
    confirmed.expect("subscribed");
}
