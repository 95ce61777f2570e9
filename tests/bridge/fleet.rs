//! Many devices, each with a bus and a bridge of its own, publish through a cluster to one host; a node of
//! the cluster is killed and started again meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use elbus::QoS;
use elbus::bridge::{Bridge, Config};
use elbus::broker::Broker;
use elbus::rpc::{Rpc, RpcClient};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions};

use crate::common::eventually;
use crate::nats::Cluster;

/// How many of them, unless `ELBUS_FLEET` says.
const DEVICES: usize = 60;

/// Messages of each device before the node is killed, while it is away, and after that.
const MESSAGES: usize = 5;

/// Device, number.
type Message = (usize, usize);

/// A device: its bus, its bridge, and a plug-in that publishes until it is told to stop.
async fn device(
    number: usize,
    ports: Vec<u16>,
    phase: Arc<AtomicUsize>,
    confirmed: Arc<Mutex<BTreeSet<Message>>>,
    ready: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
) {
    let broker = Broker::new();
    // They do not all begin with the same node.
    let addresses: Vec<String> = (0..ports.len())
        .map(|i| format!("\"mqtt://127.0.0.1:{}\"", ports[(i + number) % ports.len()]))
        .collect();
    let text = format!(
        "[bus]\nid = \"dev-{number}\"\n[mqtt]\naddresses = [{}]\nversion = \"3.1.1\"\nretry_min_s = 0.2\n\
         retry_max_s = 2\n[[rule]]\ndirection = \"out\"\nbus = \"s/#\"\n",
        addresses.join(", ")
    );
    let config = Config::from_toml(&text).expect("a configuration");
    let primary = broker.register_client("bridge").await.expect("a client");
    let secondary = broker
        .register_client("bridge%%bridge")
        .await
        .expect("a client");
    let plug_in = RpcClient::new0(broker.register_client("plc").await.expect("a client"));
    let bridge = Bridge::new(config).expect("a bridge");
    let stop = async {
        let mut sent = 0;
        loop {
            if over.load(SeqCst) {
                return;
            }
            if sent < MESSAGES * phase.load(SeqCst) {
                let payload = format!("{number} {sent}");
                let params = BTreeMap::from([("topic", "s/1"), ("payload", payload.as_str())]);
                let params = rmp_serde::to_vec_named(&params).expect("params");
                let reply = plug_in
                    .call("bridge", "bridge.publish", params.into(), QoS::Processed)
                    .await;
                match reply {
                    Ok(_) => {
                        confirmed.lock().unwrap().insert((number, sent));
                        sent += 1;
                        if sent % MESSAGES == 0 {
                            ready.fetch_add(1, SeqCst);
                        }
                    }
                    // The bridge is not on the bus yet.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    bridge
        .run_on(primary, secondary, stop)
        .await
        .expect("a clean end");
}

/// What the host has received, in order.
async fn host(port: u16, received: Arc<Mutex<Vec<Message>>>, subscribed: Arc<AtomicBool>) {
    let mut options = MqttOptions::new("scada", "127.0.0.1", port);
    options.set_clean_session(false).set_inflight(1000);
    let (client, mut events) = AsyncClient::new(options, 1000);
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                let filter = "elbus-origin/+/s/1";
                client
                    .subscribe(filter, rumqttc::QoS::AtLeastOnce)
                    .await
                    .expect("a filter");
            }
            Ok(Event::Incoming(Incoming::SubAck(_))) => subscribed.store(true, SeqCst),
            Ok(Event::Incoming(Incoming::Publish(publish))) => {
                let text = String::from_utf8(publish.payload.to_vec()).expect("text");
                let (device, number) = text.split_once(' ').expect("two numbers");
                let message = (
                    device.parse().expect("a device"),
                    number.parse().expect("a number"),
                );
                assert_eq!(publish.topic, format!("elbus-origin/dev-{device}/s/1"));
                received.lock().unwrap().push(message);
            }
            Ok(_) => {}
            // A cluster that looks for a leader refuses.
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

#[test]
fn a_fleet_behind_a_cluster_of_which_a_node_is_killed() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let devices =
        std::env::var("ELBUS_FLEET").map_or(DEVICES, |text| text.parse().expect("a number"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (phase, ready) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(0)));
    let (over, subscribed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (confirmed, received) = (Arc::default(), Arc::<Mutex<Vec<Message>>>::default());
    runtime.spawn(host(
        cluster.ports[0],
        Arc::clone(&received),
        Arc::clone(&subscribed),
    ));
    eventually("the host to be there", || {
        subscribed.load(SeqCst).then_some(())
    });
    let fleet: Vec<_> = (0..devices)
        .map(|number| {
            let (phase, confirmed) = (Arc::clone(&phase), Arc::clone(&confirmed));
            let (ready, over) = (Arc::clone(&ready), Arc::clone(&over));
            runtime.spawn(device(
                number,
                cluster.ports.clone(),
                phase,
                confirmed,
                ready,
                over,
            ))
        })
        .collect();
    let all_have_sent = |phases: usize| {
        eventually("all devices to publish", || {
            (ready.load(SeqCst) >= devices * phases).then_some(())
        });
    };
    // Some of what was confirmed is still under way.
    all_have_sent(1);
    cluster.kill(2);
    phase.store(2, SeqCst);
    all_have_sent(2);
    cluster.resume(2);
    phase.store(3, SeqCst);
    all_have_sent(3);
    let expected: BTreeSet<Message> = confirmed.lock().unwrap().clone();
    assert_eq!(expected.len(), devices * MESSAGES * 3);
    let is_all = || {
        let received = received.lock().unwrap();
        let got: BTreeSet<Message> = received.iter().copied().collect();
        got.is_superset(&expected)
    };
    let limit = std::time::Instant::now() + Duration::from_secs(240);
    while !is_all() {
        let missing = expected.len()
            - received
                .lock()
                .unwrap()
                .iter()
                .collect::<BTreeSet<_>>()
                .len();
        assert!(
            std::time::Instant::now() < limit,
            "{missing} of {} are missing",
            expected.len()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    // By their first appearance they are in order, device by device.
    let mut last = BTreeMap::new();
    for (device, number) in received.lock().unwrap().iter() {
        let next = last.entry(*device).or_insert(0);
        assert!(number <= next, "device {device}: {number} before {next}");
        *next = (*next).max(number + 1);
    }
    over.store(true, SeqCst);
    for device in fleet {
        runtime.block_on(device).expect("a clean end");
    }
    runtime.shutdown_background();
}
