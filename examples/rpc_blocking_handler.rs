//! Handlers that work in order, and call others while they do: with a secondary client.
//!
//! By default every publication is handled in a task of its own, so a slow one is overtaken. Where
//! the order matters, handlers are made *blocking*: the next one starts when the last one is done.
//! If such a handler has to call out, it must not use the client that it was called by: the handlers
//! exist before that client does, and with elbus 0.2 the reply would wait behind the handler that
//! waits for it, for ever. The pattern is a *secondary client*: a second connection under the name
//! of the first one with a suffix, here `example.worker%%0`.
//!
//! It needs `rpc_handler`, whose method it calls. Then, as often as you like:
//! `elbus /tmp/elbus.sock publish example/sums '2 3'`.
//!
//! ```sh
//! cargo run --example rpc_blocking_handler --features ipc,rpc -- /tmp/elbus.sock
//! ```

use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::rpc::{Options, Rpc, RpcClient, RpcError, RpcHandlers};
use elbus::{Frame, QoS, async_trait};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

/// Adds numbers, and leaves the hard part to somebody else.
struct Worker {
    /// For calls out of handlers.
    secondary: RpcClient,
}

#[derive(Serialize)]
struct AddParams {
    a: i64,
    b: i64,
}

impl Worker {
    async fn add(&self, a: i64, b: i64) -> Result<i64, RpcError> {
        let params = rmp_serde::to_vec_named(&AddParams { a, b })?;
        let reply = self
            .secondary
            .call("example.handler", "add", params.into(), QoS::Processed)
            .await?;
        Ok(rmp_serde::from_slice(reply.payload())?)
    }
}

#[async_trait]
impl RpcHandlers for Worker {
    async fn handle_frame(&self, frame: Frame) {
        // The broker has all clients subscribed to its warnings, too.
        if frame.topic() != Some("example/sums") {
            return;
        }
        let text = String::from_utf8_lossy(frame.payload());
        let numbers = text.split_once(' ');
        let numbers = numbers.map(|(a, b)| (a.parse(), b.parse()));
        let Some((Ok(a), Ok(b))) = numbers else {
            println!("two numbers, please, not {text:?}");
            return;
        };
        // Nothing overtakes, however long this takes.
        match self.add(a, b).await {
            Ok(sum) => println!("{a} + {b} = {sum}"),
            Err(e) => println!("{a} + {b}: {e}"),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let mut interrupt = signal(SignalKind::interrupt())?;

    let mut client = Client::connect(&Config::new(address, "example.worker")).await?;
    let secondary = client.register_secondary().await?;
    println!(
        "working as {}, calling as {}",
        client.get_name(),
        secondary.get_name()
    );
    if let Some(confirmation) = client.subscribe("example/sums", QoS::Processed).await? {
        confirmation.await??;
    }

    let secondary = RpcClient::new0(secondary);
    let options = Options::new().blocking_frames();
    let _rpc = RpcClient::create(client, Worker { secondary }, options);
    println!("waiting for sums");

    interrupt.recv().await;
    println!("interrupted");
    Ok(())
}
