//! A plug-in without an asynchronous runtime: it publishes a counter, and has a method that others can
//! call to set it. There is no `tokio` in it.
//!
//! ```sh
//! cargo run --example blocking_plugin --features rpc-sync -- /tmp/elbus.sock
//! elbus /tmp/elbus.sock rpc call example.plugin set value=40
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use elbus::sync::rpc::{RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult};
use elbus::sync::{Client, Config};
use elbus::{ErrorKind, QoS};
use serde::Deserialize;

/// State that the handlers and the main thread share.
struct Counter(Arc<AtomicU64>);

#[derive(Deserialize)]
struct SetParams {
    value: u64,
}

impl RpcHandlers for Counter {
    /// Calls run at the same time, each in a thread of its own.
    fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            "set" => {
                let SetParams { value } = rmp_serde::from_slice(event.payload())?;
                self.0.store(value, Ordering::Relaxed);
                println!("set to {value}");
                Ok(None)
            }
            _ => Err(RpcError::method(None)),
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let counter = Arc::new(AtomicU64::new(0));

    let client = Client::connect(&Config::new(address, "example.plugin"))?;
    let rpc = RpcClient::new(client, Counter(Arc::clone(&counter)));
    println!("counting as example.plugin");

    // Until the broker stops: whatever has started the plug-in starts it anew.
    while rpc.is_connected() {
        let value = counter.fetch_add(1, Ordering::Relaxed).to_string();
        let payload = value.as_bytes().into();
        let sent = rpc
            .client()
            .publish("example/count", payload, QoS::Processed);
        // It may have failed to leave, or the broker may have refused it.
        match sent.and_then(|confirmation| confirmation.map_or(Ok(()), |c| c.wait())) {
            Ok(()) => thread::sleep(Duration::from_millis(100)),
            Err(e) if e.kind() == ErrorKind::Eof => break,
            Err(e) => return Err(e.into()),
        }
    }
    println!("the broker is gone");
    Ok(())
}
