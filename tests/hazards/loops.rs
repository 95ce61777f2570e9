//! Traffic that comes back to its sender (H18). Floods of two clients, of one, and of publishers that
//! do not read are in `tests/overflow/floods.rs`; here everybody reads, and nothing may be missing.

use crate::common::*;
use std::thread;

const FRAMES: u32 = 3_000;
/// Small, so that all of them are full most of the time.
const ARGS: &[&str] = &["-t", "30", "--queue-size", "8"];

/// Publishes numbered frames from a second handle, so that the client can read meanwhile.
fn publish_all(client: &Wire, topic: &str) {
    let mut writer = Wire::new(client.stream().try_clone().expect("a second handle"));
    for number in 0..FRAMES {
        writer.send_raw(&publish(1, NO, topic, &number.to_le_bytes()));
    }
}

/// In elbus 0.2 a full queue of its own disconnects the publisher.
#[test]
fn h18_a_publisher_hears_all_of_its_own_topic() {
    on_both_with(ARGS, |bus| {
        let mut client = bus.quiet_client("echo");
        client.request(&subscribe(1, PROCESSED, &["loop/+"]), 1);
        let writer = Wire::new(client.stream().try_clone().expect("a second handle"));
        thread::scope(|scope| {
            scope.spawn(|| publish_all(&writer, "loop/x"));
            for number in 0..FRAMES {
                let expected = got_publication(0, "echo", "loop/x", &number.to_le_bytes());
                client.expect_bytes(&expected);
            }
        });
        client.expect_silence();
    });
}

/// Each of them publishes, and each hears all: itself and the others, each sender in its order.
#[test]
fn h18_publishers_to_a_common_topic_hear_everything() {
    on_both_with(ARGS, |bus| {
        let names = ["p0", "p1", "p2"];
        let clients: Vec<Wire> = names
            .iter()
            .map(|name| {
                let mut client = bus.quiet_client(name);
                client.request(&subscribe(1, PROCESSED, &["loop/#"]), 1);
                client
            })
            .collect();
        thread::scope(|scope| {
            for mut client in clients {
                let writer = Wire::new(client.stream().try_clone().expect("a second handle"));
                scope.spawn(move || publish_all(&writer, "loop/x"));
                scope.spawn(move || {
                    let mut next = names.map(|_| 0_u32);
                    while next.iter().any(|count| *count < FRAMES) {
                        let body = client.read_frame().body;
                        let sender = names
                            .iter()
                            .position(|name| body.starts_with(name.as_bytes()));
                        let sender = sender.expect("one of them");
                        let expected = next[sender].to_le_bytes();
                        assert!(body.ends_with(&expected), "{}", show(&body));
                        next[sender] += 1;
                    }
                });
            }
        });
    });
}
