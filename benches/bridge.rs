//! What a bridge carries, and what it adds to the way of a message: `elbus-bridge` between a bus and a
//! mosquitto, beside mosquitto's own bridge between two mosquittos, and one mosquitto alone.
//!
//!   cargo bench --features bridge,server,rpc --bench bridge
//!
//! Prints a table. All ways are measured in turn, in several rounds; QoS 1 up to the last broker, at which one
//! subscriber of QoS 0 counts what arrives.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use elbus::client::AsyncClient;
use elbus::{QoS, ipc};
use rumqttc::{Client, Event, Incoming, MqttOptions, QoS as MqttQos};

const ROUNDS: usize = 5;
const MESSAGES: usize = 20_000;
const PINGS: usize = 1_000;
const PAYLOAD: usize = 100;
const DEADLINE: Duration = Duration::from_secs(60);

/// A process that ends with the benchmark.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}")),
        )
    }

    /// Time on a core so far, in clock ticks (10 ms).
    fn ticks(&self) -> u64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).expect("a process");
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .expect("fields")
            .split_whitespace()
            .collect();
        fields[11..13]
            .iter()
            .map(|field| field.parse::<u64>().expect("a number"))
            .sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mosquitto(dir: &Path, name: &str, port: u16, more: &str) -> Process {
    let file = dir.join(format!("{name}.conf"));
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nlog_type none\nmax_queued_messages 0\n\
         max_inflight_messages 64\nset_tcp_nodelay true\n{more}"
    );
    std::fs::write(&file, config).expect("a file");
    let process = Process::start(Command::new("mosquitto").arg("-c").arg(file));
    until_it_listens(port);
    process
}

