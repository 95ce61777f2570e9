//! Clients over UNIX and TCP sockets.

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::Duration;

use elbus::ErrorKind;
use elbus::broker::ServerConfig;
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};

use super::client::{Nowhere, exercise};
use super::{Bus, TIMEOUT};

pub async fn clients() {
    let mut bus = Bus::start("ipc").await;
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let tcp = free.local_addr().expect("its address").to_string();
    drop(free);
    let config = ServerConfig::new();
    bus.broker
        .spawn_tcp_server(&tcp, config)
        .await
        .expect("a listener");

    for address in [bus.path("sock"), tcp] {
        let config = Config::new(&address, "client")
            .buf_size(4096)
            .buf_ttl(Duration::from_micros(50))
            .queue_size(100)
            .timeout(TIMEOUT);
        assert!(!format!("{:?}", config.clone()).is_empty());
        let mut client = Client::connect(&config).await.expect("accepted");
        assert_eq!(client.get_timeout(), TIMEOUT);
        assert_eq!(AsyncClient::get_timeout(&client), Some(TIMEOUT));

        let mut secondary = client.register_secondary().await.expect("accepted");
        assert_eq!(secondary.get_name(), "client%%0");
        let refused = secondary.register_secondary().await.err();
        assert_eq!(refused.expect("refused").kind(), ErrorKind::NotSupported);
        exercise(&mut client).await;
        exercise(&mut secondary).await;

        let beacon = client.get_connected_beacon().expect("it can be lost");
        assert!(beacon.load(Ordering::Relaxed));
        bus.broker.force_disconnect("client").expect("external");
        while beacon.load(Ordering::Relaxed) || client.is_connected() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let unknown = bus.broker.force_disconnect("nobody").expect_err("unknown");
    assert_eq!(unknown.kind(), ErrorKind::NotRegistered);

    let own: Box<dyn AsyncClient> = Box::new(Nowhere);
    assert_eq!((own.get_name(), own.get_timeout()), ("nowhere", None));
}
