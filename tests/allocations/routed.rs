//! Frames between sockets: none of them costs an allocation, but for the few that are listed here.

use crate::bus::{Bus, skip, write};
use crate::common::*;

/// Frames of one measurement.
const FRAMES: usize = 10_000;

/// The same where each of them goes to many.
const FRAMES_FOR_MANY: usize = 500;

/// A broadcast collects its receivers, so that nobody is locked out while they get it. The list
/// starts with room for four.
const BROADCAST: u64 = 1;

/// A publication for one receiver collects those of his clients that are subscribed: into a list,
/// which becomes a shared one.
const PUBLICATION_FOR_ONE: u64 = 2;

/// How many frames arrive with one read: as they come from a client that waits for each answer, and
/// from one that does not.
const BATCHES: [usize; 2] = [1, 100];

const PAYLOAD: &[u8] = &[b'x'; 100];
const TOPIC: &str = "plant/line1/speed";

/// What one client sends again and again, and what comes back for it.
struct Load<'a> {
    sender: &'a Wire,
    frame: Vec<u8>,
    /// What the sender itself gets for each frame, in bytes.
    answer: usize,
    receivers: &'a [Wire],
    /// What each receiver gets for each frame, in bytes.
    delivery: usize,
}

impl Load<'_> {
    /// Sends as many frames at once as are in `batch`, and reads whatever that leads to.
    fn round(&self, batch: &[u8]) {
        let frames = batch.len() / self.frame.len();
        write(self.sender, batch);
        skip(self.sender, frames * self.answer);
        for receiver in self.receivers {
            skip(receiver, frames * self.delivery);
        }
    }

    fn must_not_allocate(&self, bus: &Bus, what: &str) {
        self.must_allocate(bus, what, 0);
    }

    /// Expects so many allocations for each frame.
    fn must_allocate(&self, bus: &Bus, what: &str, each: u64) {
        let frames = match self.receivers.len() {
            0..8 => FRAMES,
            _ => FRAMES_FOR_MANY,
        };
        for size in BATCHES {
            let batch = self.frame.repeat(size);
            let allocated = bus.allocates(frames / size, || self.round(&batch));
            assert_eq!(
                allocated.times,
                each * frames as u64,
                "{what}, {size} at a time: {frames} frames made {allocated:?}"
            );
        }
    }
}

fn on_both(body: impl Fn(&Bus, Transport)) {
    for transport in [Transport::Unix, Transport::Tcp] {
        // Shown only if the test fails.
        eprintln!("transport: {transport:?}");
        body(&Bus::start(), transport);
    }
}

fn ack_bytes(qos: u8) -> usize {
    match qos & PROCESSED {
        0 => 0,
        _ => ack(1, OK).len(),
    }
}

#[test]
fn messages_to_others() {
    on_both(|bus, transport| {
        let sender = bus.client(transport, "sender");
        let receivers = [bus.client(transport, "receiver")];
        for qos in EVERY_QOS {
            let load = Load {
                sender: &sender,
                frame: message(1, qos, "receiver", PAYLOAD),
                answer: ack_bytes(qos),
                receivers: &receivers,
                delivery: got_message(0, "sender", PAYLOAD).len(),
            };
            load.must_not_allocate(bus, &format!("QoS {qos:#x}"));
        }
    });
}

#[test]
fn messages_to_oneself() {
    on_both(|bus, transport| {
        let sender = bus.client(transport, "sender");
        for qos in EVERY_QOS {
            let load = Load {
                sender: &sender,
                frame: message(1, qos, "sender", PAYLOAD),
                answer: ack_bytes(qos) + got_message(0, "sender", PAYLOAD).len(),
                receivers: &[],
                delivery: 0,
            };
            load.must_not_allocate(bus, &format!("QoS {qos:#x}"));
        }
    });
}

#[test]
fn messages_to_nobody() {
    on_both(|bus, transport| {
        let sender = bus.client(transport, "sender");
        let load = Load {
            sender: &sender,
            frame: message(1, PROCESSED, "nobody", PAYLOAD),
            answer: ack(1, NOT_REGISTERED).len(),
            receivers: &[],
            delivery: 0,
        };
        load.must_not_allocate(bus, "refused");
    });
}

/// As a client that talks to many in turn sends them.
#[test]
fn messages_to_one_and_to_another() {
    let bus = Bus::start();
    let sender = bus.client(Transport::Unix, "sender");
    let receivers = ["a", "b"].map(|name| bus.client(Transport::Unix, name));
    let pair = ["a", "b"]
        .map(|name| message(1, NO, name, PAYLOAD))
        .concat();
    let load = Load {
        sender: &sender,
        frame: pair,
        answer: 0,
        receivers: &receivers,
        delivery: got_message(0, "sender", PAYLOAD).len(),
    };
    load.must_not_allocate(&bus, "in turn");
}

/// A request from one client to another, and the reply.
#[test]
fn calls_of_a_client() {
    on_both(|bus, transport| {
        let caller = bus.client(transport, "caller");
        let server = bus.client(transport, "server");
        let request = rpc_request(7, "method", PAYLOAD);
        let reply = [b"\x11\x07\0\0\0", PAYLOAD].concat();
        for qos in [NO, PROCESSED] {
            let asked = message(1, qos, "server", &request);
            let answered = message(1, qos, "caller", &reply);
            let allocated = bus.allocates(FRAMES, || {
                write(&caller, &asked);
                skip(&caller, ack_bytes(qos));
                skip(&server, got_message(0, "caller", &request).len());
                write(&server, &answered);
                skip(&server, ack_bytes(qos));
                skip(&caller, got_message(0, "server", &reply).len());
            });
            assert_eq!(allocated.times, 0, "QoS {qos:#x}: {allocated:?}");
        }
    });
}

