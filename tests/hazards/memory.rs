//! What peers can make the broker hold, measured on the process (B4 to B8, O1, O3, O4, O8, H1).
//! The limits are far above what is needed and far below what the faults took.

use crate::common::broker::{peak_kib, virtual_kib};
use crate::common::*;

const MIB: u64 = 1024;

/// Runs the body and returns by how many KiB the most resident memory ever has grown.
fn peak_growth(bus: &Bus, body: impl FnOnce()) -> u64 {
    let before = bus.broker.rss_kib();
    body();
    peak_kib(bus.broker.pid()).saturating_sub(before)
}

/// Waits until the broker is through with what was sent: by its answer, or by its refusal.
fn settle(wire: &mut Wire) {
    let _ = wire.try_frame();
}

#[test]
fn b04_names_with_many_dots_cost_next_to_nothing() {
    on_both(|bus| {
        let mut peer = bus.client("peer");
        // Upwards: where each part doubles the cost, the first of them tells.
        for parts in [14, 16, 24, 64, 100] {
            let name = vec!["p"; parts].join(".");
            let mut wire = None;
            let growth = peak_growth(bus, || wire = Some(bus.client(&name)));
            assert!(
                growth < 16 * MIB,
                "{growth} KiB for a name of {parts} parts"
            );
            peer.request(&broadcast(1, PROCESSED, &name, b"x"), 1);
            let wire = wire.as_mut().expect("a client");
            wire.expect_bytes(&got_broadcast(0, "peer", b"x"));
        }
        // Beyond the limit of levels either answer will do.
        let growth = peak_growth(bus, || {
            let _ = bus
                .connect()
                .try_register(vec!["p"; 500].join(".").as_bytes());
        });
        assert!(growth < 16 * MIB, "{growth} KiB for a name of 500 parts");
        peer.expect_silence();
    });
}

/// Deep topics in every operation that takes one.
fn deep_topics_are_harmless(levels: usize) {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        for part in ["", "l", "+", "?"] {
            for separator in ["/", "."] {
                let deep = vec![part; levels].join(separator);
                let operations = [
                    subscribe(1, PROCESSED, &[&deep]),
                    unsubscribe(1, PROCESSED, &[&deep]),
                    publish(1, PROCESSED, &deep, b"x"),
                    broadcast(1, PROCESSED, &deep, b"x"),
                    message(1, PROCESSED, &deep, b"x"),
                    exclude(1, PROCESSED, &[&deep]),
                    publish_for(1, PROCESSED, &deep, &deep, b"x"),
                ];
                for bytes in operations {
                    let mut wire = bus.broker.client_when_free(bus.transport, "deep");
                    wire.send_raw(&bytes);
                    settle(&mut wire);
                    witness.expect_silence();
                }
            }
        }
    });
}

#[test]
fn b05_topics_of_10000_levels() {
    deep_topics_are_harmless(10_000);
}

#[test]
fn o03_topics_of_3000_levels() {
    deep_topics_are_harmless(3_000);
}

/// Announces bodies on many connections and sends hardly any of them.
fn announced_lengths_are_not_allocated(len: u32) {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        let before = virtual_kib(bus.broker.pid());
        let growth = peak_growth(bus, || {
            let wires: Vec<Wire> = (0..200)
                .map(|i| {
                    let mut wire = bus.client(&format!("big.{i}"));
                    let bytes = [header(1, MESSAGE, len), b"witness\0".to_vec()].concat();
                    wire.send_raw(&bytes);
                    witness.expect_silence();
                    wire
                })
                .collect();
            drop(wires);
        });
        witness.expect_silence();
        assert!(growth < 64 * MIB, "{growth} KiB resident");
        let reserved = virtual_kib(bus.broker.pid()).saturating_sub(before);
        assert!(reserved < 1024 * MIB, "{reserved} KiB reserved");
    });
}

#[test]
fn b06_announced_lengths_within_the_limit_are_not_allocated() {
    announced_lengths_are_not_allocated(16 << 20);
}

#[test]
fn b06_announced_lengths_of_4_gib_are_not_allocated() {
    announced_lengths_are_not_allocated(u32::MAX);
}

