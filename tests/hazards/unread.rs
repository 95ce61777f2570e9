//! Clients that do not read (H8), and what many of them can make the broker hold (H17). How the
//! policies deal with one is tested in `tests/overflow` and by the rows O9, O17 and B3.

use crate::common::broker::{peak_kib, rss_kib};
use crate::common::*;
use elbus::limits::{DAEMON_QUEUE_FRAMES, SEGMENT_BYTES};

const KIB: u64 = 1024;

/// In elbus 0.2 each reply waits in a task of its own.
#[test]
fn h08_who_never_reads_answers_cannot_pile_them_up() {
    let args = ["-t", "1", "--queue-bytes", "1M"];
    on_both_with(&args, |bus| {
        let _others: Vec<Wire> = (0..200)
            .map(|i| bus.client(&format!("{}.{i}", "n".repeat(200))))
            .collect();
        let mut witness = bus.quiet_client("witness");
        let before = rss_kib(bus.broker.pid());
        let mut caller = bus.client("caller");
        // Each answer has 60 KiB or so.
        let call = message(1, NO, ".broker", &rpc_request(9, "client.list", b""));
        let calls = call.repeat(50);
        while caller.try_send_raw(&calls).is_ok() {
            witness.expect_silence();
        }
        drop(bus.broker.client_when_free(bus.transport, "caller"));
        // The queue, one answer beyond it, and what making one takes.
        let growth = peak_kib(bus.broker.pid()).saturating_sub(before);
        assert!(growth < 16 * KIB, "{growth} KiB");
    });
}

/// Commands without payload that are all acknowledged, and nobody listens.
#[test]
fn h08_who_never_reads_acks_holds_up_itself_only() {
    on_both_with(&["-t", "1"], |bus| {
        let mut witness = bus.quiet_client("witness");
        let before = rss_kib(bus.broker.pid());
        let mut deaf = bus.client("deaf");
        let commands = subscribe(1, PROCESSED, &["t"]).repeat(1_000);
        while deaf.try_send_raw(&commands).is_ok() {
            witness.expect_silence();
        }
        drop(bus.broker.client_when_free(bus.transport, "deaf"));
        let growth = peak_kib(bus.broker.pid()).saturating_sub(before);
        assert!(growth < 8 * KIB, "{growth} KiB");
    });
}

/// A subscriber that never reads does not keep from others what was published, under any policy.
#[test]
fn h08_a_subscriber_that_never_reads_costs_others_nothing() {
    for policy in ["backpressure", "drop", "disconnect"] {
        on_both_with(&["-t", "1", "--overflow", policy], |bus| {
            let mut deaf = bus.quiet_client("deaf");
            deaf.request(&subscribe(2, PROCESSED, &["t"]), 2);
            let (mut a, mut b) = (bus.quiet_client("a"), bus.quiet_client("b"));
            b.request(&subscribe(2, PROCESSED, &["t"]), 2);
            let payload = vec![7; 32 * 1024];
            for id in 0..200 {
                a.request(&publish(id, PROCESSED, "t", &payload), id);
                b.expect_bytes(&got_publication(0, "a", "t", &payload));
            }
            b.expect_nothing_from(&mut a);
        });
    }
}

/// A thousand clients that do not read, each with as much as may wait for it. What that takes follows
/// from the documented bounds alone; so a service knows the memory limit it has to be given. In elbus
/// 0.2 nothing bounds it but the number of frames.
#[test]
fn h17_a_thousand_full_queues_stay_within_the_documented_bounds() {
    const CLIENTS: u64 = 1_000;
    const QUEUE_BYTES: u64 = 32 * KIB;
    let queue_bytes = QUEUE_BYTES.to_string();
    let args = [
        "-t",
        "1000",
        "--overflow",
        "drop",
        "--queue-bytes",
        &queue_bytes,
    ];
    let bus = Bus {
        broker: Broker::start(&args),
        transport: Transport::Unix,
    };
    let mut deaf: Vec<Wire> = (0..CLIENTS)
        .map(|i| bus.client(&format!("deaf.{i}")))
        .collect();
    for wire in &mut deaf {
        wire.send_raw(&unsubscribe(1, NO, &[".broker/warn"]));
    }
    let mut sender = bus.quiet_client("sender");
    let before = rss_kib(bus.broker.pid());
    // Broadcasts fill the sockets first, then the queues, until nobody has room.
    let payload = vec![7; 1_000];
    for id in 0..2 * DAEMON_QUEUE_FRAMES as u32 {
        sender.request(&broadcast(id, PROCESSED, "deaf.*", &payload), id);
    }
    let refused = sender.request_code(&message(1, PROCESSED, "deaf.0", &payload));
    assert_eq!(refused, NOT_DELIVERED, "the queues are full");
    let growth = peak_kib(bus.broker.pid()).saturating_sub(before);
    // A queue, and one segment that is not full; 4 KiB for the descriptor that watches for room.
    let bound = CLIENTS * (QUEUE_BYTES + SEGMENT_BYTES as u64 + 4 * KIB) / KIB;
    assert!(growth < bound, "{growth} KiB, {bound} allowed");
    sender.expect_silence();
    bus.client("another").expect_silence();
    drop(deaf);
    // All of it is given back, at the latest for the next that comes: a second time takes no more.
    eventually("the end of all of them", || {
        let list = sender.call_broker("client.list", b"");
        client_list::find(&list, b"deaf").is_none().then_some(())
    });
}
