//! Lines of the fifo (protocol, section 10.1), written to a real one.
//!
//! - Every line has the effect that the table of the protocol gives it, or none.
//! - However the bytes arrive, the lines are the same, and one that is malformed harms no other.

#![no_main]

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use elbus::broker::{Broker, Client};
use elbus::client::AsyncClient;
use elbus::common::str_to_params_map;
use elbus::{EventChannel, FrameData, FrameKind, QoS};
use elbus_fuzz::oracle::MASKS;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// The only client. Subscribed to everything.
const LISTENER: &str = "a";

/// What it gets when all that was written has been carried out.
const LAST: &[u8] = b"the end of this input";

/// Well below what the kernel takes without waiting, in bytes.
const MAX_INPUT_BYTES: usize = 32 * 1024;

thread_local! {
    static BUS: RefCell<Bus> = Bus::start().into();
}

fuzz_target!(|input: (&[u8], u16)| {
    let (text, cut) = input;
    let text = &text[..text.len().min(MAX_INPUT_BYTES)];
    let (first, second) = text.split_at(text.len().min(cut.into()));
    let seen = BUS.with(|bus| bus.borrow_mut().write(first, second));
    let lines = text.split(|byte| *byte == b'\n');
    let expected: Vec<Event> = lines.filter_map(effect).collect();
    assert_eq!(seen, expected);
});

/// What the listener gets.
#[derive(Debug, PartialEq)]
struct Event {
    kind: FrameKind,
    topic: Option<String>,
    payload: Vec<u8>,
}

/// What a line has to bring the listener.
fn effect(line: &[u8]) -> Option<Event> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (target, rest) = str::from_utf8(line).ok()?.split_once(' ')?;
    let event = |kind, topic: Option<&str>, payload: &[u8]| {
        Some(Event {
            kind,
            topic: topic.map(str::to_owned),
            payload: payload.to_vec(),
        })
    };
    if let Some(topic) = target.strip_prefix('=') {
        return event(FrameKind::Publish, Some(topic), rest.as_bytes());
    }
    if target.contains('*') || target.contains('?') {
        let is_meant = MASKS.matches(target, LISTENER);
        return event(FrameKind::Broadcast, None, rest.as_bytes()).filter(|_| is_meant);
    }
    if target != LISTENER {
        return None;
    }
    let payload = match rest.as_bytes() {
        [b'.', data @ ..] => [&[0], data].concat(),
        [b':', ..] => request(&rest[1..])?,
        data => data.to_vec(),
    };
    event(FrameKind::Message, None, &payload)
}

/// A request without an answer: the order of params in a map is not given.
fn request(text: &str) -> Option<Vec<u8>> {
    let (method, pairs) = text.split_once(' ').unwrap_or((text, ""));
    let pairs: Vec<&str> = pairs.split(' ').collect();
    let params = str_to_params_map(&pairs).ok()?;
    let is_nul = method.contains('\0');
    let params = sorted(&rmp_serde::to_vec_named(&params).expect("a map"));
    let request = [b"\x01\0\0\0\0", method.as_bytes(), b"\0", &params].concat();
    (!is_nul).then_some(request)
}

/// The bytes in order: enough to tell maps from each other whose entries are in any.
fn sorted(params: &[u8]) -> Vec<u8> {
    let mut params = params.to_vec();
    params.sort_unstable();
    params
}

/// A broker with a fifo, both of which outlive many inputs.
struct Bus {
    runtime: Runtime,
    fifo: File,
    events: EventChannel,
    _client: Client,
    _broker: Broker,
}

impl Bus {
    fn start() -> Self {
        let name = format!("elbus-fuzz-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).expect("a directory of our own");
        let path = directory.join("fifo");
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (broker, client, events) = runtime.block_on(async {
            let mut broker = Broker::new();
            broker.init_default_core_rpc().await.expect("a new broker");
            let mut client = broker.register_client(LISTENER).await.expect("a free name");
            let events = client.take_event_channel().expect("taken once");
            client.subscribe("#", QoS::No).await.expect("a filter");
            let path = path.to_str().expect("a plain path");
            broker.spawn_fifo(path, 0).await.expect("a fifo");
            (broker, client, events)
        });
        // The broker reads already, so that opening does not have to wait for it.
        let writer = File::options()
            .write(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(&path);
        let fifo = writer.expect("a fifo");
        // As long as there is a writer, nobody opens it anew; and a fuzzer has no end at which it
        // could be removed.
        std::fs::remove_dir_all(&directory).expect("a directory of our own");
        Self {
            runtime,
            fifo,
            events,
            _client: client,
            _broker: broker,
        }
    }

    /// What the listener sees of it.
    fn write(&mut self, first: &[u8], second: &[u8]) -> Vec<Event> {
        let Self {
            runtime,
            fifo,
            events,
            ..
        } = self;
        runtime.block_on(async {
            fifo.write_all(first).expect("room");
            for _ in 0..4 {
                yield_now().await;
            }
            let last = [b"\n", LISTENER.as_bytes(), b" ", LAST, b"\n"].concat();
            fifo.write_all(second).expect("room");
            fifo.write_all(&last).expect("room");
            let mut seen = Vec::new();
            loop {
                let frame = events.recv().await.expect("the broker is there");
                assert_eq!(frame.sender(), ".broker");
                if frame.payload() == LAST {
                    return seen;
                }
                seen.push(received(&frame));
            }
        })
    }
}

fn received(frame: &FrameData) -> Event {
    let head = frame.header().unwrap_or_default();
    let payload = match head {
        [1, ..] => sorted(frame.payload()),
        _ => frame.payload().to_vec(),
    };
    Event {
        kind: frame.kind(),
        topic: frame.topic().map(str::to_owned),
        payload: [head, &payload].concat(),
    }
}
