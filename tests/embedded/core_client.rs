//! The broker's own client: the one that the crate brings, and one of the application.

use crate::{Bus, ends, next, subscribe};
use elbus::broker::{BROKER_INFO_TOPIC, BROKER_NAME, BROKER_WARN_TOPIC, BrokerEvent};
use elbus::client::AsyncClient;
use elbus::rpc::{Rpc, RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult};
use elbus::{ErrorKind as Kind, QoS, async_trait, empty_payload};

/// Methods of the application.
struct Own;

#[async_trait]
impl RpcHandlers for Own {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            "greet" => Ok(Some([b"hello ", event.payload()].concat())),
            _ => Err(RpcError::method(None)),
        }
    }
}

async fn call(rpc: &RpcClient, method: &str, params: &[u8]) -> Result<Vec<u8>, i16> {
    let reply = ends(rpc.call(BROKER_NAME, method, params.into(), QoS::Processed)).await;
    reply
        .map(|reply| reply.payload().to_vec())
        .map_err(|e| e.code())
}

#[tokio::test]
async fn the_default_core_client_answers_from_inside_and_outside() {
    let bus = Bus::start().await;
    let twice = bus.broker.init_default_core_rpc().await;
    assert_eq!(twice.expect_err("there is one").kind(), Kind::Busy);
    let callers = [
        RpcClient::new0(bus.client("inside").await),
        RpcClient::new0(bus.socket_client("outside").await),
    ];
    for rpc in &callers {
        assert_eq!(
            call(rpc, "test", b"").await.as_deref(),
            Ok(&b"\x81\xA2ok\xC3"[..])
        );
        assert_eq!(call(rpc, "unknown", b"").await, Err(-32_601));
        // Clients of this process have every right.
        assert!(call(rpc, "topic.list", b"").await.is_ok());
        assert_eq!(
            call(rpc, "client.kick", b"\x81\xA4name\xA6inside").await,
            Err(-32_117)
        );
    }
    let [inside, outside] = &callers;
    let kick = call(inside, "client.kick", b"\x81\xA4name\xA7outside").await;
    assert_eq!(kick.as_deref(), Ok(&b"\x81\xA2ok\xC3"[..]));
    assert_eq!(call(outside, "test", b"").await, Err(-32_255));
}

#[tokio::test]
async fn without_a_core_client_there_is_nobody_to_ask_or_to_announce() {
    let mut bus = Bus::bare().await;
    let mut observer = bus.client("observer").await;
    subscribe(&mut observer, "#").await;
    let events = observer.take_event_channel().expect("taken once");
    let rpc = RpcClient::new0(bus.client("a").await);
    assert_eq!(call(&rpc, "test", b"").await, Err(-32_113));
    bus.broker
        .announce(BrokerEvent::shutdown())
        .await
        .expect("nothing to do");
    let fifo = bus.socket.with_file_name("fifo");
    let refused = bus
        .broker
        .spawn_fifo(fifo.to_str().expect("a plain path"), 8192)
        .await;
    assert_eq!(
        refused.expect_err("no core client").kind(),
        Kind::NotSupported
    );
    assert!(events.is_empty() && !fifo.exists());
    assert!(bus.broker.core_rpc_client().lock().await.is_none());
}

/// Its methods take the place of the broker's; announcements go out in its name as before.
#[tokio::test]
async fn a_core_client_of_the_application() {
    let mut bus = Bus::bare().await;
    let core = bus.client(BROKER_NAME).await;
    bus.broker
        .set_core_rpc_client(RpcClient::new(core, Own))
        .await;
    assert!(bus.broker.core_rpc_client().lock().await.is_some());
    let twice = bus.broker.init_default_core_rpc().await;
    assert_eq!(twice.expect_err("there is one").kind(), Kind::Busy);

    let mut observer = bus.client("observer").await;
    let events = observer.take_event_channel().expect("taken once");
    subscribe(&mut observer, ".broker/#").await;
    for rpc in [
        RpcClient::new0(bus.client("inside").await),
        RpcClient::new0(bus.socket_client("outside").await),
    ] {
        assert_eq!(
            call(&rpc, "greet", b"you").await.as_deref(),
            Ok(&b"hello you"[..])
        );
        assert_eq!(call(&rpc, "test", b"").await, Err(-32_601));
    }
    for subject in ["reg", "reg", "unreg"] {
        let frame = next(&events).await;
        assert_eq!(
            (frame.sender(), frame.topic()),
            (BROKER_NAME, Some(BROKER_INFO_TOPIC))
        );
        let at = frame
            .payload()
            .windows(subject.len())
            .position(|w| w == subject.as_bytes());
        assert_eq!(
            at,
            Some(4),
            "{:?}",
            frame.payload().escape_ascii().to_string()
        );
    }
    let event = BrokerEvent::new("alarm", Some("tank 3"), "plant/alarms");
    assert_eq!((event.subject(), event.data()), ("alarm", Some("tank 3")));
    subscribe(&mut observer, "plant/alarms").await;
    bus.broker
        .announce(event)
        .await
        .expect("nobody is waited for");
    assert_eq!(next(&events).await.topic(), Some("plant/alarms"));
    bus.broker
        .announce(BrokerEvent::shutdown())
        .await
        .expect("nobody is waited for");
    assert_eq!(next(&events).await.topic(), Some(BROKER_WARN_TOPIC));

    // A fifo speaks in its name.
    let fifo = bus.socket.with_file_name("fifo");
    let path = fifo.to_str().expect("a plain path").to_owned();
    bus.broker
        .spawn_fifo(&path, 8192)
        .await
        .expect("a core client");
    let writing = tokio::task::spawn_blocking(move || std::fs::write(path, "observer hi\n"));
    ends(writing).await.expect("no panic").expect("a fifo");
    let frame = next(&events).await;
    assert_eq!((frame.sender(), frame.payload()), (BROKER_NAME, &b"hi"[..]));
}

/// The core client may publish and call others itself, through its RPC client.
#[tokio::test]
async fn a_core_client_of_the_application_speaks() {
    let bus = Bus::bare().await;
    let core = bus.client(BROKER_NAME).await;
    bus.broker
        .set_core_rpc_client(RpcClient::new(core, Own))
        .await;
    let mut a = bus.socket_client("a").await;
    let events = a.take_event_channel().expect("taken once");
    let core = bus.broker.core_rpc_client();
    let core = core.lock().await;
    let rpc = core.as_ref().expect("it was set");
    let notified = rpc.notify("a", empty_payload!(), QoS::Processed).await;
    assert!(notified.is_ok());
    assert_eq!(next(&events).await.sender(), BROKER_NAME);
}