fn until_it_listens(port: u16) {
    let end = Instant::now() + DEADLINE;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "nobody listens on port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

/// A client of MQTT; what it receives, and how many of its messages were confirmed.
struct Mqtt {
    client: Client,
    received: Receiver<()>,
    confirmed: Receiver<()>,
}

impl Mqtt {
    fn connect(name: &str, port: u16) -> Self {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_inflight(64);
        let (client, mut connection) = Client::new(options, 1024);
        let (tell_received, received) = channel();
        let (tell_confirmed, confirmed) = channel();
        std::thread::spawn(move || {
            for event in connection.iter() {
                let is_heard = match event {
                    Ok(Event::Incoming(Incoming::Publish(_))) => tell_received.send(()).is_ok(),
                    Ok(Event::Incoming(Incoming::PubAck(_) | Incoming::SubAck(_))) => {
                        tell_confirmed.send(()).is_ok()
                    }
                    Ok(_) => true,
                    Err(_) => false,
                };
                if !is_heard {
                    return;
                }
            }
        });
        Self {
            client,
            received,
            confirmed,
        }
    }

    fn subscribe(&self, filter: &str) {
        self.client
            .subscribe(filter, MqttQos::AtMostOnce)
            .expect("a filter");
        self.confirmed.recv_timeout(DEADLINE).expect("an answer");
    }

    fn publish(&self, topic: &str) {
        let payload = vec![b'x'; PAYLOAD];
        self.client
            .publish(topic, MqttQos::AtLeastOnce, false, payload)
            .expect("a message");
    }

    fn await_one(&self) {
        self.received.recv_timeout(DEADLINE).expect("a message");
    }
}

/// Whoever sends: a client of MQTT, or one of the bus.
enum Sender {
    Mqtt(Mqtt),
    Bus(tokio::runtime::Runtime, Box<ipc::Client>),
}

impl Sender {
    /// Sends, and has each message confirmed by the broker that takes it.
    fn send(&mut self, topic: &str, count: usize) {
        match self {
            Self::Mqtt(mqtt) => {
                for _ in 0..count {
                    mqtt.publish(topic);
                }
                for _ in 0..count {
                    mqtt.confirmed.recv_timeout(DEADLINE).expect("an answer");
                }
            }
            Self::Bus(runtime, client) => runtime.block_on(async {
                let payload = vec![b'x'; PAYLOAD];
                let mut waiting = std::collections::VecDeque::new();
                for _ in 0..count {
                    let sent = client
                        .publish(topic, payload.as_slice().into(), QoS::Processed)
                        .await;
                    waiting.push_back(sent.expect("sent").expect("a confirmation"));
                    if waiting.len() > 64 {
                        let first = waiting.pop_front().expect("one that waits");
                        first.await.expect("an answer").expect("a publication");
                    }
                }
                for one in waiting {
                    one.await.expect("an answer").expect("a publication");
                }
            }),
        }
    }
}

/// One way from a sender to the subscriber, and the processes that are on it.
struct Way<'a> {
    name: &'static str,
    sender: Sender,
    topic: &'static str,
    processes: Vec<&'a Process>,
    per_s: Vec<f64>,
    cpu_us: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

impl<'a> Way<'a> {
    fn new(
        name: &'static str,
        sender: Sender,
        topic: &'static str,
        processes: Vec<&'a Process>,
    ) -> Self {
        let empty = Vec::new;
        Self {
            name,
            sender,
            topic,
            processes,
            per_s: empty(),
            cpu_us: empty(),
            p50_us: empty(),
            p99_us: empty(),
        }
    }

    fn ticks(&self) -> u64 {
        self.processes.iter().map(|process| process.ticks()).sum()
    }

    fn round(&mut self, subscriber: &Mqtt) {
        let (begin, ticks) = (Instant::now(), self.ticks());
        self.sender.send(self.topic, MESSAGES);
        for _ in 0..MESSAGES {
            subscriber.await_one();
        }
        self.per_s
            .push(MESSAGES as f64 / begin.elapsed().as_secs_f64());
        self.cpu_us
            .push((self.ticks() - ticks) as f64 * 10_000.0 / MESSAGES as f64);
        let mut times: Vec<f64> = (0..PINGS)
            .map(|_| {
                let begin = Instant::now();
                self.sender.send(self.topic, 1);
                subscriber.await_one();
                begin.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        self.p50_us.push(times[PINGS / 2]);
        self.p99_us.push(times[PINGS * 99 / 100]);
    }
}

/// Median, least and most.
fn show(figures: &[f64]) -> String {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
    format!("{:.0} ({least:.0} to {most:.0})", sorted[sorted.len() / 2])
}

fn main() {
    let dir = std::env::temp_dir().join(format!("elbus-bench-bridge-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let (near, far) = (free_port(), free_port());
    let last = mosquitto(&dir, "last", far, "");
    let first = mosquitto(
        &dir,
        "first",
        near,
        &format!(
            "connection bench\naddress 127.0.0.1:{far}\ntopic a/# out 1\nbridge_protocol_version mqttv50\n"
        ),
    );
    let socket = dir.join("bus.sock");
    let bus = Process::start(
        Command::new(env!("CARGO_BIN_EXE_elbusd"))
            .arg("-B")
            .arg(&socket),
    );
    let config = dir.join("bridge.toml");
    let text = format!(
        "[bus]\naddress = {socket:?}\nid = \"bench\"\n[mqtt]\naddresses = [\"mqtt://127.0.0.1:{far}\"]\n\
         [[rule]]\ndirection = \"out\"\nbus = \"b/#\"\n"
    );
    std::fs::write(&config, text).expect("a file");
    let bridge = Process::start(
        Command::new(env!("CARGO_BIN_EXE_elbus-bridge"))
            .arg("--config")
            .arg(&config),
    );

    let subscriber = Mqtt::connect("subscriber", far);
    subscriber.subscribe("#");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = runtime.block_on(async {
        let config = ipc::Config::new(socket.to_str().expect("a path"), "sender").timeout(DEADLINE);
        loop {
            match ipc::Client::connect(&config).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    });
    let mut ways = [
        Way::new(
            "one mosquitto",
            Sender::Mqtt(Mqtt::connect("one", far)),
            "direct",
            vec![&last],
        ),
        Way::new(
            "mosquitto, its bridge, mosquitto",
            Sender::Mqtt(Mqtt::connect("two", near)),
            "a/1",
            vec![&first, &last],
        ),
        Way::new(
            "elbusd, elbus-bridge, mosquitto",
            Sender::Bus(runtime, Box::new(client)),
            "b/1",
            vec![&bus, &bridge, &last],
        ),
    ];
    // Until a message comes through, the bridges are being connected.
    for way in &mut ways {
        let end = Instant::now() + DEADLINE;
        loop {
            way.sender.send(way.topic, 1);
            if subscriber
                .received
                .recv_timeout(Duration::from_millis(300))
                .is_ok()
            {
                break;
            }
            assert!(Instant::now() < end, "nothing comes over {}", way.name);
        }
        while subscriber
            .received
            .recv_timeout(Duration::from_millis(300))
            .is_ok()
        {}
    }
    for _ in 0..ROUNDS {
        for way in &mut ways {
            way.round(&subscriber);
        }
    }
    println!(
        "Median of {ROUNDS} rounds (least to most), {PAYLOAD} bytes, QoS 1, {} cores.\n",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!(
        "| way | messages/s | CPU of all brokers, µs a message | one at a time, p50 µs | p99 µs |\n|---|---:|---:|---:|---:|"
    );
    for way in &ways {
        let columns =
            [&way.per_s, &way.cpu_us, &way.p50_us, &way.p99_us].map(|figures| show(figures));
        println!("| {} | {} |", way.name, columns.join(" | "));
    }
    let _ = std::fs::remove_dir_all(&dir);
}
