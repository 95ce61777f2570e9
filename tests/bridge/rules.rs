//! What a rule says about topics, lengths, numbers and confirmations holds in both directions, with either
//! version of MQTT.

use std::time::Instant;

use rumqttc::v5::mqttbytes::QoS;

use crate::common::*;
use crate::mqtt::Host;
use crate::scene::{Bridge, Mosquitto, await_bridge, bus, status};

const VERSIONS: [&str; 2] = ["5", "3.1.1"];

fn version(version: &str) -> String {
    format!("version = {version:?}\norigin_prefix = \"via\"")
}

/// As a host sees a topic of the bridge.
fn seen(version: &str, topic: &str) -> String {
    match version {
        "5" => topic.to_owned(),
        _ => format!("via/dev/{topic}"),
    }
}

/// The payload of the next publication, which has to come from the bridge.
fn next_payload(wire: &mut Wire, topic: &str) -> Vec<u8> {
    let body = wire.read_frame().body;
    let start = format!("bridge%%bridge\0{topic}\0");
    let payload = body.strip_prefix(start.as_bytes());
    payload
        .unwrap_or_else(|| panic!("{}", show(&body)))
        .to_vec()
}

#[test]
fn prefixes_and_filters() {
    for mqtt in VERSIONS {
        let Some(mosquitto) = Mosquitto::start() else {
            return;
        };
        let bus = bus();
        let rules = r#"
            [[rule]]
            direction = "out"
            bus = "line/+/t"
            bus_prefix = "line/"
            mqtt_prefix = "plant/a/"
            [[rule]]
            direction = "in"
            mqtt = "orders/#"
            mqtt_prefix = "orders/"
            bus_prefix = "todo/"
            [[rule]]
            direction = "both"
            bus = "own/#"
            mqtt = "theirs/#"
            bus_prefix = "own/"
            mqtt_prefix = "theirs/"
            [[rule]]
            direction = "out"
            bus = "line/1/#"
            bus_prefix = "line/"
            mqtt_prefix = "plant/a/"
            qos = 0
        "#;
        let host = Host::connect("host", mosquitto.port);
        host.subscribe("#");
        let mut plc = bus.quiet_client("plc");
        plc.request(&subscribe(1, PROCESSED, &["todo/#", "own/#"]), 1);
        let bridge = Bridge::start(&bus, "dev", mosquitto.port, &version(mqtt), rules);
        await_bridge(&bridge);

        // Two rules lead there, and the first one decides.
        plc.request(&publish(2, PROCESSED, "line/1/t", b"1"), 2);
        let got = host.expect(&seen(mqtt, "plant/a/1/t"), b"1");
        assert_eq!(got.qos, QoS::AtLeastOnce);
        plc.request(&publish(3, PROCESSED, "line/1/p", b"2"), 3);
        let got = host.expect(&seen(mqtt, "plant/a/1/p"), b"2");
        assert_eq!(got.qos, QoS::AtMostOnce);
        plc.request(&publish(4, PROCESSED, "line/2/p", b"nobody carries it"), 4);
        plc.send_raw(&publish(5, NO, "own/x/y", b"3"));
        plc.expect_bytes(&got_publication(0, "plc", "own/x/y", b"3"));
        host.expect(&seen(mqtt, "theirs/x/y"), b"3");

        for (topic, inside) in [
            ("orders/a/b", "todo/a/b"),
            ("theirs/x", "own/x"),
            // Of a bridge of another bus with 3.1.1.
            ("via/else/theirs/z", "own/z"),
        ] {
            host.publish(topic, b"4");
            host.expect(topic, b"4");
            assert_eq!(next_payload(&mut plc, inside), b"4");
        }
        // As if it were an echo.
        host.publish("via/dev/theirs/own", b"5");
        host.expect("via/dev/theirs/own", b"5");
        host.publish("elsewhere", b"6");
        host.expect("elsewhere", b"6");
        host.expect_nothing_before("end");
        plc.expect_silence();
        let mut asker = bus.quiet_client("asker");
        assert_eq!(status(&mut asker, "loops", "bridged"), 2, "MQTT {mqtt}");
    }
}

