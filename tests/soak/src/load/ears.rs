//! Clients that receive, and verify all of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use elbus::client::AsyncClient;
use elbus::ipc::Client;
use elbus::{Frame, FrameKind};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::scene::Scene;
use crate::sequence::Sequence;

/// How long the last frames may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbered frames of one sender, of one kind, to one place.
#[derive(Debug)]
pub struct Stream {
    key: String,
    sent: Mutex<Sequence>,
}

impl Stream {
    pub fn new(kind: FrameKind, sender: &str, topic: &str) -> Arc<Self> {
        Arc::new(Self {
            key: key(kind, sender, topic),
            sent: Mutex::default(),
        })
    }

    /// The next payload, of about so many bytes. It has to be sent before the one after it.
    pub fn next(&self, bytes: usize) -> Vec<u8> {
        self.sent().next(bytes)
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, Sequence> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells the frames of one stream from those of others.
fn key(kind: FrameKind, sender: &str, topic: &str) -> String {
    format!("{kind:?} from {sender} {topic}")
}

/// A client that hears some streams, each from its beginning.
pub struct Ear {
    name: String,
    streams: Vec<Arc<Stream>>,
    arrived: Arc<Arrived>,
    listening: JoinHandle<()>,
    /// Its end is the end of the connection.
    _client: Client,
}

#[derive(Debug, Default)]
struct Arrived {
    sequences: Mutex<HashMap<String, Sequence>>,
    is_lost: AtomicBool,
}

impl Ear {
    /// Listens from now on. The client has to be subscribed to what it hears.
    pub fn listen(scene: &Scene, mut client: Client, streams: Vec<Arc<Stream>>) -> Result<Self> {
        let name = client.get_name().to_owned();
        let arrived = Arc::new(Arrived::default());
        let known = streams
            .iter()
            .map(|stream| (stream.key.clone(), Sequence::default()));
        *arrived.lock() = known.collect();
        let events = client.take_event_channel().context("its frames")?;
        let listening = tokio::spawn({
            let (scene, name, arrived) = (scene.clone(), name.clone(), arrived.clone());
            async move {
                while let Ok(frame) = events.recv().await {
                    arrived.take(&scene, &name, &frame);
                }
                arrived.is_lost.store(true, Ordering::Relaxed);
            }
        });
        Ok(Self {
            name,
            streams,
            arrived,
            listening,
            _client: client,
        })
    }

    /// Waits until everything is there that was sent.
    pub async fn finish(self, scene: &Scene) {
        let end = Instant::now() + PATIENCE;
        while !self.missing().is_empty() {
            if self.arrived.is_lost.load(Ordering::Relaxed) || Instant::now() > end {
                for what in self.missing() {
                    scene.faults.add(format!("{}: {what}", self.name));
                }
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.listening.abort();
    }

    fn missing(&self) -> Vec<String> {
        let arrived = self.arrived.lock();
        let mut missing = Vec::new();
        for stream in &self.streams {
            let (sent, found) = (*stream.sent(), arrived[&stream.key]);
            if sent != found {
                let key = &stream.key;
                missing.push(format!("{key}: {sent:?} were sent, {found:?} have arrived"));
            }
        }
        missing
    }
}

impl Arrived {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Sequence>> {
        self.sequences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, scene: &Scene, name: &str, frame: &Frame) {
        if frame.sender() == ".broker" {
            // Warnings, to which everybody is subscribed: here of clients that are slow on purpose.
            return;
        }
        let key = key(frame.kind(), frame.sender(), frame.topic().unwrap_or(""));
        let result = match self.lock().get_mut(&key) {
            Some(sequence) => sequence.arrived(frame.payload()),
            None => Err("this was not for it".to_owned()),
        };
        match result {
            Ok(()) => {
                scene.done.frames.fetch_add(1, Ordering::Relaxed);
            }
            Err(why) => scene.faults.add(format!("{name}: {key}: {why}")),
        }
    }
}
