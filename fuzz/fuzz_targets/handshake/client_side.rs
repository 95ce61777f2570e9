//! The client is real, the broker is not.

use std::path::PathBuf;
use std::time::Duration;

use elbus::Frame;
use elbus::client::AsyncClient;
use elbus::ipc::{Client, Config};
use elbus::protocol::Decoded;
use elbus::protocol::delivery::{self, Delivery};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;

use crate::sockets::runtime;

/// All that a broker says before the first frame: greeting, accepted, registered.
pub const WELCOME: [u8; 5] = [0xEB, 1, 0, 1, 1];

const NAME: &str = "client";
const LONG: Duration = Duration::from_secs(600);
const MAX_FRAME: usize = 4096;

thread_local! {
    static SCENE: Scene = Scene::start();
}

pub fn check(said: &[u8]) {
    let received = SCENE.with(|scene| scene.runtime.block_on(scene.converse(said)));
    let Some(frames) = said.strip_prefix(&WELCOME) else {
        assert!(received.is_none(), "a client has connected to no broker");
        return;
    };
    let received = received.expect("a client");
    let expected = decode(frames);
    assert_eq!(received.len(), expected.len());
    for (frame, delivery) in received.iter().zip(expected) {
        let received = Delivery::Frame {
            kind: frame.kind(),
            realtime: frame.is_realtime(),
            sender: frame.sender(),
            topic: frame.topic(),
            payload: frame.payload(),
        };
        assert_eq!(received, delivery);
    }
}

/// The frames that an application gets: all up to what is not the protocol.
fn decode(mut bytes: &[u8]) -> Vec<Delivery<'_>> {
    let mut frames = Vec::new();
    while let Ok(Decoded::Item { item, size }) = delivery::decode(bytes, MAX_FRAME) {
        bytes = &bytes[size..];
        if matches!(item, Delivery::Frame { .. }) {
            frames.push(item);
        }
    }
    frames
}

/// A socket that outlives many inputs.
struct Scene {
    runtime: Runtime,
    listener: UnixListener,
    path: PathBuf,
}

impl Scene {
    fn start() -> Self {
        let name = format!("elbus-fuzz-{}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        let runtime = runtime();
        let listener = runtime.block_on(async { UnixListener::bind(&path) });
        Self {
            runtime,
            listener: listener.expect("a path of our own"),
            path,
        }
    }

    /// What the client receives, if it connects.
    async fn converse(&self, said: &[u8]) -> Option<Vec<Frame>> {
        let path = self.path.to_str().expect("a plain path");
        let config = Config::new(path, NAME).timeout(LONG).max_frame(MAX_FRAME);
        let (client, ()) = tokio::join!(Client::connect(&config), self.answer(said));
        let mut client = client.ok()?;
        let events = client.take_event_channel().expect("taken once");
        let mut received = Vec::new();
        while let Ok(frame) = events.recv().await {
            received.push(frame);
        }
        assert!(!client.is_connected());
        Some(received)
    }

    /// Says it all without listening, then waits until the client has done the same.
    async fn answer(&self, said: &[u8]) {
        let (mut stream, _) = self.listener.accept().await.expect("a client");
        let _ = stream.write_all(said).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
}
