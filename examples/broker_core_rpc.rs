//! A broker whose own client, `.broker`, has methods of the application.
//!
//! `init_default_core_rpc` gives a broker the methods that `elbusd` has. An application that wants
//! others registers the name `.broker` itself. It then also sees who comes and goes. Try it with
//! `elbus /tmp/elbus.sock rpc call .broker device.info`.
//!
//! ```sh
//! cargo run --example broker_core_rpc --features broker,rpc -- /tmp/elbus.sock
//! ```

use std::time::Duration;

use elbus::broker::{BROKER_INFO_TOPIC, BROKER_NAME, Broker, BrokerEvent, ServerConfig};
use elbus::client::AsyncClient;
use elbus::rpc::{RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult};
use elbus::{Frame, QoS, async_trait};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

struct Core {
    serial_number: &'static str,
}

#[derive(Serialize)]
struct Test {
    ok: bool,
}

#[derive(Serialize)]
struct DeviceInfo {
    serial_number: &'static str,
    broker_version: &'static str,
}

/// What the broker announces: `reg` and `unreg`, and whom it is about.
#[derive(Deserialize)]
struct Announcement<'a> {
    #[serde(rename = "s")]
    subject: &'a str,
    #[serde(rename = "d")]
    client: &'a str,
}

#[async_trait]
impl RpcHandlers for Core {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        let result = match event.parse_method()? {
            // Programs call this one to see whether the broker works.
            "test" => rmp_serde::to_vec_named(&Test { ok: true }),
            "device.info" => rmp_serde::to_vec_named(&DeviceInfo {
                serial_number: self.serial_number,
                broker_version: Broker::info().version,
            }),
            _ => return Err(RpcError::method(None)),
        };
        Ok(Some(result?))
    }

    async fn handle_frame(&self, frame: Frame) {
        if let Ok(Announcement { subject, client }) = rmp_serde::from_slice(frame.payload()) {
            println!("{subject} {client}");
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let mut interrupt = signal(SignalKind::interrupt())?;

    let mut broker = Broker::new();
    let mut core = broker.register_client(BROKER_NAME).await?;
    core.subscribe(BROKER_INFO_TOPIC, QoS::No).await?;
    let handlers = Core {
        serial_number: "4711",
    };
    // The broker keeps it, so that it lives as long as the broker does.
    broker
        .set_core_rpc_client(RpcClient::new(core, handlers))
        .await;

    // Last, so that nobody finds a broker without methods.
    broker
        .spawn_unix_server(address, ServerConfig::new())
        .await?;
    println!("listening on {address}");

    interrupt.recv().await;
    broker.announce(BrokerEvent::shutdown()).await?;
    broker.shutdown(Duration::from_secs(1)).await;
    println!("stopped");
    Ok(())
}
