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
