//! The embedded broker: access rules.

use std::collections::HashMap;
use std::sync::Arc;

use elbus::broker::{AaaMap, ClientAaa, ServerConfig};
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::{Error, ErrorKind, QoS, empty_payload};
use parking_lot::Mutex;

use super::{Bus, TIMEOUT, confirmed};
use crate::shim::IpNetwork;

pub async fn rules() {
    let networks: Vec<IpNetwork> = vec!["127.0.0.0/8".parse().expect("a network")];
    let allowed = ClientAaa::new()
        .hosts_allow(networks)
        .allow_p2p_to(&["g.*"])
        .allow_publish_to(&["a/#"])
        .allow_subscribe_to(&["b/+"])
        .allow_broadcast_to(&["g.?"]);
    let denied = ClientAaa::default()
        .deny_p2p()
        .deny_publish()
        .deny_subscribe()
        .deny_broadcast();
    assert!(!format!("{:?}", denied.clone()).is_empty());
    let map: AaaMap = Arc::new(Mutex::new(HashMap::new()));
    map.lock().insert("g.allowed".to_owned(), allowed);
    map.lock().insert("g.denied".to_owned(), denied);
    let config = ServerConfig::new().timeout(TIMEOUT).aaa_map(map);
    let bus = Bus::with("access", config).await;

    let mut client = connect(&bus, "g.allowed").await.expect("in the map");
    operate(&mut client, None).await;
    let mut client = connect(&bus, "g.denied").await.expect("in the map");
    operate(&mut client, Some(ErrorKind::Access)).await;
    let refused = connect(&bus, "g.other").await.err();
    assert_eq!(refused.expect("not in the map").kind(), ErrorKind::Access);
}

async fn connect(bus: &Bus, name: &str) -> Result<Client, Error> {
    Client::connect(&Config::new(&bus.path("sock"), name).timeout(TIMEOUT)).await
}

async fn operate(client: &mut Client, expected: Option<ErrorKind>) {
    let acked = QoS::Processed;
    let outcomes = [
        confirmed(client.send("g.allowed", empty_payload!(), acked).await).await,
        confirmed(client.publish("a/b", empty_payload!(), acked).await).await,
        confirmed(
            client
                .send_broadcast("g.allowed", empty_payload!(), acked)
                .await,
        )
        .await,
    ];
    for outcome in outcomes {
        assert_eq!(outcome.err().map(|e| e.kind()), expected);
    }
    let subscribed = confirmed(client.subscribe("b/c", acked).await).await;
    assert_eq!(subscribed.err().map(|e| e.kind()), expected);
}
