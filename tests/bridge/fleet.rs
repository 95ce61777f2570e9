//! A fleet of devices, a cluster of NATS, and one control room: a node of the cluster is killed and
//! started again under load.
//!
//! The devices are bridges in the library, each with an embedded broker, in a few processes: this program,
//! started again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use elbus::QoS;
use elbus::bridge::Bridge;
use elbus::bridge::config::{Config, Rule};
use elbus::broker::Broker;
use elbus::rpc::{Rpc, RpcClient};

use crate::nats::Cluster;
use crate::scada::Scada;

const PROCESSES: usize = 4;

/// Of all devices together, in a second. The nodes share the processors with everything else.
const MESSAGES: u64 = 400;

/// How long nothing may arrive at all: an election, and that the cluster sends again what was lost.
const PATIENCE: Duration = Duration::from_secs(60);

const FIRST: &str = "ELBUS_FLEET_FIRST";
const COUNT: &str = "ELBUS_FLEET_COUNT";
const PERIOD: &str = "ELBUS_FLEET_PERIOD_MS";
const PORTS: &str = "ELBUS_FLEET_PORTS";

/// What the processes write is told apart from what the test harness does by this.
const SAYS: &str = "fleet: ";

#[test]
fn every_confirmed_message_of_a_fleet_arrives_in_order_although_a_node_dies() {
    let devices: usize =
        std::env::var("ELBUS_FLEET").map_or(100, |text| text.parse().expect("a number"));
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let ports = cluster.mqtt_ports();
    // The first node is that of the control room; the others die.
    let scada = Scada::watch("scada", &ports, "elbus-origin/+/m");
    let mut fleet = Fleet::start(devices, &ports);
    fleet.await_connected();
    let more = |what: &str, least: usize| {
        let before = scada.counts();
        scada.await_counts(what, PATIENCE, |counts| {
            let has_more = |(topic, now): (&String, &usize)| {
                *now >= before.get(topic).copied().unwrap_or_default() + least
            };
            counts.len() == devices && counts.iter().all(has_more)
        });
    };
    more("before", 3);
    // The second one to die cannot be spared unless the first one works again.
    for node in [2, 1] {
        cluster.kill(node);
        more("with two nodes", 3);
        cluster.resume(node);
        more("with three nodes again", 3);
    }

    let confirmed = fleet.stop();
    assert_eq!(confirmed.len(), devices);
    scada.await_counts("the rest", PATIENCE, |counts| {
        let has_all = |(topic, number): (&String, &u32)| {
            counts.get(topic).copied().unwrap_or_default() >= *number as usize
        };
        confirmed.iter().all(has_all)
    });
    let sources = scada.sources();
    for (topic, number) in &confirmed {
        let source = &sources[topic];
        assert!(source.numbers.iter().copied().eq(0..*number), "{topic}");
        assert_eq!(source.out_of_order, [], "{topic}");
    }
    let all: u32 = confirmed.values().sum();
    println!("{devices} devices, {all} messages");
}

/// The processes.
struct Fleet(Vec<Process>);

