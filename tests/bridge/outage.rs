//! H20: an upstream that cannot be reached, for as long as it likes; and a bridge that is killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::broker::rss_kib;
use crate::common::*;
use crate::mqtt::Host;
use crate::scene::{Bridge, Mosquitto, await_bridge, bus, publish_confirmed, status};

const RULE: &str = "[[rule]]\ndirection = \"out\"\nbus = \"s/#\"\n";

/// The numbers at the beginning of payloads, each once, must ascend by their first appearance.
fn ascending(payloads: impl IntoIterator<Item = Vec<u8>>) -> BTreeSet<u32> {
    let mut seen = BTreeSet::new();
    for payload in payloads {
        let text = String::from_utf8(payload).expect("text");
        let number: u32 = text.trim_end_matches('x').parse().expect("a number");
        if seen.insert(number) {
            assert_eq!(seen.last(), Some(&number), "out of order");
        }
    }
    seen
}

fn disk_bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let blocks = entries.filter_map(|entry| {
        use std::os::unix::fs::MetadataExt;
        entry.metadata().ok().map(|file| file.blocks() * 512)
    });
    blocks.sum()
}

/// `ELBUS_BRIDGE_OUTAGE_S` makes it longer.
#[test]
fn h20_an_upstream_that_is_away_costs_nothing_but_what_is_configured() {
    let Some(mut mosquitto) = Mosquitto::start() else {
        return;
    };
    let seconds =
        std::env::var("ELBUS_BRIDGE_OUTAGE_S").map_or(3, |text| text.parse().expect("seconds"));
    let (bus, store) = (bus(), crate::common::broker::TempDir::new());
    let tables = format!(
        "[store]\ndirectory = {:?}\nmax_disk = \"2M\"\nmax_memory = \"512K\"\n{RULE}",
        store.path()
    );
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("s/#");
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", &tables);
    await_bridge(&bridge);
    let mut plc = bus.quiet_client("plc");
    let (mut other, mut asker) = (bus.quiet_client("other"), bus.quiet_client("asker"));
    let before = rss_kib(bridge.pid());
    mosquitto.stop();
    bridge.await_log("the connection is lost");
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut number = 0;
    while Instant::now() < end || number < 20_000 {
        let payload = format!("{number}{}", "x".repeat(200));
        plc.request(
            &publish(number, PROCESSED, "s/1", payload.as_bytes()),
            number,
        );
        if number.is_multiple_of(1000) {
            other.send_raw(&message(1, PROCESSED, "other", b"still here"));
            other.expect_bytes(&got_message(0, "other", b"still here"));
            other.expect_bytes(&ack(1, OK));
            let growth = rss_kib(bridge.pid()).saturating_sub(before);
            assert!(growth < 8 * 1024, "{growth} KiB more");
            let disk = disk_bytes(store.path());
            assert!(disk <= 2 << 20, "{disk} bytes on the disk");
        }
        number += 1;
    }
    // The bus has them all, but the bridge may not have read all of them yet; and of what it has to drop while
    // it sends, it cannot tell whether it arrives.
    eventually("the bridge to have taken all", || {
        (status(&mut asker, "out", "taken") == u64::from(number)).then_some(())
    });
    mosquitto.resume();
    let last = number - 1;
    let all = host.until(|publish| publish.payload.starts_with(format!("{last}x").as_bytes()));
    let got = ascending(all.iter().map(|publish| publish.payload.to_vec()));
    // Everything that was kept: without a hole, up to the end.
    let dropped = status(&mut asker, "out", "dropped_full");
    assert!(dropped > 0, "there was no room for all");
    let kept = u64::from(number) - dropped;
    assert_eq!(got.len() as u64, kept);
    assert_eq!(u64::from(number - got.first().expect("a message")), kept);
}

