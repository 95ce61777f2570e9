//! The embedded broker.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use elbus::broker::{self, Broker, BrokerEvent, Client, ServerConfig};
use elbus::client::AsyncClient;
use elbus::common::{BrokerInfo, BrokerStats};
use elbus::rpc::{Rpc, RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult};
use elbus::{ErrorKind, Frame, QoS, empty_payload};
use tokio::sync::Mutex;

use super::client::exercise;
use super::helpers::check_client_list;
use super::{Bus, TIMEOUT, confirmed};

pub async fn clients_of_the_process() {
    let mut broker = Broker::default();
    broker.set_queue_size(100);
    let mut client: Client = broker.register_client("client").await.expect("free");
    let mut secondary = broker.register_secondary_for(&client).await.expect("free");
    assert!(secondary.get_name().starts_with("client%%"));
    exercise(&mut client).await;
    exercise(&mut secondary).await;
    assert!(client.get_connected_beacon().is_none() && client.get_timeout().is_none());

    let taken = broker.register_client("client").await.err();
    assert_eq!(taken.expect("taken").kind(), ErrorKind::Busy);
    let orphan = broker.register_client("nobody%%1").await.err();
    assert_eq!(orphan.expect("no primary").kind(), ErrorKind::NotRegistered);
    let inside = broker.force_disconnect("client").err();
    assert_eq!(inside.expect("inside").kind(), ErrorKind::NotSupported);

    broker.unregister_client(&client).await;
    let again = broker.register_client("client").await.expect("free again");
    again.unregister().await;
    let reserved = broker.register_client(".own").await.expect("free");
    drop(reserved);
    assert!(broker.register_client(".own").await.is_ok());

    let stats: BrokerStats = broker.stats();
    assert!(stats.r_frames > 0 && stats.w_frames > 0);
    let info: BrokerInfo<'_> = Broker::info();
    assert_eq!(info.version, elbus::VERSION);
}

/// The default core client, and what it announces.
pub async fn core_client() {
    assert_eq!(broker::DEFAULT_QUEUE_SIZE, elbus::DEFAULT_QUEUE_SIZE);
    let bus = Bus::with("core", server_config()).await;
    bus.broker.init_default_core_rpc().await.expect("none yet");

    let mut watcher = bus.broker.register_client("watcher").await.expect("free");
    let events = watcher.take_event_channel().expect("once");
    let topics = [broker::BROKER_INFO_TOPIC, broker::BROKER_WARN_TOPIC, "own"];
    assert_eq!(topics[..2], [".broker/info", ".broker/warn"]);
    watcher
        .subscribe_bulk(&topics, QoS::No)
        .await
        .expect("subscribed");
    let own = BrokerEvent::new("subject", Some("data"), "own");
    assert_eq!((own.subject(), own.data()), ("subject", Some("data")));
    // When it is made, or when it is announced.
    let _: u64 = own.time();
    let announced = [
        (BrokerEvent::reg("r"), topics[0], "reg"),
        (BrokerEvent::unreg("u"), topics[0], "unreg"),
        (BrokerEvent::shutdown(), topics[1], "shutdown"),
        (own, topics[2], "subject"),
    ];
    for (event, topic, subject) in announced {
        assert!(rmp_serde::to_vec_named(&event).is_ok());
        bus.broker.announce(event).await.expect("announced");
        let frame = events.recv().await.expect("announced");
        assert_eq!(
            (frame.sender(), frame.topic()),
            (broker::BROKER_NAME, Some(topic))
        );
        let packed = String::from_utf8_lossy(frame.payload());
        assert!(packed.contains(subject));
    }
    drop(events);

    let caller = bus.broker.register_client("caller").await.expect("free");
    let caller = RpcClient::new0(caller);
    let list = caller
        .call(".broker", "client.list", empty_payload!(), QoS::Processed)
        .await;
    let names = [".broker", "caller", "watcher"];
    check_client_list(list.expect("the list").payload(), &names);
    custom_core_client().await;
}

fn server_config() -> ServerConfig {
    let config = ServerConfig::new()
        .buf_size(4096)
        .buf_ttl(Duration::from_micros(50))
        .timeout(TIMEOUT);
    assert!(!format!("{:?}{:?}", config.clone(), ServerConfig::default()).is_empty());
    config
}

struct Core;

#[async_trait]
impl RpcHandlers for Core {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            "own" => Ok(Some(b"result".to_vec())),
            _ => Err(RpcError::method(None)),
        }
    }
    async fn handle_notification(&self, _: RpcEvent) {}
    async fn handle_frame(&self, _: Frame) {}
}

async fn custom_core_client() {
    let broker = Broker::new();
    let core = broker
        .register_client(broker::BROKER_NAME)
        .await
        .expect("free");
    broker.set_core_rpc_client(RpcClient::new(core, Core)).await;
    let core: Arc<Mutex<Option<RpcClient>>> = broker.core_rpc_client();
    assert!(core.lock().await.as_ref().expect("set").is_connected());
    let caller = broker.register_client("caller").await.expect("free");
    let caller = RpcClient::new0(caller);
    let reply = caller
        .call(".broker", "own", empty_payload!(), QoS::Processed)
        .await;
    assert_eq!(reply.expect("a reply").payload(), b"result");
}

pub async fn fifo() {
    let mut bus = Bus::start("fifo").await;
    let path = bus.path("fifo");
    let no_core = bus.broker.spawn_fifo(&path, 8192).await.err();
    assert_eq!(
        no_core.expect("no core client").kind(),
        ErrorKind::NotSupported
    );

    bus.broker.init_default_core_rpc().await.expect("none yet");
    let mut listener = bus.broker.register_client("listener").await.expect("free");
    let events = listener.take_event_channel().expect("once");
    confirmed(listener.subscribe("a/b", QoS::Processed).await)
        .await
        .expect("subscribed");
    bus.broker.spawn_fifo(&path, 8192).await.expect("a fifo");
    tokio::fs::write(&path, b"=a/b 21.5\n").await.expect("read");
    let frame = events.recv().await.expect("the publication");
    assert_eq!(
        (frame.sender(), frame.payload()),
        (".broker", b"21.5".as_slice())
    );
}
