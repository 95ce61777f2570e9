//! Brokers come and go.

use crate::common::DEADLINE;
use crate::common::broker::TempDir;
use crate::{Bus, ends, expect_end, next, send};
use elbus::broker::{Broker, BrokerOptions, ServerConfig};
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::{ErrorKind as Kind, QoS};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

#[tokio::test]
async fn a_broker_without_sockets_serves_its_own_process() {
    let broker = Broker::default();
    let mut a = broker.register_client("a").await.expect("free");
    let mut b = broker.register_client("b").await.expect("free");
    let events = b.take_event_channel().expect("taken once");
    assert!(b.take_event_channel().is_none());
    send(&mut a, "b", b"hi").await;
    assert_eq!(next(&events).await.payload(), b"hi");
    assert_eq!(
        (a.get_name(), a.is_connected(), a.get_timeout()),
        ("a", true, None)
    );
    assert!(a.get_connected_beacon().is_none());
    a.ping().await.expect("nothing to do");
    let stats = broker.stats();
    assert_eq!((stats.r_frames, stats.w_frames), (1, 1));
    assert_eq!(Broker::info().version, elbus::VERSION);
}

/// Dropping a broker ends its listeners and the connections, and leaves no socket behind.
#[tokio::test]
async fn the_end_of_a_broker_is_the_end_of_its_servers() {
    let bus = Bus::start().await;
    let mut client = bus.socket_client("c").await;
    let events = client.take_event_channel().expect("taken once");
    let config = bus.config("late");
    let socket = bus.socket.clone();
    drop(bus.broker);
    expect_end(&events).await;
    assert!(!socket.exists());
    let late = ends(Client::connect(&config)).await;
    assert_eq!(late.err().map(|e| e.kind()), Some(Kind::Io));
    let refused = ends(client.send("c", b"".as_slice().into(), QoS::No)).await;
    assert_eq!(refused.expect_err("no connection").kind(), Kind::Eof);
}

#[tokio::test]
async fn a_shutdown_delivers_what_waits() {
    let mut bus = Bus::start().await;
    let mut client = bus.socket_client("c").await;
    let events = client.take_event_channel().expect("taken once");
    let mut a = bus.client("a").await;
    for _ in 0..100 {
        send(&mut a, "c", &[0; 1000]).await;
    }
    ends(bus.broker.shutdown(Duration::from_secs(10))).await;
    for _ in 0..100 {
        assert_eq!(next(&events).await.payload().len(), 1000);
    }
    expect_end(&events).await;
}

/// The same names, and the same topics, and nothing in common.
#[tokio::test]
async fn two_brokers_in_one_process() {
    let (one, other) = (Bus::start().await, Bus::start().await);
    let mut clients = Vec::new();
    for bus in [&one, &other] {
        let mut a = bus.client("a").await;
        let mut b = bus.socket_client("b").await;
        crate::subscribe(&mut a, "#").await;
        let inbox = [a.take_event_channel(), b.take_event_channel()];
        clients.push((a, b, inbox.map(|events| events.expect("taken once"))));
    }
    for (number, (a, b, _)) in clients.iter_mut().enumerate() {
        let payload = [number as u8];
        send(a, "b", &payload).await;
        let sent = b.publish("t", (&payload[..]).into(), QoS::Processed).await;
        let confirmation = sent.expect("sent").expect("as the QoS asks for");
        ends(confirmation).await.expect("an answer").expect("ok");
    }
    for (number, (_, _, [of_a, of_b])) in clients.iter().enumerate() {
        assert_eq!(next(of_b).await.payload(), [number as u8]);
        loop {
            let frame = next(of_a).await;
            if frame.topic() == Some("t") {
                assert_eq!(frame.payload(), [number as u8]);
                break;
            }
        }
        assert!(of_a.is_empty() && of_b.is_empty());
    }
    drop(one);
    let (a, _, _) = &mut clients[1];
    send(a, "b", b"still there").await;
}

#[tokio::test]
async fn the_number_of_clients_is_bounded() {
    let broker = Broker::with_options(BrokerOptions::new().max_clients(2));
    let a = broker.register_client("a").await.expect("room");
    let secondary = broker.register_secondary_for(&a).await.expect("room");
    let refused = broker.register_client("b").await.err().map(|e| e.kind());
    assert_eq!(refused, Some(Kind::Busy));
    let refused = broker.register_secondary_for(&a).await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Busy));
    drop(secondary);
    broker.register_client("b").await.expect("room again");
}

/// Sockets that somebody else has opened are served, and left as they are.
#[tokio::test]
async fn sockets_that_listen_already() {
    let dir = TempDir::new();
    let path = dir.path().join("bus.sock");
    let unix = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = tcp.local_addr().expect("its address").to_string();
    let mut broker = Broker::new();
    let config = ServerConfig::new().socket_mode(0o600);
    let mode = |path: &Path| path.metadata().expect("a socket").permissions().mode();
    let before = mode(&path);
    broker
        .spawn_unix_listener(unix, config.clone())
        .await
        .expect("a server");
    let served = broker.spawn_tcp_listener(tcp, config).await;
    served.expect("a server");

    let path_text = path.to_str().expect("a plain path");
    let connect = async |address: &str, name| {
        let config = Config::new(address, name).timeout(DEADLINE);
        ends(Client::connect(&config)).await.expect("a connection")
    };
    let mut a = connect(path_text, "a").await;
    let mut b = connect(&address, "b").await;
    let events = b.take_event_channel().expect("taken once");
    send(&mut a, "b", b"hi").await;
    assert_eq!(next(&events).await.payload(), b"hi");

    ends(broker.shutdown(Duration::from_secs(10))).await;
    expect_end(&events).await;
    assert_eq!(mode(&path), before);
}
