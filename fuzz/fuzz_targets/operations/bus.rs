//! The real broker, and the ends of its clients.

use std::cell::{Cell, Ref, RefCell};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream as StdStream};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use elbus::broker::{AaaMap, Broker, BrokerOptions, Client, ClientAaa, ServerConfig};
use elbus::client::AsyncClient;
use elbus::protocol::Decoded;
use elbus::protocol::delivery::{self, Delivery};
use elbus::protocol::handshake::{greeting, name_frame};
use elbus::{EventChannel, FrameData};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::task::{spawn_local, yield_now};

use crate::event::{Event, Payload};
use crate::plan::{Queue, Rights, Setup, Transport};

/// Nothing ever takes that long; a timeout of the broker would be a finding.
const LONG: Duration = Duration::from_secs(600);

const MAX_FRAME: usize = 1024 * 1024;

/// See the top of this file.
pub struct Bus {
    pub broker: Broker,
    open: SocketAddr,
    guarded: SocketAddr,
    map: AaaMap,
}

impl Bus {
    pub async fn start(setup: &Setup) -> Self {
        let (frames, internal_frames, bytes) = match setup.queue {
            Queue::Tiny => (1, 16, 64),
            Queue::Small => (4, 32, 8 * 1024),
            Queue::Usual => (512, 4096, 1024 * 1024),
        };
        let map = AaaMap::default();
        let mut broker = Broker::with_options(BrokerOptions::new().queue_size(internal_frames));
        if setup.has_core {
            broker.init_default_core_rpc().await.expect("a new broker");
        }
        let config = ServerConfig::new().timeout(LONG);
        let config = config.queue_size(frames).queue_bytes(bytes);
        let open = listen(&mut broker, config.clone()).await;
        let guarded = listen(&mut broker, config.aaa_map(map.clone())).await;
        Self {
            broker,
            open,
            guarded,
            map,
        }
    }

    /// Registers a client, or tells the code with which it was refused.
    pub async fn join(&self, name: &str, transport: Transport) -> Result<End, u8> {
        let address = match transport {
            Transport::Internal => {
                let client = self.broker.register_client(name).await;
                return Ok(End::internal(client.map_err(|e| e.kind() as u8)?));
            }
            Transport::Open => &self.open,
            Transport::Guarded => &self.guarded,
        };
        let stream = StdStream::connect_addr(address).expect("a listener");
        stream.set_nonblocking(true).expect("a socket");
        let mut stream = UnixStream::from_std(stream).expect("a runtime");
        let name = name_frame(name).expect("a short name");
        let opening = [&greeting()[..], &name].concat();
        stream.write_all(&opening).await.expect("a listener");
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer[..4], [0xEB, 1, 0, 1]);
        match answer[4] {
            1 => Ok(End::socket(stream)),
            code => Err(code),
        }
    }

    pub fn grant(&self, account: &str, rights: Option<&Rights>) {
        let mut map = self.map.lock();
        match rights {
            Some(rights) => map.insert(account.into(), rights.to_aaa()),
            None => map.remove(account),
        };
    }
}

