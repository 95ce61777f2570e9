//! A broker with some workers, and raw clients on sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

use crate::QoS;
use crate::broker::peer::Peer;
use crate::broker::{Broker, BrokerOptions, ServerConfig};
use crate::protocol::Decoded;
use crate::protocol::delivery::{Delivery, decode};
use crate::protocol::handshake::{greeting, name_frame};
use crate::protocol::operation::FrameOp;
use crate::protocol::request::encode_head;

/// What cannot take this long does not happen at all.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// A runtime with a thread of its own.
pub(super) struct Worker {
    pub(super) handle: Handle,
    running: watch::Sender<()>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start() -> Self {
        let runtime: Runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let handle = runtime.handle().clone();
        let (running, mut until) = watch::channel(());
        let thread = std::thread::spawn(move || {
            let _ = runtime.block_on(until.changed());
        });
        Self {
            handle,
            running,
            thread,
        }
    }

    pub(super) fn stop(self) {
        drop(self.running);
        self.thread.join().expect("no panic");
    }
}

/// A broker whose listeners are on its first worker.
pub(super) struct Scene {
    pub(super) broker: Broker,
    pub(super) workers: Vec<Worker>,
    /// Which workers were woken, in order.
    pub(super) woken: Arc<Mutex<Vec<usize>>>,
    path: PathBuf,
    address: String,
}

impl Scene {
    pub(super) fn start(workers: usize, config: &ServerConfig) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("elbus-workers-{}-{number}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.expect("a free port").to_string();
        let workers: Vec<_> = (0..workers).map(|_| Worker::start()).collect();
        let handles = workers.iter().map(|worker| worker.handle.clone());
        let woken = Arc::new(Mutex::new(Vec::new()));
        let list = woken.clone();
        let options = BrokerOptions::new()
            .workers(handles.collect())
            .wake_workers(move |worker| {
                list.lock().push(worker);
                Ok(())
            });
        let mut broker = Broker::with_options(options);
        workers[0].handle.block_on(async {
            let text = path.to_str().expect("a plain path");
            let started = broker.spawn_unix_server(text, config.clone()).await;
            started.expect("a socket");
            let started = broker.spawn_tcp_server(&address, config.clone()).await;
            started.expect("a socket");
        });
        Self {
            broker,
            workers,
            woken,
            path,
            address,
        }
    }

    pub(super) fn unix_client(&self, name: &str) -> Client {
        let stream = UnixStream::connect(&self.path).expect("a broker");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        stream.set_write_timeout(Some(DEADLINE)).expect("a socket");
        Client::register(name, || Box::new(stream.try_clone().expect("a handle")))
    }

    pub(super) fn tcp_client(&self, name: &str) -> Client {
        let stream = TcpStream::connect(&self.address).expect("a broker");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        stream.set_write_timeout(Some(DEADLINE)).expect("a socket");
        Client::register(name, || Box::new(stream.try_clone().expect("a handle")))
    }

    pub(super) fn peer(&self, name: &str) -> Arc<Peer> {
        self.broker.hub.find(name).expect("registered")
    }

    pub(super) fn shutdown(&mut self) {
        let limit = DEADLINE / 2;
        let started = Instant::now();
        let handle = self.workers[0].handle.clone();
        handle.block_on(self.broker.shutdown(limit));
        assert!(started.elapsed() < limit, "a session did not end");
    }
}

/// Waits for something that is going to happen.
pub(super) fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Moves a session, and waits until it is there.
pub(super) fn move_to(peer: &Peer, worker: usize) {
    peer.tell_to_move(worker);
    wait_for("the session moves", || !peer.placement.is_elsewhere());
}

pub(super) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A registered client: what it writes to and what it reads from.
pub(super) struct Client {
    pub(super) output: Box<dyn Stream>,
    pub(super) input: Incoming,
}

impl Client {
    fn register(name: &str, handle: impl Fn() -> Box<dyn Stream>) -> Self {
        let (mut output, mut input) = (handle(), handle());
        output.write_all(&greeting()).expect("open");
        let name = name_frame(name).expect("a short name");
        output.write_all(&name).expect("open");
        let mut answer = [0; 5];
        input.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer[3..], [1, 1]);
        let input = Incoming {
            stream: input,
            bytes: Vec::new(),
        };
        Self { output, input }
    }
}

/// What a client receives.
pub(super) struct Incoming {
    stream: Box<dyn Stream>,
    bytes: Vec<u8>,
}

impl Incoming {
    /// The next frame, pings left out; `None` at the end.
    pub(super) fn next<T>(&mut self, mut look: impl FnMut(Delivery<'_>) -> T) -> Option<T> {
        loop {
            let decoded = decode(&self.bytes, usize::MAX).expect("the protocol");
            match decoded {
                Decoded::Item { item, size } => {
                    let got = (item != Delivery::Ping).then(|| look(item));
                    self.bytes.drain(..size);
                    if got.is_some() {
                        return got;
                    }
                }
                Decoded::Incomplete { .. } => {
                    let mut more = vec![0; 64 * 1024];
                    let n = self.stream.read(&mut more).expect("in time");
                    if n == 0 {
                        assert_eq!(self.bytes.len(), 0, "half a frame at the end");
                        return None;
                    }
                    self.bytes.extend_from_slice(&more[..n]);
                }
            }
        }
    }
}

pub(super) fn message(op_id: u32, target: &str, payload: &[u8], qos: QoS) -> Vec<u8> {
    let mut frame = Vec::new();
    let bytes = payload.len();
    encode_head(&mut frame, op_id, FrameOp::Message, qos, &[target], bytes).expect("short");
    frame.extend_from_slice(payload);
    frame
}
