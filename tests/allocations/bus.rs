//! A broker on a thread of its own, whose allocations are counted, and what its clients do to it.

use crate::common::broker::{TempDir, free_port};
use crate::common::wire::Stream;
use crate::common::{
    DEADLINE, NOT_REGISTERED, PROCESSED, Transport, Wire, ack, message, subscribe,
};
use crate::counter::{Allocated, Tally};
use elbus::broker::{Broker, ServerConfig};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// The keep-alive makes a list of all clients. None falls into a measurement.
const TIMEOUT: Duration = Duration::from_secs(3600);

pub struct Bus {
    tally: &'static Tally,
    pub socket: PathBuf,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _dir: TempDir,
}

impl Bus {
    /// A broker as `elbusd` runs it: one thread, UNIX and TCP, with the core methods.
    pub fn start() -> Self {
        let dir = TempDir::new();
        let socket = dir.path().join("bus.sock");
        let path = socket.to_str().expect("a plain path").to_owned();
        let port = free_port();
        let tally = Tally::new();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = async move {
            let mut broker = Broker::new();
            broker.init_default_core_rpc().await.expect("the first");
            let config = || ServerConfig::new().timeout(TIMEOUT);
            let unix = broker.spawn_unix_server(&path, config()).await;
            unix.expect("a socket");
            let address = format!("127.0.0.1:{port}");
            let tcp = broker.spawn_tcp_server(&address, config()).await;
            tcp.expect("a port");
            ready.send(()).expect("the test waits");
            // The sender is dropped, too, if the test fails.
            let _ = stopped.await;
        };
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            tally.count_this_thread();
            runtime.block_on(serve);
        });
        is_ready.recv_timeout(DEADLINE).expect("the broker starts");
        Self {
            tally,
            socket,
            port,
            stop: Some(stop),
            thread: Some(thread),
            _dir: dir,
        }
    }

    /// A registered client.
    pub fn client(&self, transport: Transport, name: &str) -> Wire {
        let stream = match transport {
            Transport::Unix => Stream::unix(&self.socket),
            Transport::Tcp => Stream::tcp(self.port),
        };
        let mut wire = Wire::new(stream.expect("a connection"));
        wire.handshake(name);
        wire
    }

    /// A registered client with a subscription.
    pub fn subscriber(&self, transport: Transport, name: &str, filter: &str) -> Wire {
        let mut wire = self.client(transport, name);
        wire.request(&subscribe(1, PROCESSED, &[filter]), 1);
        wire
    }

    /// What the broker allocates in the steady state while `round` is repeated: after as many
    /// rounds again, in which queues and caches have found their size.
    pub fn allocates(&self, rounds: usize, mut round: impl FnMut()) -> Allocated {
        let mut fence = self.client(Transport::Unix, "fence");
        // The broker has one thread: when it answers this, it is done with what came before.
        let mut wait = || {
            fence.send_raw(&message(1, PROCESSED, "nobody", &[]));
            fence.expect_bytes(&ack(1, NOT_REGISTERED));
        };
        for _ in 0..rounds {
            round();
        }
        wait();
        self.tally.of(|| {
            for _ in 0..rounds {
                round();
            }
            wait();
        })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed; a second one would hide the first.
            let _ = thread.join();
        }
    }
}

pub fn write(wire: &Wire, bytes: &[u8]) {
    match wire.stream() {
        Stream::Unix(stream) => (&mut &*stream).write_all(bytes),
        Stream::Tcp(stream) => (&mut &*stream).write_all(bytes),
    }
    .expect("the broker reads");
}

/// Reads so many bytes, and does not look at them; `tests/wire` does.
pub fn skip(wire: &Wire, bytes: usize) {
    let mut left = bytes;
    let mut buffer = [0; 64 * 1024];
    while left > 0 {
        let part = &mut buffer[..left.min(64 * 1024)];
        let n = match wire.stream() {
            Stream::Unix(stream) => (&mut &*stream).read(part),
            Stream::Tcp(stream) => (&mut &*stream).read(part),
        }
        .expect("the broker writes");
        assert_ne!(n, 0, "the broker has closed the connection");
        left -= n;
    }
}