#[test]
fn o01_announced_names_are_not_allocated() {
    on_both(|bus| {
        let mut witness = bus.client("witness");
        let growth = peak_growth(bus, || {
            let wires: Vec<Wire> = (0..200)
                .map(|_| {
                    let mut wire = bus.connect();
                    wire.begin();
                    wire.send_raw(b"\xFF\xFFbegin");
                    wire
                })
                .collect();
            witness.expect_silence();
            drop(wires);
        });
        assert!(growth < 8 * MIB, "{growth} KiB");
        witness.expect_silence();
    });
}

/// The refusal of a frame that is too large says so in the log.
#[test]
fn o01_a_refused_length_is_logged() {
    on_both(|bus| {
        let mut a = bus.client("announcer");
        a.send_raw(&header(1, MESSAGE | PROCESSED, u32::MAX));
        a.expect_refused(1);
        eventually("a line about it", || {
            let text = bus.broker.log().text();
            let told = |line: &str| line.contains("announcer") && line.contains("4294967295");
            text.lines().any(told).then_some(())
        });
    });
}

#[test]
fn b07_a_subscription_to_eight_million_empty_filters() {
    on_both(|bus| {
        let (mut offender, mut other) = (bus.client("offender"), bus.client("other"));
        let body = vec![0; 8 << 20];
        let growth = peak_growth(bus, || {
            std::thread::scope(|scope| {
                let busy = scope.spawn(|| {
                    offender.send_raw(&frame(1, SUBSCRIBE | PROCESSED, &body));
                    settle(&mut offender);
                });
                while !busy.is_finished() {
                    other.request(&subscribe(2, PROCESSED, &["t"]), 2);
                    other.request(&unsubscribe(3, PROCESSED, &["t"]), 3);
                }
            });
        });
        assert!(growth < 64 * MIB, "{growth} KiB");
        other.expect_silence();
    });
}

/// Frames of 64 KiB to a client that never reads, with room for thousands of them by number.
fn queues_are_bounded_in_bytes(args: &[&str]) {
    let always = ["-t", "30", "--queue-size", "8192", "--overflow", "drop"];
    on_both_with(&[&always, args].concat(), |bus| {
        let mut sender = bus.quiet_client("sender");
        let _stalled = bus.quiet_client("stalled");
        let payload = vec![0; 64 * 1024];
        let growth = peak_growth(bus, || {
            let mut refused = 0;
            for id in 0..1_000 {
                match sender.request_code(&message(id, PROCESSED, "stalled", &payload)) {
                    OK => {}
                    NOT_DELIVERED => refused += 1,
                    other => panic!("message {id} answered {other:02x}"),
                }
            }
            assert!(refused > 500, "only {refused} of 1000 were refused");
        });
        assert!(growth < 24 * MIB, "{growth} KiB");
    });
}

#[test]
fn b08_queues_are_bounded_in_bytes() {
    queues_are_bounded_in_bytes(&["--queue-bytes", "1048576"]);
}

#[test]
fn o08_queues_are_bounded_in_bytes_by_default() {
    queues_are_bounded_in_bytes(&[]);
}

/// All filters of 18 levels that are `a` or `+`: each of them matches the topic.
#[test]
fn o04_filters_that_multiply_are_bounded() {
    const LEVELS: u32 = 18;
    const PER_FRAME: u32 = 256;
    on_both(|bus| {
        let mut greedy = bus.client("greedy");
        let (mut a, mut b) = (bus.client("a"), bus.client("b"));
        let filter = |bits: u32| {
            let level = |i| if bits >> i & 1 == 1 { "+" } else { "a" };
            (0..LEVELS).map(level).collect::<Vec<_>>().join("/")
        };
        let growth = peak_growth(bus, || {
            let refused = (0..(1 << LEVELS) / PER_FRAME).any(|chunk| {
                let bits = chunk * PER_FRAME..(chunk + 1) * PER_FRAME;
                let filters: Vec<String> = bits.map(filter).collect();
                let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
                greedy.request_code(&subscribe(1, PROCESSED, &filters)) != OK
            });
            assert!(refused, "one client may have 2^18 filters");
        });
        assert!(growth < 64 * MIB, "{growth} KiB");
        b.request(&subscribe(2, PROCESSED, &["#"]), 2);
        let topic = filter(0);
        for _ in 0..100 {
            a.request(&publish(3, PROCESSED, &topic, b"x"), 3);
            b.expect_bytes(&got_publication(0, "a", &topic, b"x"));
            greedy.expect_bytes(&got_publication(0, "a", &topic, b"x"));
        }
        greedy.expect_nothing_from(&mut a);
    });
}
