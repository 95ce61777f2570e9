//! The broker is real, what is said to it is not.

use std::os::unix::net::SocketAddr;
use std::time::Duration;

use elbus::broker::{Broker, Client, ServerConfig};
use elbus::client::AsyncClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::task::yield_now;

use crate::sockets::{connect, listen, runtime};

/// No step takes that long: what is said comes at once, and then the connection is closed.
const LONG: Duration = Duration::from_secs(600);

const GREETING: [u8; 3] = [0xEB, 1, 0];
const MAX_NAME_BYTES: usize = 1024;
const MAX_PARTS: usize = 128;
/// The name that somebody has already.
const TAKEN: &str = "a";

const OK: u8 = 0x01;
const NOT_REGISTERED: u8 = 0x71;
const DATA: u8 = 0x72;
const NOT_SUPPORTED: u8 = 0x75;
const BUSY: u8 = 0x76;

thread_local! {
    static BUS: Bus = Bus::start();
}

pub fn check(said: &[u8], cut: usize) {
    let answered = BUS.with(|bus| bus.converse(said, cut));
    let (expected, name) = expected(said);
    let Some(name) = name else {
        assert_eq!(answered, expected);
        return;
    };
    // What follows is the business of other targets.
    assert!(answered.starts_with(&expected), "{answered:02x?}");
    let is_registered = BUS.with(|bus| bus.broker.force_disconnect(name).is_ok());
    assert!(!is_registered, "{name:?} has gone, and is registered still");
}

/// What the broker has to answer, and the name under which the client is registered then.
fn expected(said: &[u8]) -> (Vec<u8>, Option<&str>) {
    let mut answers = GREETING.to_vec();
    let Some((greeting, said)) = said.split_at_checked(GREETING.len()) else {
        return (answers, None);
    };
    if greeting != GREETING {
        answers.push(NOT_SUPPORTED);
        return (answers, None);
    }
    answers.push(OK);
    let Some((length, said)) = said.split_at_checked(2) else {
        return (answers, None);
    };
    let length = usize::from(length[0]) + 256 * usize::from(length[1]);
    if length > MAX_NAME_BYTES {
        answers.push(DATA);
        return (answers, None);
    }
    let Some(name) = said.get(..length) else {
        return (answers, None);
    };
    let code = code_for(name);
    answers.push(code);
    let name = str::from_utf8(name).ok();
    (answers, name.filter(|_| code == OK))
}

/// What a client of this name has to be told.
fn code_for(name: &[u8]) -> u8 {
    let Ok(name) = str::from_utf8(name) else {
        return DATA;
    };
    let is_odd = |symbol: char| symbol.is_control() || symbol == '*' || symbol == '?';
    let has_many_parts = name.matches('.').count() >= MAX_PARTS;
    if name.is_empty() || name.starts_with('.') || name.contains(is_odd) || has_many_parts {
        return DATA;
    }
    match name.split_once("%%") {
        None if name == TAKEN => BUSY,
        Some((primary, _)) if primary != TAKEN => NOT_REGISTERED,
        _ => OK,
    }
}

/// A broker that outlives many inputs. None of them may leave anything in it.
struct Bus {
    runtime: Runtime,
    address: SocketAddr,
    broker: Broker,
    /// Has the name that nobody else can have.
    _client: Client,
}

impl Bus {
    fn start() -> Self {
        let (socket, address) = listen();
        let runtime = runtime();
        let (broker, client) = runtime.block_on(async {
            let mut broker = Broker::new();
            let config = ServerConfig::new().timeout(LONG);
            let started = broker.spawn_unix_listener(socket, config).await;
            started.expect("a listener");
            let mut client = broker.register_client(TAKEN).await.expect("a free name");
            // Frames for it are nobody's business, and must not pile up.
            drop(client.take_event_channel());
            (broker, client)
        });
        Self {
            runtime,
            address,
            broker,
            _client: client,
        }
    }

    /// All that the broker answers.
    fn converse(&self, said: &[u8], cut: usize) -> Vec<u8> {
        let (first, second) = said.split_at(said.len().min(cut));
        self.runtime.block_on(async {
            let (mut input, mut output) = connect(&self.address).into_split();
            // It may be refused before all is said.
            let _ = output.write_all(first).await;
            for _ in 0..4 {
                yield_now().await;
            }
            let _ = output.write_all(second).await;
            let _ = output.shutdown().await;
            let mut answered = Vec::new();
            // A connection that is closed with something unread ends with an error.
            let _ = input.read_to_end(&mut answered).await;
            answered
        })
    }
}
