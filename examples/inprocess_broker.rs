//! A broker inside an application, which is a client of it without any socket.
//!
//! Clients of the same process exchange frames without encoding or copying them; other programs
//! connect to the socket as they do to `elbusd`. Try it with `client_listener` and `client_sender`.
//!
//! ```sh
//! cargo run --example inprocess_broker --features broker,rpc -- /tmp/elbus.sock
//! ```

use std::time::Duration;

use elbus::QoS;
use elbus::broker::{Broker, BrokerEvent, ServerConfig};
use elbus::client::AsyncClient;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let mut interrupt = signal(SignalKind::interrupt())?;

    let mut broker = Broker::new();
    // The methods of `.broker` (`elbus /tmp/elbus.sock broker client.list`), and announcements.
    broker.init_default_core_rpc().await?;
    // As many listeners as you like; `spawn_tcp_server` makes one for other hosts.
    broker
        .spawn_unix_server(address, ServerConfig::new())
        .await?;

    // Two parts of the application: one publishes, the other one collects.
    let mut sensor = broker.register_client("app.sensor").await?;
    let mut collector = broker.register_client("app.collector").await?;
    let events = collector.take_event_channel().ok_or("taken before")?;
    collector.subscribe("example/#", QoS::No).await?;

    // An owned payload goes to receivers of this process as it is, and is never copied.
    let payload = b"21.5".to_vec().into();
    sensor
        .publish("example/temperature", payload, QoS::No)
        .await?;
    println!("listening on {address}");

    loop {
        tokio::select! {
            frame = events.recv() => {
                let frame = frame?;
                let topic = frame.topic().unwrap_or("(no topic)");
                let text = String::from_utf8_lossy(frame.payload());
                println!("{} publishes to {topic}: {text:?}", frame.sender());
            }
            _ = interrupt.recv() => break,
        }
    }

    // Everybody is told, gets what waits for them, and is disconnected; the socket is removed.
    broker.announce(BrokerEvent::shutdown()).await?;
    broker.shutdown(Duration::from_secs(1)).await;
    println!("stopped");
    Ok(())
}