#[test]
fn lengths_numbers_and_only_the_newest_from_the_upstream() {
    for mqtt in VERSIONS {
        let Some(mosquitto) = Mosquitto::start() else {
            return;
        };
        let bus = bus();
        let rules = r#"
            [[rule]]
            direction = "in"
            mqtt = "short/#"
            max_payload = 4
            [[rule]]
            direction = "in"
            mqtt = "rare/#"
            rate = 1
            [[rule]]
            direction = "in"
            mqtt = "newest/#"
            conflate_ms = 300
            [[rule]]
            direction = "in"
            mqtt = "loose/#"
            qos = 0
            [[rule]]
            direction = "in"
            mqtt = "fresh/#"
            take_retained = false
            [[rule]]
            direction = "in"
            mqtt = "kept/#"
        "#;
        let host = Host::connect("host", mosquitto.port);
        host.retain("fresh/1", b"old");
        host.retain("kept/1", b"old");
        let mut plc = bus.quiet_client("plc");
        let mut asker = bus.quiet_client("asker");
        let topics = [
            "short/#", "rare/#", "newest/#", "loose/#", "fresh/#", "kept/#",
        ];
        plc.request(&subscribe(1, PROCESSED, &topics), 1);
        let bridge = Bridge::start(&bus, "dev", mosquitto.port, &version(mqtt), rules);
        await_bridge(&bridge);
        assert_eq!(next_payload(&mut plc, "kept/1"), b"old");
        // Who was there already gets it as news, whether or not it is to be kept.
        host.retain("fresh/1", b"new");
        assert_eq!(next_payload(&mut plc, "fresh/1"), b"new");

        host.publish("short/1", b"12345");
        host.publish("short/1", b"1234");
        assert_eq!(next_payload(&mut plc, "short/1"), b"1234");
        host.publish("loose/1", b"0");
        assert_eq!(next_payload(&mut plc, "loose/1"), b"0");

        let start = Instant::now();
        for number in 0..20 {
            host.publish("rare/1", &[number]);
        }
        host.publish("short/2", b"end");
        let mut passed = 0;
        while !plc_is_at(&mut plc, "short/2", &mut passed) {}
        let most = 2 + start.elapsed().as_secs();
        assert!((1..=most).contains(&passed), "{passed}");
        let dropped = status(&mut asker, "in", "dropped_rate");
        assert_eq!(passed + dropped, 20, "MQTT {mqtt}");

        for number in 0..5_u8 {
            host.publish("newest/1", &[number]);
        }
        let mut got = vec![next_payload(&mut plc, "newest/1")[0]];
        while got.last() != Some(&4) {
            got.push(next_payload(&mut plc, "newest/1")[0]);
        }
        assert!(got[0] == 0 && got.is_sorted(), "{got:?}");
        for (field, number) in [
            ("dropped_size", 1),
            // MQTT 5 is asked not to send it.
            ("dropped_retained", u64::from(mqtt == "3.1.1")),
            ("conflated", 5 - got.len() as u64),
        ] {
            assert_eq!(status(&mut asker, "in", field), number, "{field}");
        }
    }
}

/// Reads one publication: is it of this topic? If not, it is counted.
fn plc_is_at(plc: &mut Wire, topic: &str, others: &mut u64) -> bool {
    let body = plc.read_frame().body;
    let is_it = body.starts_with(format!("bridge%%bridge\0{topic}\0").as_bytes());
    *others += u64::from(!is_it);
    is_it
}

#[test]
fn what_is_kept_upstream() {
    for mqtt in VERSIONS {
        let Some(mosquitto) = Mosquitto::start() else {
            return;
        };
        let bus = bus();
        let rules = "[[rule]]\ndirection = \"out\"\nbus = \"state/#\"\nretain = true\n\
                     [[rule]]\ndirection = \"out\"\nbus = \"event/#\"\n";
        let bridge = Bridge::start(&bus, "dev", mosquitto.port, &version(mqtt), rules);
        await_bridge(&bridge);
        let mut plc = bus.quiet_client("plc");
        let early = Host::connect("early", mosquitto.port);
        early.subscribe("#");
        plc.request(&publish(2, PROCESSED, "state/1", b"on"), 2);
        plc.request(&publish(3, PROCESSED, "event/1", b"now"), 3);
        assert!(!early.expect(&seen(mqtt, "state/1"), b"on").retain);
        early.expect(&seen(mqtt, "event/1"), b"now");
        let late = Host::connect("late", mosquitto.port);
        late.subscribe("#");
        assert!(late.expect(&seen(mqtt, "state/1"), b"on").retain);
        late.expect_nothing_before("end");
        // Nothing is kept any more after an empty one.
        plc.request(&publish(4, PROCESSED, "state/1", b""), 4);
        early.until(|publish| publish.payload.is_empty());
        let later = Host::connect("later", mosquitto.port);
        later.subscribe("#");
        later.expect_nothing_before("end");
    }
}
