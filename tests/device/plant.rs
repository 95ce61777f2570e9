//! The plant's side: clients on this machine, over TCP.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::wire::{Stream, Wire};
use crate::common::{
    MESSAGE, NO, NOT_REGISTERED, OK, PROCESSED, PUBLISH, ack, eventually, got_message,
    got_publication, message, publish, rpc_request, show, subscribe,
};

/// Clients that send at once.
const SENDERS: u32 = 4;
/// Messages, and as many publications, of each.
const FRAMES: u32 = 5_000;
/// Frames of each kind that a sender does not wait for.
const WINDOW: u32 = 50;
const PAYLOAD_BYTES: usize = 100;

/// A registered client.
pub fn client(port: u16, name: &str) -> Wire {
    let mut wire = Wire::new(Stream::tcp(port).expect("a connection to the device"));
    wire.handshake(name);
    wire
}

/// The client that watches the plant.
pub struct Scada {
    wire: Wire,
    requests: u32,
}

impl Scada {
    pub fn connect(port: u16) -> Self {
        let mut scada = Self {
            wire: client(port, "scada"),
            requests: 0,
        };
        let id = scada.next_request();
        let filters = subscribe(id, PROCESSED, &["plant/#"]);
        scada.wire.request(&filters, id);
        scada
    }

    /// Waits until a client of the device answers calls.
    pub fn wait_for(&mut self, target: &str) {
        eventually(target, || self.try_call(target, "ready").then_some(()));
    }

    /// Calls a method of a client of the device. Its reply is empty.
    pub fn call(&mut self, target: &str, method: &str) {
        assert!(self.try_call(target, method), "{target} is not there");
    }

    /// Calls a method and returns the message that follows the reply.
    pub fn ask(&mut self, target: &str, method: &str) -> String {
        self.call(target, method);
        self.next_message()
    }

    /// Publishes, and returns the message that follows.
    pub fn publish_and_hear(&mut self, topic: &str) -> String {
        let id = self.next_request();
        self.wire.request(&publish(id, PROCESSED, topic, b""), id);
        self.next_message()
    }

    fn next_message(&mut self) -> String {
        let frame = self.wire.read_frame();
        assert_eq!(frame.kind, MESSAGE, "{}", show(&frame.bytes()));
        let end = frame.body.iter().position(|byte| *byte == 0);
        let payload = &frame.body[end.expect("a sender") + 1..];
        String::from_utf8_lossy(payload).into_owned()
    }

    /// Sets a value, and expects the plug-in to publish it.
    pub fn set(&mut self, value: &str, number: &str) {
        let id = self.next_request();
        let topic = format!("setpoint/{value}");
        let frame = publish(id, PROCESSED, &topic, number.as_bytes());
        self.wire.request(&frame, id);
        let frame = self.wire.read_frame();
        let sender_len = frame.body.iter().position(|byte| *byte == 0);
        let sender = String::from_utf8_lossy(&frame.body[..sender_len.expect("a sender")]);
        let expected = format!("{number}, as set by scada");
        let topic = format!("plant/{value}");
        let expected = got_publication(0, &sender, &topic, expected.as_bytes());
        assert_eq!(show(&frame.bytes()), show(&expected));
    }

    /// Reads until the broker has closed the connection, as it does when it stops.
    pub fn wait_for_end(mut self) {
        self.wire.drain();
    }

    fn try_call(&mut self, target: &str, method: &str) -> bool {
        let id = self.next_request();
        let frame = message(id, PROCESSED, target, &rpc_request(id, method, b""));
        match self.wire.request_code(&frame) {
            OK => {}
            NOT_REGISTERED => return false,
            code => panic!("a call of {target} was answered {code:02x}"),
        }
        let reply = [&[0x11], id.to_le_bytes().as_slice()].concat();
        self.wire.expect_bytes(&got_message(0, target, &reply));
        true
    }

    fn next_request(&mut self) -> u32 {
        self.requests += 1;
        self.requests
    }
}

/// Sends messages between clients of this machine, and publications to one of them and to those of
/// the device. Nothing may be lost, or change its place. Returns how many publications there were,
/// and the time that it took.
pub fn load(port: u16) -> (u32, Duration) {
    let mut watcher = client(port, "watcher");
    watcher.request(&subscribe(1, PROCESSED, &["load/#"]), 1);
    let pairs: Vec<_> = (0..SENDERS)
        .map(|number| {
            let receiver = client(port, &format!("receiver.{number}"));
            (client(port, &format!("sender.{number}")), receiver)
        })
        .collect();
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| watch(&mut watcher));
        for (number, (mut sender, mut receiver)) in pairs.into_iter().enumerate() {
            scope.spawn(move || send(&mut sender, number));
            scope.spawn(move || {
                for frame in 0..FRAMES {
                    let expected = got_message(0, &format!("sender.{number}"), &payload(frame));
                    receiver.expect_bytes(&expected);
                }
            });
        }
    });
    (SENDERS * FRAMES, begin.elapsed())
}

fn payload(frame: u32) -> Vec<u8> {
    let mut payload = format!("{frame} ").into_bytes();
    payload.resize(PAYLOAD_BYTES, b'x');
    payload
}

/// Each frame asks for an answer.
fn send(sender: &mut Wire, number: usize) {
    let (receiver, topic) = (format!("receiver.{number}"), format!("load/{number}"));
    for window in 0..FRAMES / WINDOW {
        let (mut frames, mut acks) = (Vec::new(), Vec::new());
        for frame in window * WINDOW..(window + 1) * WINDOW {
            let ids = [2 * frame + 1, 2 * frame + 2];
            frames.extend(message(ids[0], PROCESSED, &receiver, &payload(frame)));
            frames.extend(publish(ids[1], PROCESSED, &topic, &payload(frame)));
            acks.extend(ids.map(|id| ack(id, OK)).concat());
        }
        sender.send_raw(&frames);
        sender.expect_bytes(&acks);
    }
}

fn watch(watcher: &mut Wire) {
    let mut expected = [0; SENDERS as usize];
    for _ in 0..SENDERS * FRAMES {
        let frame = watcher.read_frame();
        assert_eq!((frame.kind, frame.flag), (PUBLISH, NO));
        // "sender.N", and the number is what the array is about.
        let number = usize::from(frame.body["sender.".len()] - b'0');
        let (sender, topic) = (format!("sender.{number}"), format!("load/{number}"));
        let wanted = got_publication(0, &sender, &topic, &payload(expected[number]));
        assert_eq!(show(&frame.bytes()), show(&wanted));
        expected[number] += 1;
    }
}