/// mosquitto closes the connection on such topics, and would with each attempt to send one again.
#[test]
fn h20_a_topic_that_the_upstream_closes_the_connection_on_holds_up_nothing() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("s/#");
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", RULE);
    await_bridge(&bridge);
    let (mut plc, mut asker) = (bus.quiet_client("plc"), bus.quiet_client("asker"));
    for topic in ["s/\u{1}", "s/\n", "s/\u{85}", "s/\u{FFFF}"] {
        plc.request(&publish(1, PROCESSED, topic, b"0"), 1);
        assert!(!publish_confirmed(&mut asker, topic, "0"), "{topic:?}");
    }
    plc.request(&publish(2, PROCESSED, "s/1", b"1"), 2);
    host.expect("s/1", b"1");
    assert_eq!(status(&mut asker, "upstream", "reconnects"), 0);
    assert_eq!(status(&mut asker, "out", "dropped_topic"), 8);
}

#[test]
fn h20_a_bridge_that_is_killed_loses_nothing_that_it_has_confirmed() {
    let Some(mut mosquitto) = Mosquitto::start() else {
        return;
    };
    let (bus, store) = (bus(), crate::common::broker::TempDir::new());
    let tables = format!("[store]\ndirectory = {:?}\n{RULE}", store.path());
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("s/#");
    let mut bridge = Bridge::start(&bus, "dev", mosquitto.port, "", &tables);
    await_bridge(&bridge);
    let mut confirmed = BTreeSet::new();
    let mut number: u32 = 0;
    for round in 0..8_u64 {
        // With and without an upstream.
        if round % 2 == 1 {
            mosquitto.stop();
        }
        let mut plc = bus.broker.client_when_free(Transport::Unix, "plc");
        let until = Instant::now() + Duration::from_millis(40 + 37 * round);
        while Instant::now() < until {
            if publish_confirmed(&mut plc, "s/1", &number.to_string()) {
                confirmed.insert(number);
            }
            number += 1;
        }
        // In the middle of the next one.
        let text = number.to_string();
        let params =
            std::collections::BTreeMap::from([("topic", "s/1"), ("payload", text.as_str())]);
        let params = rmp_serde::to_vec_named(&params).expect("params");
        plc.send_raw(&message(
            1,
            NO,
            "bridge",
            &rpc_request(9, "bridge.publish", &params),
        ));
        number += 1;
        bridge.kill();
        drop(plc);
        if round % 2 == 1 {
            mosquitto.resume();
        }
        bridge.start_again();
        await_bridge(&bridge);
    }
    let mut plc = bus.broker.client_when_free(Transport::Unix, "plc");
    assert!(publish_confirmed(&mut plc, "s/1", &number.to_string()));
    let all = host.until(|publish| &*publish.payload == number.to_string().as_bytes());
    let got = ascending(all.iter().map(|publish| publish.payload.to_vec()));
    let missing: Vec<_> = confirmed.difference(&got).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", confirmed.len());
    assert!(confirmed.len() > 20, "{} confirmed", confirmed.len());
}

#[test]
fn h20_what_a_host_was_confirmed_arrives_although_the_bridge_is_killed() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let rule = "[[rule]]\ndirection = \"in\"\nmqtt = \"s/#\"\n";
    let mut plc = bus.quiet_client("plc");
    plc.request(&subscribe(1, PROCESSED, &["s/#"]), 1);
    let host = Host::connect("host", mosquitto.port);
    let mut bridge = Bridge::start(&bus, "dev", mosquitto.port, "", rule);
    await_bridge(&bridge);
    // The subscription is there when the first one comes through.
    let mut number: u32 = 0;
    for round in 0..5 {
        for _ in 0..100 {
            host.publish("s/1", number.to_string().as_bytes());
            number += 1;
        }
        bridge.kill();
        for _ in 0..20 * round {
            host.publish("s/1", number.to_string().as_bytes());
            number += 1;
        }
        bridge.start_again();
        await_bridge(&bridge);
    }
    let mut payloads = Vec::new();
    while payloads.last().map(Vec::as_slice) != Some((number - 1).to_string().as_bytes()) {
        let frame = plc.read_frame();
        let at = frame
            .body
            .iter()
            .rposition(|byte| *byte == 0)
            .expect("a topic")
            + 1;
        payloads.push(frame.body[at..].to_vec());
    }
    let got = ascending(payloads);
    assert_eq!(got.len() as u32, number);
}
