//! Workloads of the broker: `elbusd` as a process of its own, loaded over raw sockets.

use super::callgrind::{self, Profile};
use super::strace::{self, Calls};
use super::{Anything, Scratch, under_callgrind};
use elbus::protocol::operation::{FrameOp, QoS};
use elbus::protocol::request::{encode_filters, encode_head};
use elbus::protocol::{delivery, handshake, rpc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The broker that is measured: another build of it, if the variable names one.
pub fn elbusd() -> String {
    std::env::var("ELBUSD").unwrap_or_else(|_| env!("CARGO_BIN_EXE_elbusd").into())
}

pub const PAYLOAD: [u8; 100] = [b'x'; 100];
pub const TOPIC: &str = "plant/line1/speed";

/// Frames that are sent at once: less than one read takes in, and than a queue of `elbusd` holds.
const BATCH: usize = 400;
const ACK: usize = delivery::HEADER_BYTES;

/// What one client sends again and again, and what gets back to it and to others.
pub struct Workload {
    pub name: String,
    /// N, see the top of `main`.
    pub frames: usize,
    batch: usize,
    frame: Vec<u8>,
    /// Clients besides the sender.
    subscribers: usize,
    /// What each of them gets for a frame, in bytes.
    each: usize,
    /// What the sender gets for a frame, in bytes.
    back: usize,
}

pub fn workloads() -> Vec<Workload> {
    let message = |target, qos| frame(FrameOp::Message, qos, target, &PAYLOAD);
    let delivered = delivery::HEADER_BYTES + "sender".len() + 1 + PAYLOAD.len();
    let published = delivered + TOPIC.len() + 1;
    let publication = frame(FrameOp::PublishTopic, QoS::No, TOPIC, &PAYLOAD);
    let mut call = rpc::request_head(7, "benchmark.test").expect("no NUL");
    call.extend(PAYLOAD);
    let call = frame(FrameOp::Message, QoS::No, ".broker", &call);
    let reply =
        delivery::HEADER_BYTES + ".broker".len() + 1 + rpc::REPLY_HEAD_BYTES + PAYLOAD.len();

    let workload = |name: &str, frame: &[u8], subscribers, each, back| Workload {
        name: name.to_owned(),
        frames: 20_000,
        batch: BATCH,
        frame: frame.to_owned(),
        subscribers,
        each,
        back,
    };
    let to_another = message("client.0", QoS::No);
    let refused = message("nobody", QoS::Processed);
    let confirmed = message("client.0", QoS::Processed);
    let mut list = vec![
        workload("message", &to_another, 1, delivered, 0),
        workload(
            "message to oneself",
            &message("sender", QoS::No),
            0,
            0,
            delivered,
        ),
        workload("message, refused", &refused, 0, 0, ACK),
        workload("message, confirmed", &confirmed, 1, delivered, ACK),
        workload("call of the broker", &call, 0, 0, reply),
        workload("publication to 1", &publication, 1, published, 0),
        workload("publication to 64", &publication, 64, published, 0),
    ];
    for (name, frame, subscribers, each, back) in [
        ("message, refused, one by one", &refused, 0, 0, ACK),
        (
            "message, confirmed, one by one",
            &confirmed,
            1,
            delivered,
            ACK,
        ),
        ("call of the broker, one by one", &call, 0, 0, reply),
        (
            "publication to 64, one by one",
            &publication,
            64,
            published,
            0,
        ),
    ] {
        list.push(Workload {
            frames: 2_000,
            batch: 1,
            ..workload(name, frame, subscribers, each, back)
        });
    }
    list
}

pub fn frame(op: FrameOp, qos: QoS, target: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_head(&mut bytes, 7, op, qos, &[target], payload.len()).expect("it fits");
    bytes.extend(payload);
    bytes
}

impl Workload {
    /// The instructions of a broker that routes so many times N frames.
    pub fn profile(&self, scratch: &Scratch, times: usize) -> Anything<Profile> {
        let file = scratch.fresh("broker.callgrind");
        self.load(
            Broker::start(scratch, under_callgrind(&file, &elbusd()))?,
            times,
        )?;
        Ok(callgrind::read(&file)?)
    }

    /// Its system calls.
    pub fn calls(&self, scratch: &Scratch, times: usize) -> Anything<Calls> {
        let file = scratch.fresh("broker.strace");
        self.load(
            Broker::start(scratch, strace::over(&file, &elbusd()))?,
            times,
        )?;
        strace::read(&file)
    }

    fn load(&self, broker: Broker, times: usize) -> Anything<()> {
        let mut sender = broker.connect("sender")?;
        let mut receivers = (0..self.subscribers)
            .map(|i| broker.subscriber(&format!("client.{i}")))
            .collect::<io::Result<Vec<_>>>()?;
        let batch = self.frame.repeat(self.batch);
        let mut buffer = vec![0; self.batch * self.each.max(self.back)];
        for _ in 0..times * self.frames / self.batch {
            sender.write_all(&batch)?;
            for receiver in &mut receivers {
                receiver.read_exact(&mut buffer[..self.batch * self.each])?;
            }
            sender.read_exact(&mut buffer[..self.batch * self.back])?;
        }
        broker.stop()
    }
}

/// A broker as a process.
pub struct Broker {
    process: Child,
    socket: PathBuf,
}

impl Broker {
    /// Starts it by a command to which its arguments are added.
    pub fn start(scratch: &Scratch, mut command: Command) -> io::Result<Self> {
        let socket = scratch.fresh("bus.sock");
        // No keep-alive falls into the measurement.
        command.args(["-w", "1", "-t", "600", "-B"]).arg(&socket);
        let process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { process, socket })
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn connect(&self, name: &str) -> io::Result<UnixStream> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut socket = loop {
            match UnixStream::connect(&self.socket) {
                Ok(socket) => break socket,
                Err(e) if Instant::now() > deadline => return Err(e),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut answers = [0; handshake::GREETING_BYTES + 2];
        socket.write_all(&handshake::greeting())?;
        socket.write_all(&handshake::name_frame(name).ok_or(io::ErrorKind::InvalidInput)?)?;
        socket.read_exact(&mut answers)?;
        assert!(answers.ends_with(&[1, 1]), "registered");
        Ok(socket)
    }

    fn subscriber(&self, name: &str) -> io::Result<UnixStream> {
        let mut socket = self.connect(name)?;
        let mut frame = Vec::new();
        encode_filters(
            &mut frame,
            1,
            FrameOp::SubscribeTopic,
            QoS::Processed,
            &[TOPIC],
        )
        .ok_or(io::ErrorKind::InvalidInput)?;
        socket.write_all(&frame)?;
        socket.read_exact(&mut [0; ACK])?;
        Ok(socket)
    }

    /// Ends it as an operator would, and waits until it has written what it counted.
    pub fn stop(mut self) -> Anything<()> {
        kill(
            Pid::from_raw(self.process.id().try_into()?),
            Signal::SIGTERM,
        )?;
        let status = self.process.wait()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("elbusd: {status}").into()),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