struct Process {
    child: Child,
    orders: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Fleet {
    fn start(devices: usize, ports: &[u16]) -> Self {
        let period = 1000 * devices as u64 / MESSAGES;
        let shares = (0..PROCESSES).map(|number| {
            let first = devices * number / PROCESSES;
            (first, devices * (number + 1) / PROCESSES - first)
        });
        let processes = shares.map(|(first, count)| {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            let mut child = Command::new(std::env::current_exe().expect("a path"))
                .args(["--exact", "fleet::a_process_of_the_fleet", "--nocapture"])
                .env(FIRST, first.to_string())
                .env(COUNT, count.to_string())
                .env(PERIOD, period.to_string())
                .env(PORTS, ports.join(","))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("this program");
            Process {
                orders: child.stdin.take().expect("its input"),
                lines: BufReader::new(child.stdout.take().expect("its output")),
                child,
            }
        });
        Self(processes.collect())
    }

    fn await_connected(&mut self) {
        for process in &mut self.0 {
            assert_eq!(process.says(), "connected");
        }
    }

    /// Nothing more is published; how many messages of each topic were confirmed.
    fn stop(&mut self) -> BTreeMap<String, u32> {
        for process in &mut self.0 {
            process.orders.write_all(b"stop\n").expect("a reader");
        }
        let mut confirmed = BTreeMap::new();
        for process in &mut self.0 {
            loop {
                let line = process.says();
                let Some((device, number)) = line.split_once(' ') else {
                    assert_eq!(line, "stopped");
                    break;
                };
                let topic = format!("elbus-origin/{device}/m");
                confirmed.insert(topic, number.parse().expect("a number"));
            }
        }
        confirmed
    }
}

impl Process {
    fn says(&mut self) -> String {
        loop {
            let mut line = String::new();
            let length = self.lines.read_line(&mut line).expect("text");
            assert!(length > 0, "a process of the fleet has ended");
            // The harness does not end its own line before the test says something.
            if let Some((_, rest)) = line.split_once(SAYS) {
                return rest.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No test: what the other processes do.
#[test]
fn a_process_of_the_fleet() {
    let Ok(count) = number(COUNT) else { return };
    let first = number(FIRST).expect("a number");
    let period = Duration::from_millis(number(PERIOD).expect("a number"));
    let ports = std::env::var(PORTS).expect("ports");
    let ports: Vec<&str> = ports.split(',').collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let is_over = Arc::new(AtomicBool::new(false));
    runtime.block_on(async {
        let mut connected = Vec::new();
        for device in first..first + count {
            connected.push(tokio::spawn(connect(device, config(device, &ports))));
            // A thousand at once would be a test of the cluster's handshakes.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut devices = Vec::new();
        for device in connected {
            devices.push(device.await.expect("a device"));
        }
        println!("{SAYS}connected");
        let publishers = devices.into_iter().map(|device| {
            let is_over = Arc::clone(&is_over);
            tokio::spawn(publish(device, period, is_over))
        });
        let publishers: Vec<_> = publishers.collect();
        order().await;
        is_over.store(true, Ordering::Relaxed);
        let mut devices = Vec::new();
        for publisher in publishers {
            let (device, number) = publisher.await.expect("a device");
            println!("{SAYS}dev-{} {number}", device.number);
            devices.push(device);
        }
        println!("{SAYS}stopped");
        // What waits is still sent, until this process is ended.
        order().await;
    });
}

fn number(variable: &str) -> Result<u64, std::env::VarError> {
    std::env::var(variable).map(|text| text.parse().expect("a number"))
}

async fn order() {
    let read = || std::io::stdin().read_line(&mut String::new());
    let read = tokio::task::spawn_blocking(read).await;
    read.expect("a thread").expect("an order");
}

struct Device {
    number: u64,
    rpc: RpcClient,
    /// Everything ends with it.
    _broker: Broker,
}

fn config(device: u64, ports: &[&str]) -> Config {
    let turn = device as usize % ports.len();
    let addresses: Vec<String> = ports[turn..]
        .iter()
        .chain(&ports[..turn])
        .map(|port| format!("mqtt://127.0.0.1:{port}"))
        .collect();
    let mut config = Config::new("unused.sock", &addresses[0]).expect("an address");
    let rest = addresses[1..]
        .iter()
        .map(|it| it.parse().expect("an address"));
    config.mqtt.addresses.extend(rest);
    config.mqtt.retry_min = Duration::from_millis(200);
    config.mqtt.retry_max = Duration::from_secs(2);
    config.bus.id = Some(format!("dev-{device}"));
    config.rules.push(Rule::out("m"));
    config
}

/// A broker with a bridge and a client that is going to publish; returns when the bridge has found the
/// upstream.
async fn connect(number: u64, config: Config) -> Device {
    let broker = Broker::new();
    let bridge = Bridge::new(config).expect("a configuration");
    let primary = broker.register_client("bridge").await.expect("a name");
    let secondary = broker.register_client("bridge%%bridge").await;
    let running = bridge.run_on(primary, secondary.expect("a name"), std::future::pending());
    tokio::spawn(running);
    let rpc = RpcClient::new0(broker.register_client("plc").await.expect("a name"));
    loop {
        let status = call(&rpc, "bridge.status", &[]).await;
        let status: serde_json::Value = rmp_serde::from_slice(&status).expect("a map");
        if status["upstream"]["connected"] == true {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Device {
        number,
        rpc,
        _broker: broker,
    }
}

/// Publishes the numbers from 0 on; returns how many the bridge has confirmed, which are all.
async fn publish(device: Device, period: Duration, is_over: Arc<AtomicBool>) -> (Device, u32) {
    let mut next = 0;
    // Not all at once.
    let mut ticks = tokio::time::interval(period);
    tokio::time::sleep(period * (device.number as u32 % 16) / 16).await;
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let text = u32::to_string(&next);
        let params = BTreeMap::from([("topic", "m"), ("payload", text.as_str())]);
        let params = rmp_serde::to_vec_named(&params).expect("params");
        call(&device.rpc, "bridge.publish", &params).await;
        next += 1;
    }
    (device, next)
}

/// The bridge may not be on the bus yet.
async fn call(rpc: &RpcClient, method: &str, params: &[u8]) -> Vec<u8> {
    loop {
        let reply = rpc.call("bridge", method, params.into(), QoS::No).await;
        match reply {
            Ok(reply) => return reply.payload().to_vec(),
            Err(error) if method == "bridge.status" => {
                assert!(error.code() < 0, "{error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => panic!("{method}: {error}"),
        }
    }
}