/// Abstract addresses, which leave nothing in the file system.
async fn listen(broker: &mut Broker, config: ServerConfig) -> SocketAddr {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("elbus-fuzz-{}-{number}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).expect("a short name");
    let socket = UnixListener::bind_addr(&address).expect("a name of our own");
    let started = broker.spawn_unix_listener(socket, config).await;
    started.expect("a listener");
    address
}

impl Rights {
    fn to_aaa(&self) -> ClientAaa {
        let mut aaa = ClientAaa::new();
        if let Some(masks) = self.send_texts() {
            aaa = aaa.allow_p2p_to(&masks);
        }
        if let Some(masks) = self.broadcast_texts() {
            aaa = aaa.allow_broadcast_to(&masks);
        }
        if let Some(filters) = self.publish_texts() {
            aaa = aaa.allow_publish_to(&filters);
        }
        if let Some(filters) = self.subscribe_texts() {
            aaa = aaa.allow_subscribe_to(&filters);
        }
        aaa
    }
}

/// What a client has seen, filled by a task of its own: a client that does not read would hold up
/// the others.
#[derive(Default)]
struct Seen {
    events: RefCell<Vec<Event>>,
    has_ended: Cell<bool>,
    changed: Notify,
}

/// The client's end of a connection.
pub struct End {
    pub way: Way,
    seen: Rc<Seen>,
}

pub enum Way {
    Internal(Box<Client>),
    Socket(OwnedWriteHalf),
}

impl End {
    fn internal(mut client: Client) -> Self {
        let seen = Rc::<Seen>::default();
        let channel = client.take_event_channel().expect("taken once");
        spawn_local(collect(channel, seen.clone()));
        Self {
            way: Way::Internal(Box::new(client)),
            seen,
        }
    }

    fn socket(stream: UnixStream) -> Self {
        let seen = Rc::<Seen>::default();
        let (input, output) = stream.into_split();
        spawn_local(read(input, seen.clone()));
        Self {
            way: Way::Socket(output),
            seen,
        }
    }

    pub fn events(&self) -> Ref<'_, Vec<Event>> {
        self.seen.events.borrow()
    }

    /// Waits until there are so many events, or no more to come.
    pub async fn wait_for(&self, count: usize) {
        while self.events().len() < count && !self.seen.has_ended.get() {
            self.seen.changed.notified().await;
        }
    }

    /// Waits until there are no more to come.
    pub async fn wait_for_end(&self) {
        while !self.seen.has_ended.get() {
            self.seen.changed.notified().await;
        }
    }
}

/// Gives the tasks that collect events their turn.
pub async fn settle() {
    for _ in 0..4 {
        yield_now().await;
    }
}

impl Seen {
    fn push(&self, event: Option<Event>) {
        match event {
            Some(event) => self.events.borrow_mut().push(event),
            None => self.has_ended.set(true),
        }
        self.changed.notify_waiters();
        self.changed.notify_one();
    }
}

async fn collect(channel: EventChannel, seen: Rc<Seen>) {
    while let Ok(frame) = channel.recv().await {
        seen.push(Some(received_here(&frame)));
    }
    seen.push(None);
}

async fn read(mut input: OwnedReadHalf, seen: Rc<Seen>) {
    let mut bytes = Vec::new();
    loop {
        // A connection that is closed with something unread ends with an error.
        match input.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let mut consumed = 0;
        while let Decoded::Item { item, size } =
            delivery::decode(&bytes[consumed..], MAX_FRAME).expect("the protocol")
        {
            consumed += size;
            if let Some(event) = received(&item) {
                seen.push(Some(event));
            }
        }
        bytes.drain(..consumed);
    }
    assert!(bytes.is_empty(), "a connection ended within a frame");
    seen.push(None);
}

fn received(item: &Delivery<'_>) -> Option<Event> {
    Some(match item {
        Delivery::Ping => return None,
        Delivery::Ack { op_id, code } => Event::Ack {
            op_id: u32::from_le_bytes(*op_id),
            code: *code,
        },
        Delivery::Frame {
            sender: ".broker",
            payload,
            ..
        } => announced(payload),
        Delivery::Frame {
            kind,
            realtime,
            sender,
            topic,
            payload,
        } => Event::Frame {
            kind: *kind,
            realtime: *realtime,
            sender: (*sender).into(),
            topic: topic.map(str::to_owned),
            payload: Payload(payload.to_vec()),
        },
    })
}

fn received_here(frame: &FrameData) -> Event {
    if frame.sender() == ".broker" {
        return announced(frame.payload());
    }
    Event::Frame {
        kind: frame.kind(),
        realtime: frame.is_realtime(),
        sender: frame.sender().into(),
        topic: frame.topic().map(str::to_owned),
        payload: Payload([frame.header().unwrap_or_default(), frame.payload()].concat()),
    }
}

fn announced(payload: &[u8]) -> Event {
    #[derive(serde::Deserialize)]
    struct Announcement<'a> {
        s: &'a str,
        d: &'a str,
    }
    let Announcement { s, d } = rmp_serde::from_slice(payload).expect("an announcement");
    Event::Announced {
        subject: s.into(),
        name: d.into(),
    }
}
