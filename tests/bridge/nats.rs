//! A cluster of three `nats-server` with JetStream, of which each listens for MQTT; the messages are on
//! all three. What is kept is kept when a node is killed and started again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::common::broker::{TempDir, free_port};
use crate::common::eventually;
use crate::missing;

/// As few as have a majority when one is gone.
pub const NODES: usize = 3;

pub struct Cluster {
    program: PathBuf,
    dir: TempDir,
    nodes: Vec<Node>,
}

struct Node {
    clients: u16,
    cluster: u16,
    mqtt: u16,
    health: u16,
    child: Option<Child>,
}

impl Cluster {
    /// Waits until they have found each other. `None`: it is not installed, which was said.
    pub fn start() -> Option<Self> {
        let program = missing::find("nats-server")?;
        let nodes = (0..NODES).map(|_| Node {
            clients: free_port(),
            cluster: free_port(),
            mqtt: free_port(),
            health: free_port(),
            child: None,
        });
        let mut cluster = Self {
            program,
            dir: TempDir::new(),
            nodes: nodes.collect(),
        };
        (0..NODES).for_each(|node| cluster.launch(node));
        (0..NODES).for_each(|node| cluster.await_ready(node));
        Some(cluster)
    }

    /// Where the nodes listen for MQTT.
    pub fn mqtt_ports(&self) -> [u16; NODES] {
        std::array::from_fn(|node| self.nodes[node].mqtt)
    }

    pub fn kill(&mut self, node: usize) {
        let mut child = self.nodes[node].child.take().expect("it runs");
        child.kill().expect("a process");
        child.wait().expect("its end");
    }

    /// Starts it again, and waits until it is a part of the cluster.
    pub fn resume(&mut self, node: usize) {
        self.launch(node);
        self.await_ready(node);
    }

    fn launch(&mut self, node: usize) {
        let routes = self.nodes.iter().map(|node| node.cluster);
        let routes = routes.map(|port| format!("\"nats://127.0.0.1:{port}\""));
        let routes: Vec<String> = routes.collect();
        let file = self.dir.path().join(format!("{node}.conf"));
        let store = self.dir.path().join(format!("{node}.store"));
        let log = self.dir.path().join(format!("{node}.log"));
        let it = &mut self.nodes[node];
        // What is not confirmed by a subscriber comes again after `ack_wait`.
        let config = format!(
            "listen: \"127.0.0.1:{}\"\nserver_name: \"node-{node}\"\nhttp: \"127.0.0.1:{}\"\n\
             jetstream {{ store_dir: {store:?}, max_mem: 256M, max_file: 1G }}\n\
             cluster {{ name: \"plant\", listen: \"127.0.0.1:{}\", routes: [{}] }}\n\
             mqtt {{ listen: \"127.0.0.1:{}\", ack_wait: \"5s\", max_ack_pending: 4096,\n\
             stream_replicas: 3, consumer_replicas: 3 }}\n",
            it.clients,
            it.health,
            it.cluster,
            routes.join(", "),
            it.mqtt,
        );
        std::fs::write(&file, config).expect("a file");
        let log = std::fs::File::options().create(true).append(true).open(log);
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("a log"))
            .spawn()
            .expect("nats-server starts");
        it.child = Some(child);
    }

    fn await_ready(&self, node: usize) {
        let node = &self.nodes[node];
        eventually("a node that has found the others", || {
            let routes = format!("\"num_routes\": {}", NODES - 1);
            let is_joined = ask(node.health, "/routez")?.contains(&routes);
            // It knows a leader. That it has all that it has missed is not asked: of the consumers of
            // connections that are gone it may say for ever that they are not.
            let is_healthy = ask(node.health, "/healthz?js-server-only=1")?.contains("\"ok\"");
            (is_joined && is_healthy).then_some(())
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for node in 0..NODES {
                let log = self.dir.path().join(format!("{node}.log"));
                let log = std::fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(30)..];
                eprintln!("---- log of node {node} ----\n{}", last.join("\n"));
            }
        }
    }
}

fn ask(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
