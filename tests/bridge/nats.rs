//! A cluster of three `nats-server` with JetStream, which speak MQTT 3.1.1.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::common::broker::{TempDir, free_port};
use crate::common::eventually;
use crate::missing;

const NODES: usize = 3;

pub struct Cluster {
    program: PathBuf,
    dir: TempDir,
    pub ports: Vec<u16>,
    nodes: Vec<Option<Child>>,
}

impl Cluster {
    /// `None`: it is not installed, which was said.
    pub fn start() -> Option<Self> {
        let program = missing::find("nats-server")?;
        let dir = TempDir::new();
        let ports: Vec<u16> = (0..NODES).map(|_| free_port()).collect();
        let routes: Vec<u16> = (0..NODES).map(|_| free_port()).collect();
        let all: Vec<String> = routes
            .iter()
            .map(|port| format!("\"nats://127.0.0.1:{port}\""))
            .collect();
        for (node, (mqtt, route)) in ports.iter().zip(&routes).enumerate() {
            let store = dir.path().join(format!("node{node}"));
            let config = format!(
                "server_name: \"n{node}\"\nhost: \"127.0.0.1\"\nport: {client}\n\
                 jetstream {{ store_dir: {store:?} }}\n\
                 mqtt {{ host: \"127.0.0.1\", port: {mqtt} }}\n\
                 cluster {{ name: \"plant\", listen: \"127.0.0.1:{route}\", routes: [{routes}] }}\n",
                client = free_port(),
                routes = all.join(", ")
            );
            std::fs::write(dir.path().join(format!("node{node}.conf")), config).expect("a file");
        }
        let mut cluster = Self {
            program,
            dir,
            ports,
            nodes: (0..NODES).map(|_| None).collect(),
        };
        for node in 0..NODES {
            cluster.resume(node);
        }
        Some(cluster)
    }

    pub fn resume(&mut self, node: usize) {
        let log = self.dir.path().join(format!("node{node}.log"));
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(self.dir.path().join(format!("node{node}.conf")))
            .arg("-l")
            .arg(log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server starts");
        self.nodes[node] = Some(child);
        let port = self.ports[node];
        eventually("a node to listen", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
    }

    /// Ends a node without a chance to do anything.
    pub fn kill(&mut self, node: usize) {
        if let Some(mut child) = self.nodes[node].take() {
            child.kill().expect("a process");
            child.wait().expect("its end");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in 0..NODES {
            self.kill(node);
        }
    }
}
