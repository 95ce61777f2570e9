//! An RPC server: a client whose methods others can call.
//!
//! It is the partner of `rpc_caller`. The command line can call it as well:
//! `elbus /tmp/elbus.sock rpc call example.handler add a=2 b=3`.
//!
//! ```sh
//! cargo run --example rpc_handler --features ipc,rpc -- /tmp/elbus.sock
//! ```

use std::time::Duration;

use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::rpc::{Rpc, RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult, rpc_err_str};
use elbus::{Frame, QoS, async_trait};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

/// What others can have us do. State that handlers share goes into the fields.
struct Calculator;

/// Params are bytes; MessagePack maps are the custom.
#[derive(Deserialize)]
struct AddParams {
    a: i64,
    b: i64,
}

#[async_trait]
impl RpcHandlers for Calculator {
    /// Calls run at the same time, each in a task of its own.
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        // `?` also turns errors of the bus and of MessagePack into what the caller gets.
        match event.parse_method()? {
            "add" => {
                let AddParams { a, b } = rmp_serde::from_slice(event.payload())?;
                println!("{} asks for {a} + {b}", event.sender());
                let sum = a
                    .checked_add(b)
                    .ok_or_else(|| RpcError::params(rpc_err_str("the sum is too big")))?;
                Ok(Some(rmp_serde::to_vec_named(&sum)?))
            }
            "beep" => {
                println!("{}: beep!", event.sender());
                Ok(None)
            }
            _ => Err(RpcError::method(None)),
        }
    }

    /// A notification has neither a method nor an answer.
    async fn handle_notification(&self, event: RpcEvent) {
        let text = String::from_utf8_lossy(event.payload());
        println!("{} notifies: {text:?}", event.sender());
    }

    /// Publications and broadcasts are no RPC, and come here.
    async fn handle_frame(&self, frame: Frame) {
        // Without a look at the topic there would be warnings of the broker, too: it has all
        // clients subscribed to `.broker/warn`.
        if frame.topic() == Some("example/news") {
            let text = String::from_utf8_lossy(frame.payload());
            println!("{} publishes: {text:?}", frame.sender());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let mut interrupt = signal(SignalKind::interrupt())?;

    // What is no RPC is done with the client before it moves into the RPC layer, or later through
    // `rpc.client()`.
    let mut client = Client::connect(&Config::new(address, "example.handler")).await?;
    if let Some(confirmation) = client.subscribe("example/news", QoS::Processed).await? {
        confirmation.await??;
    }

    // It answers calls as long as it lives.
    let rpc = RpcClient::new(client, Calculator);
    println!("serving as example.handler");

    // A service that has lost its broker ends, so that whatever has started it starts it anew.
    let mut check = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = check.tick() => if !rpc.is_connected() {
                println!("the broker is gone");
                return Ok(());
            },
            _ = interrupt.recv() => {
                println!("interrupted");
                return Ok(());
            }
        }
    }
}
