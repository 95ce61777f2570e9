//! Many frames in one write, which the broker may carry out together: the same as one by one.

use crate::common::*;

/// Numbers that look random, the same in every run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Frames for all kinds of receivers in runs of one to twenty, and what everybody gets of them.
#[derive(Default)]
struct Script {
    written: Vec<u8>,
    /// By `src`, `one` and `two`.
    received: [Vec<u8>; 3],
    /// Whether `one` is subscribed to the topic `t/both` as well as `two`.
    both: bool,
    op_id: u32,
}

const SOURCE: usize = 0;
const ONE: usize = 1;
const TWO: usize = 2;

impl Script {
    fn run(&mut self, dice: &mut Dice) {
        let kind = dice.roll(10);
        let qos = [NO, PROCESSED, REALTIME, REALTIME_PROCESSED][dice.roll(4) as usize];
        let size = [0, 1, 100, 5000][dice.roll(4) as usize];
        for _ in 0..=dice.roll(20) {
            self.op_id += 1;
            let payload = vec![self.op_id as u8; size + dice.roll(2) as usize];
            self.step(kind, qos, &payload);
        }
    }

    fn step(&mut self, kind: u64, qos: u8, payload: &[u8]) {
        let id = self.op_id;
        let realtime = realtime_flag(qos);
        let message = |target| message(id, qos, target, payload);
        let publication = |topic: &str| publish(id, qos, topic, payload);
        let published = |topic: &str| got_publication(realtime, "src", topic, payload);
        let mut code = OK;
        let frame = match kind {
            0 => {
                code = NOT_REGISTERED;
                message("nobody")
            }
            1 | 2 => {
                self.received[ONE].extend(got_message(realtime, "src", payload));
                message("one")
            }
            3 => {
                self.received[SOURCE].extend(got_message(realtime, "src", payload));
                message("src")
            }
            4 => publication("t/none"),
            5 | 6 => {
                self.received[TWO].extend(published("t/two"));
                publication("t/two")
            }
            7 => {
                // Too long to be remembered.
                let topic = "l".repeat(2000);
                self.received[ONE].extend(published(&topic));
                publication(&topic)
            }
            8 => {
                self.received[TWO].extend(published("t/both"));
                if self.both {
                    self.received[ONE].extend(published("t/both"));
                }
                publication("t/both")
            }
            _ => {
                self.written.extend([0; 9]);
                return;
            }
        };
        self.written.extend(frame);
        if qos == PROCESSED || qos == REALTIME_PROCESSED {
            self.received[SOURCE].extend(ack(id, code));
        }
    }
}

#[test]
fn frames_in_one_write_are_carried_out_one_after_the_other() {
    on_both(|bus| {
        let names = ["src", "one", "two"];
        let mut clients = names.map(|name| bus.client(name));
        clients[TWO].request(&subscribe(1, PROCESSED, &["t/two", "t/both"]), 1);
        clients[ONE].request(&subscribe(1, PROCESSED, &[&"l".repeat(2000)]), 1);
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        for round in 0..60 {
            // Both change what the topics of later runs reach.
            let both = round % 2 == 1;
            let change = if both { subscribe } else { unsubscribe };
            clients[ONE].request(&change(1, PROCESSED, &["t/both"]), 1);
            let mut script = Script {
                both,
                ..Script::default()
            };
            while script.written.len() < 40_000 {
                script.run(&mut dice);
            }
            clients[SOURCE].send_raw(&script.written);
            for (client, expected) in clients.iter_mut().zip(&script.received) {
                let mut received = Vec::new();
                while received.len() < expected.len() {
                    received.extend(client.read_frame().bytes());
                }
                assert!(received == *expected, "{}", client.name());
            }
        }
    });
}

/// A large frame is received by itself, and what follows it is looked at anew.
#[test]
fn what_follows_a_large_publication_goes_its_own_way() {
    on_both(|bus| {
        let (mut source, mut subscriber) = (bus.client("src"), bus.client("sub"));
        subscriber.request(&subscribe(1, PROCESSED, &["t"]), 1);
        let payload = vec![7; 200_000];
        let hello = got_broadcast(0, "src", b"hello");
        let direct = got_publication(0, "src", "t", b"direct");
        // What follows twice, and what the subscriber gets of it each time.
        let followers: [(Vec<u8>, &[u8]); 4] = [
            (vec![0; 9], b""),
            (subscribe(2, NO, &["a/b"]), b""),
            (broadcast(3, NO, "sub", b"hello"), &hello),
            (publish_for(4, NO, "t", "sub", b"direct"), &direct),
        ];
        for topic in ["t", "nobody"] {
            for (follower, received) in &followers {
                // In two writes, so that the payload is not read together with what is before it.
                let large = publish(1, NO, topic, &payload);
                source.send_raw(&large[..100_000]);
                source.send_raw(&large[100_000..]);
                source.send_raw(&follower.repeat(2));
                source.request(&message(10, PROCESSED, "sub", b"end"), 10);
                if topic == "t" {
                    subscriber.expect_bytes(&got_publication(0, "src", "t", &payload));
                }
                for _ in 0..2 {
                    subscriber.expect_bytes(received);
                }
                subscriber.expect_bytes(&got_message(0, "src", b"end"));
            }
        }
        for _ in 0..2 {
            source.send_raw(&publish(1, NO, "t", &payload));
            subscriber.expect_bytes(&got_publication(0, "src", "t", &payload));
            let calls = message(9, NO, ".broker", &rpc_request(1, "test", b"")).repeat(2);
            source.send_raw(&calls);
            let replies: Vec<_> = (0..2).map(|_| source.read_frame().bytes()).collect();
            assert_eq!(replies[0], replies[1]);
        }
        subscriber.expect_nothing_from(&mut source);
    });
}
