//! A broker with rules: who may register, and what they may do then.
//!
//! Try it with `client_listener` and `client_sender`: the sender's broadcast is refused. Everybody
//! else is refused at once.
//!
//! ```sh
//! cargo run --example broker_access --features broker -- /tmp/elbus.sock
//! ```

use std::time::Duration;

use elbus::broker::{AaaMap, Broker, ClientAaa, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("/tmp/elbus.sock");
    let mut interrupt = signal(SignalKind::interrupt())?;

    // Who is not in the map cannot register. Unless restricted, a client in it may do everything.
    let rules = AaaMap::default();
    rules.lock().insert(
        "example.listener".to_owned(),
        ClientAaa::new()
            // It may listen to these topics, and to nothing that is none of its business.
            .allow_subscribe_to(&["example/#"])
            // It has nothing to say.
            .deny_p2p()
            .deny_publish()
            .deny_broadcast(),
    );
    rules.lock().insert(
        "example.sender".to_owned(),
        ClientAaa::new()
            // Connections over TCP are accepted from here only. UNIX sockets have file permissions.
            .hosts_allow(vec!["127.0.0.0/8".parse()?, "::1".parse()?])
            // Messages to these clients, by masks of their names.
            .allow_p2p_to(&["example.*", "nobody"])
            .allow_publish_to(&["example/greeting"])
            .deny_broadcast()
            .deny_subscribe(),
    );

    let mut broker = Broker::new();
    // Rules belong to a listener: there may be another one, for others, with other rules or none.
    let config = ServerConfig::new().aaa_map(rules.clone());
    broker.spawn_unix_server(address, config).await?;
    println!("listening on {address}");

    interrupt.recv().await;

    // Changes of the map take effect on clients that are connected, too: these two end here.
    rules.lock().clear();
    broker.refresh_access();
    println!("nobody is allowed any more");

    broker.shutdown(Duration::from_secs(1)).await;
    println!("stopped");
    Ok(())
}
