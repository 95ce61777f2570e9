//! A bus, an MQTT broker, and bridges between them: all of them real programs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::broker::{Log, TempDir, free_port};
use crate::common::*;
use crate::{missing, program};

/// A `mosquitto` that can be stopped and started again, on the same port.
pub struct Mosquitto {
    program: PathBuf,
    dir: TempDir,
    pub port: u16,
    config: String,
    child: Option<Child>,
}

impl Mosquitto {
    /// `None`: it is not installed, which was said.
    pub fn start() -> Option<Self> {
        Self::start_with(|_, port| format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))
    }

    /// With a configuration for a directory and a port. What it has to keep is kept over a restart.
    pub fn start_with(config: impl FnOnce(&Path, u16) -> String) -> Option<Self> {
        let program = missing::find("mosquitto")?;
        let (dir, port) = (TempDir::new(), free_port());
        // It saves when it is stopped; to do so with each message would make it slow.
        // As root it would become another user, who may not read the directory.
        let common = format!(
            "user root\npersistence true\npersistence_location {}/\nmax_queued_messages 0\n",
            dir.path().display()
        );
        let config = common + &config(dir.path(), port);
        let mut mosquitto = Self {
            program,
            dir,
            port,
            config,
            child: None,
        };
        mosquitto.resume();
        Some(mosquitto)
    }

    pub fn resume(&mut self) {
        let file = self.dir.path().join("mosquitto.conf");
        std::fs::write(&file, &self.config).expect("a file");
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto starts");
        self.child = Some(child);
        let port = self.port;
        eventually("mosquitto to listen", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An `elbus-bridge`.
pub struct Bridge {
    dir: TempDir,
    child: Child,
    log: Log,
}

impl Bridge {
    /// Between this bus and the MQTT broker at `port`; `tables` is the rest of the configuration, and
    /// `mqtt` more keys of that table.
    pub fn start(bus: &Bus, id: &str, port: u16, mqtt: &str, tables: &str) -> Self {
        let config = format!(
            "[bus]\naddress = {:?}\nid = {id:?}\n[mqtt]\naddresses = [\"mqtt://127.0.0.1:{port}\"]\n\
             retry_min_s = 0.1\nretry_max_s = 0.5\n{mqtt}\n{tables}",
            bus.broker.socket()
        );
        Self::start_with(&config)
    }

    /// With this configuration.
    pub fn start_with(config: &str) -> Self {
        let dir = TempDir::new();
        std::fs::write(dir.path().join("bridge.toml"), config).expect("a file");
        let (child, log) = launch(&dir);
        Self { dir, child, log }
    }

    /// Starts it again after its end.
    pub fn start_again(&mut self) {
        (self.child, self.log) = launch(&self.dir);
    }

    /// Ends it without a chance to do anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("a process");
        self.child.wait().expect("its end");
    }

    /// Waits until the log has this line.
    #[track_caller]
    pub fn await_log(&self, text: &str) {
        eventually(text, || self.log.text().contains(text).then_some(()));
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a service manager does; its log.
    pub fn stop(mut self) -> String {
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "{status}: {}", self.log.text());
        self.log.text()
    }
}

fn launch(dir: &TempDir) -> (Child, Log) {
    let config = dir.path().join("bridge.toml");
    let mut child = program::command(&["--config".as_ref(), config.as_os_str()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("elbus-bridge starts");
    let log = Log::default();
    // They end with the process.
    drop(log.follow(child.stdout.take().expect("its output")));
    drop(log.follow(child.stderr.take().expect("its errors")));
    (child, log)
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- log of the bridge ----\n{}", self.log.text());
        }
    }
}

/// A bus on a UNIX socket.
pub fn bus() -> Bus {
    Bus {
        broker: Broker::start(&[]),
        transport: Transport::Unix,
    }
}

/// Calls the bridge, and returns code and payload; code 0 is a result.
pub fn call(wire: &mut Wire, target: &str, method: &str, params: &[u8]) -> (i16, Vec<u8>) {
    wire.send_raw(&message(1, NO, target, &rpc_request(7, method, params)));
    let frame = wire.read_frame();
    let body = &frame.body;
    let at = body.iter().position(|byte| *byte == 0).expect("a sender") + 1;
    match body[at] {
        0x11 => (0, body[at + 5..].to_vec()),
        0x12 => {
            let code = i16::from_le_bytes([body[at + 5], body[at + 6]]);
            (code, body[at + 7..].to_vec())
        }
        other => panic!("{other:#x} is no answer"),
    }
}

/// `bridge.publish`; true if the bridge has it.
pub fn publish_confirmed(wire: &mut Wire, topic: &str, payload: &str) -> bool {
    let params = std::collections::BTreeMap::from([("topic", topic), ("payload", payload)]);
    let params = rmp_serde::to_vec_named(&params).expect("params");
    call(wire, "bridge", "bridge.publish", &params).0 == 0
}

/// A number of `bridge.status`.
pub fn status(wire: &mut Wire, table: &str, field: &str) -> u64 {
    let (code, reply) = call(wire, "bridge", "bridge.status", &[]);
    assert_eq!(code, 0);
    let status: serde_json::Value = rmp_serde::from_slice(&reply).expect("a map");
    status[table][field]
        .as_u64()
        .unwrap_or_else(|| panic!("{status}"))
}

/// Waits until a bridge is on the bus, and has its subscriptions.
pub fn await_bridge(bridge: &Bridge) {
    bridge.await_log("connected with MQTT");
    bridge.await_log("registered as");
}