/// `benchmark.test` returns its params without a copy of them.
#[test]
fn calls_of_the_broker() {
    on_both(|bus, transport| {
        let caller = bus.client(transport, "caller");
        let request = rpc_request(7, "benchmark.test", PAYLOAD);
        let reply = [b"\x11\x07\0\0\0", PAYLOAD].concat();
        let load = Load {
            sender: &caller,
            frame: message(1, PROCESSED, ".broker", &request),
            answer: ack_bytes(PROCESSED) + got_message(0, ".broker", &reply).len(),
            receivers: &[],
            delivery: 0,
        };
        load.must_not_allocate(bus, "benchmark.test");
    });
}

fn publications(subscribers: usize, filter: &str) {
    on_both(|bus, transport| {
        let sender = bus.client(transport, "sender");
        let receivers: Vec<_> = (0..subscribers)
            .map(|i| bus.subscriber(transport, &format!("subscriber.{i}"), filter))
            .collect();
        // Where nobody gets anything, an ack is what tells that the batch is through.
        let every_qos = match subscribers {
            0 => &[PROCESSED][..],
            _ => &EVERY_QOS,
        };
        for &qos in every_qos {
            let load = Load {
                sender: &sender,
                frame: publish(1, qos, TOPIC, PAYLOAD),
                answer: ack_bytes(qos),
                receivers: &receivers,
                delivery: got_publication(0, "sender", TOPIC, PAYLOAD).len(),
            };
            load.must_not_allocate(bus, &format!("QoS {qos:#x}"));
        }
    });
}

#[test]
fn publications_to_one_subscriber() {
    publications(1, TOPIC);
}

#[test]
fn publications_to_64_subscribers() {
    publications(64, TOPIC);
}

#[test]
fn publications_through_a_wildcard() {
    publications(1, "plant/+/#");
    publications(64, "plant/+/speed");
}

#[test]
fn publications_to_nobody() {
    publications(0, TOPIC);
}

/// As a gateway sends them, topic after topic.
#[test]
fn publications_to_one_topic_and_to_another() {
    let bus = Bus::start();
    let topics = ["plant/line1/speed", "plant/line2/speed"];
    let sender = bus.client(Transport::Unix, "sender");
    let receivers = [bus.subscriber(Transport::Unix, "subscriber", "plant/#")];
    let pair = topics.map(|topic| publish(1, NO, topic, PAYLOAD)).concat();
    let load = Load {
        sender: &sender,
        frame: pair,
        answer: 0,
        receivers: &receivers,
        delivery: 2 * got_publication(0, "sender", topics[0], PAYLOAD).len(),
    };
    load.must_not_allocate(&bus, "in turn");
}

#[test]
fn publications_for_one_of_many() {
    let bus = Bus::start();
    let sender = bus.client(Transport::Unix, "sender");
    let _others = ["x", "y", "z"].map(|name| bus.subscriber(Transport::Unix, name, "plant/#"));
    let receivers = [bus.subscriber(Transport::Unix, "chosen", "plant/#")];
    let load = Load {
        sender: &sender,
        frame: publish_for(1, NO, TOPIC, "chosen", PAYLOAD),
        answer: 0,
        receivers: &receivers,
        delivery: got_publication(0, "sender", TOPIC, PAYLOAD).len(),
    };
    load.must_allocate(&bus, "publications for one", PUBLICATION_FOR_ONE);
}

#[test]
fn broadcasts() {
    let bus = Bus::start();
    let sender = bus.client(Transport::Unix, "sender");
    let receivers = ["group.a", "group.b", "group.c"].map(|name| bus.client(Transport::Unix, name));
    let load = Load {
        sender: &sender,
        frame: broadcast(1, NO, "group.*", PAYLOAD),
        answer: 0,
        receivers: &receivers,
        delivery: got_broadcast(0, "sender", PAYLOAD).len(),
    };
    load.must_allocate(&bus, "broadcasts", BROADCAST);
}

#[test]
fn pings() {
    on_both(|bus, transport| {
        let sender = bus.client(transport, "sender");
        // The last frame is answered: so it is known that the pings have been read.
        let refused = message(1, PROCESSED, "nobody", &[]);
        let load = Load {
            sender: &sender,
            frame: [&CLIENT_PING[..], &refused].concat(),
            answer: ack(1, NOT_REGISTERED).len(),
            receivers: &[],
            delivery: 0,
        };
        load.must_not_allocate(bus, "pings");
    });
}

/// A read takes in 64 KiB, wherever a frame ends. What it cuts off is put aside until the next one,
/// and an idle connection has no memory for that.
#[test]
fn a_stream_that_is_cut_anywhere_costs_less_than_one_in_a_hundred_frames() {
    on_both(|bus, transport| {
        let sender = bus.client(transport, "sender");
        let mut stream = message(1, NO, "nobody", PAYLOAD).repeat(FRAMES - 1);
        stream.extend(message(1, PROCESSED, "nobody", PAYLOAD));
        let allocated = bus.allocates(10, || {
            write(&sender, &stream);
            skip(&sender, ack(1, NOT_REGISTERED).len());
        });
        let most = (10 * FRAMES / 100) as u64;
        assert!(allocated.times < most, "{allocated:?}");
    });
}
