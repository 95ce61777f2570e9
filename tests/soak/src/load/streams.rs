//! Messages, publications and broadcasts that are all verified.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use elbus::client::AsyncClient;
use elbus::ipc::Client;
use elbus::{FrameKind, QoS};
use tokio::task::JoinHandle;

use super::Plan;
use super::ears::{Ear, Stream};
use super::scene::{Scene, any_qos, confirmed, name};
use crate::sequence::any_size;

pub const SENDER: &str = "from";
pub const RECEIVER: &str = "to";
pub const PUBLISHER: &str = "publisher";
pub const SUBSCRIBER: &str = "subscriber";
pub const CRIER: &str = "crier";
pub const LISTENER: &str = "listener";

/// The topics of each publisher end like this.
const LEAVES: [&str; 3] = ["a", "b", "c"];

/// Frames that are sent before the first of them has to be confirmed, at most.
const BURST: usize = 8;

/// The longest pauses after a burst: what many hear is sent less often.
const PAUSE: Duration = Duration::from_millis(60);
const PAUSE_FOR_MANY: Duration = Duration::from_millis(200);

/// What many hear is smaller, too, in bytes.
const LARGEST: usize = 256 * 1024;
const LARGEST_FOR_MANY: usize = 16 * 1024;

/// Where a stream goes.
enum Target {
    Message(String),
    Topic(String),
    Mask(String),
}

pub async fn start(
    plan: &Plan,
    scene: &Scene,
    workers: &mut Vec<JoinHandle<()>>,
) -> Result<Vec<Ear>> {
    let mut ears = Vec::new();
    for number in 0..plan.pairs {
        let (from, to) = (name(SENDER, number), name(RECEIVER, number));
        let stream = Stream::new(FrameKind::Message, &from, "");
        ears.push(Ear::listen(
            scene,
            scene.client(&to).await?,
            vec![stream.clone()],
        )?);
        let sends = vec![(Target::Message(to), stream)];
        workers.push(speak(scene, &from, sends, PAUSE, LARGEST).await?);
    }
    start_topics(plan, scene, workers, &mut ears).await?;
    start_broadcasts(plan, scene, workers, &mut ears).await?;
    Ok(ears)
}

async fn start_topics(
    plan: &Plan,
    scene: &Scene,
    workers: &mut Vec<JoinHandle<()>>,
    ears: &mut Vec<Ear>,
) -> Result<()> {
    let topic = |publisher: usize, leaf: &str| format!("soak/{publisher}/{leaf}");
    let streams: Vec<[Arc<Stream>; 3]> = (0..plan.publishers)
        .map(|number| {
            let stream = |leaf| {
                let sender = name(PUBLISHER, number);
                Stream::new(FrameKind::Publish, &sender, &topic(number, leaf))
            };
            LEAVES.map(stream)
        })
        .collect();
    for number in 0..plan.subscribers {
        let mut client = scene.client(&name(SUBSCRIBER, number)).await?;
        let one = number % plan.publishers;
        let all = |leaves: std::ops::Range<usize>| {
            let of_each = streams.iter().map(|stream| &stream[leaves.clone()]);
            of_each.flatten().cloned().collect::<Vec<_>>()
        };
        // Each kind of filter, and what it lets through.
        let (filter, hears) = match number % 5 {
            0 => ("soak/#".to_owned(), all(0..3)),
            1 => (format!("soak/+/{}", LEAVES[0]), all(0..1)),
            2 => (format!("soak/{one}/+"), streams[one].to_vec()),
            3 => (topic(one, LEAVES[1]), streams[one][1..2].to_vec()),
            _ => {
                let excluded = format!("soak/+/{}", LEAVES[2]);
                confirmed(client.exclude(&excluded, QoS::Processed).await).await?;
                ("soak/#".to_owned(), all(0..2))
            }
        };
        confirmed(client.subscribe(&filter, QoS::Processed).await).await?;
        ears.push(Ear::listen(scene, client, hears)?);
    }
    for (number, streams) in streams.into_iter().enumerate() {
        let topics = LEAVES.map(|leaf| Target::Topic(topic(number, leaf)));
        let sends = topics.into_iter().zip(streams).collect();
        let publisher = name(PUBLISHER, number);
        workers.push(speak(scene, &publisher, sends, PAUSE_FOR_MANY, LARGEST_FOR_MANY).await?);
    }
    Ok(())
}

async fn start_broadcasts(
    plan: &Plan,
    scene: &Scene,
    workers: &mut Vec<JoinHandle<()>>,
    ears: &mut Vec<Ear>,
) -> Result<()> {
    let criers = (0..plan.criers).map(|number| name(CRIER, number));
    let streams: Vec<_> = criers
        .map(|crier| {
            let stream = Stream::new(FrameKind::Broadcast, &crier, "");
            (crier, stream)
        })
        .collect();
    for number in 0..plan.listeners {
        let client = scene.client(&name(LISTENER, number)).await?;
        let hears = streams.iter().map(|(_, stream)| stream.clone()).collect();
        ears.push(Ear::listen(scene, client, hears)?);
    }
    for (crier, stream) in streams {
        let mask = ["soak.listener.*", "soak.listener.?", "?.listener.?"][fastrand::usize(..3)];
        let sends = vec![(Target::Mask(mask.to_owned()), stream)];
        workers.push(speak(scene, &crier, sends, PAUSE_FOR_MANY, LARGEST_FOR_MANY).await?);
    }
    Ok(())
}

/// Starts a client that sends on all these streams until the end.
async fn speak(
    scene: &Scene,
    name: &str,
    sends: Vec<(Target, Arc<Stream>)>,
    pause: Duration,
    largest: usize,
) -> Result<JoinHandle<()>> {
    let mut client = scene.client(name).await?;
    let to_pause = scene.clone();
    Ok(scene.spawn(name.to_owned(), async move {
        while !to_pause.is_over() {
            let mut burst = Vec::new();
            for _ in 0..fastrand::usize(1..=BURST) {
                let (target, stream) = &sends[fastrand::usize(..sends.len())];
                let payload = stream.next(any_size(largest));
                burst.push(send(&mut client, target, payload).await);
            }
            for operation in burst {
                confirmed(operation).await?;
            }
            to_pause.pause(pause).await;
        }
        Ok(())
    }))
}

async fn send(
    client: &mut Client,
    target: &Target,
    payload: Vec<u8>,
) -> Result<elbus::OpConfirm, elbus::Error> {
    let (payload, qos) = (payload.into(), any_qos());
    match target {
        Target::Message(name) => client.send(name, payload, qos).await,
        Target::Topic(topic) => client.publish(topic, payload, qos).await,
        Target::Mask(mask) => client.send_broadcast(mask, payload, qos).await,
    }
}
