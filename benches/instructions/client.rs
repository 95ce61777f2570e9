//! Workloads of programs that use the crate: this one, executed once more under callgrind.

use super::broker::{Broker, PAYLOAD, TOPIC, elbusd, frame};
use super::callgrind::{self, Profile};
use super::{Anything, Scratch, under_callgrind};
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::protocol::operation::FrameOp;
use elbus::{EventChannel, QoS};
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

/// What tells such a program apart.
pub const ROLE: &str = "--workload";

pub struct Workload {
    pub name: &'static str,
    /// N, see the top of `main`.
    pub frames: usize,
    /// How the child knows it.
    key: &'static str,
}

pub const WORKLOADS: &[Workload] = &[
    Workload {
        name: "in one process: send and receive",
        frames: 20_000,
        key: "internal",
    },
    Workload {
        name: "in one process: publish to 64, and receive",
        frames: 2_000,
        key: "internal-publish",
    },
    Workload {
        name: "`ipc::Client`: send",
        frames: 20_000,
        key: "send",
    },
    Workload {
        name: "`ipc::Client`: send, confirmed, one by one",
        frames: 2_000,
        key: "send-confirmed",
    },
    Workload {
        name: "`ipc::Client`: receive",
        frames: 20_000,
        key: "receive",
    },
];

/// The client that receives.
const RECEIVER: &str = "receiver";

impl Workload {
    /// The instructions of a program that handles so many times N frames.
    pub fn profile(&self, scratch: &Scratch, times: usize) -> Anything<Profile> {
        let frames = times * self.frames;
        let file = scratch.fresh("client.callgrind");
        let broker = Broker::start(scratch, Command::new(elbusd()))?;
        let mut feeder = broker.connect("feeder")?;
        let program = std::env::current_exe()?;
        let mut child = under_callgrind(&file, &program.to_string_lossy())
            .args([ROLE, self.key, &frames.to_string()])
            .arg(broker.socket())
            .spawn()?;
        if self.key == "receive" {
            // The receiver says when it is there; back-pressure does the rest.
            feeder.read_exact(&mut [0; 6 + RECEIVER.len() + 1])?;
            let message = frame(FrameOp::Message, QoS::No, RECEIVER, &PAYLOAD);
            feeder.write_all(&message.repeat(frames))?;
        }
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("{}: {status}", self.name).into());
        }
        broker.stop()?;
        Ok(callgrind::read(&file)?)
    }
}

/// What the child does.
pub fn run(key: &str, frames: usize, path: &str) -> Anything<()> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build()?;
    runtime.block_on(async {
        match key {
            "internal" => internal(frames).await,
            "internal-publish" => internal_publish(frames).await,
            "send" => send(connect(path).await?.0, frames).await,
            "send-confirmed" => send_confirmed(connect(path).await?.0, frames).await,
            "receive" => receive(connect(path).await?, frames).await,
            _ => Err(format!("no workload {key:?}").into()),
        }
    })
}

async fn connect(path: &str) -> Anything<(Client, EventChannel)> {
    let config = Config::new(path, RECEIVER).timeout(Duration::from_secs(60));
    let mut client = Client::connect(&config).await?;
    let events = client.take_event_channel().ok_or("taken")?;
    Ok((client, events))
}

async fn internal(frames: usize) -> Anything<()> {
    let broker = elbus::broker::Broker::new();
    let mut sender = broker.register_client("sender").await?;
    let mut receiver = broker.register_client(RECEIVER).await?;
    let events = receiver.take_event_channel().ok_or("taken")?;
    for _ in 0..frames {
        sender.send(RECEIVER, PAYLOAD[..].into(), QoS::No).await?;
        events.recv().await?;
    }
    Ok(())
}

async fn internal_publish(frames: usize) -> Anything<()> {
    let broker = elbus::broker::Broker::new();
    let mut sender = broker.register_client("sender").await?;
    let mut receivers = Vec::new();
    for i in 0..64 {
        let mut client = broker.register_client(&format!("receiver.{i}")).await?;
        let events = client.take_event_channel().ok_or("taken")?;
        client.subscribe(TOPIC, QoS::No).await?;
        receivers.push((client, events));
    }
    for _ in 0..frames {
        sender.publish(TOPIC, PAYLOAD[..].into(), QoS::No).await?;
        for (_, events) in &receivers {
            events.recv().await?;
        }
    }
    Ok(())
}

async fn send(mut client: Client, frames: usize) -> Anything<()> {
    for _ in 0..frames {
        client.send("nobody", PAYLOAD[..].into(), QoS::No).await?;
    }
    confirm(&mut client, "feeder").await
}

async fn send_confirmed(mut client: Client, frames: usize) -> Anything<()> {
    for _ in 0..frames {
        let sent = client.publish("nothing", PAYLOAD[..].into(), QoS::Processed);
        sent.await?.ok_or("as the QoS asks for")?.await??;
    }
    Ok(())
}

async fn receive((mut client, events): (Client, EventChannel), frames: usize) -> Anything<()> {
    confirm(&mut client, "feeder").await?;
    for _ in 0..frames {
        events.recv().await?;
    }
    Ok(())
}

/// What was sent before has got through.
async fn confirm(client: &mut Client, target: &str) -> Anything<()> {
    let sent = client.send(target, elbus::empty_payload!(), QoS::Processed);
    sent.await?.ok_or("as the QoS asks for")?.await??;
    Ok(())
}
