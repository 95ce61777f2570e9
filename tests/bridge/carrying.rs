//! Every kind of rule, in both directions, with both versions of MQTT.

use crate::common::*;
use crate::mqtt::{Host, user};
use crate::scene::{Bridge, Mosquitto, await_bridge, bus, call, status};

#[test]
fn both_directions_with_mqtt_5() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let rules = r#"
        [[rule]]
        direction = "out"
        bus = "sensors/#"
        mqtt_prefix = "plant/"
        [[rule]]
        direction = "in"
        mqtt = "plant/orders/#"
        mqtt_prefix = "plant/"
        [[rule]]
        direction = "both"
        bus = "shared/+"
    "#;
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("#");
    let mut plc = bus.quiet_client("plc");
    plc.request(&subscribe(1, PROCESSED, &["orders/#", "shared/+"]), 1);
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", rules);
    await_bridge(&bridge);

    plc.request(&publish(2, PROCESSED, "sensors/1/t", b"21"), 2);
    let message = host.expect("plant/sensors/1/t", b"21");
    assert_eq!(user(&message, "elbus-origin").as_deref(), Some("dev"));
    plc.request(&publish(3, PROCESSED, "other", b"x"), 3);
    host.publish("plant/orders/1", b"stop");
    host.expect("plant/orders/1", b"stop");
    plc.expect_bytes(&got_publication(0, "bridge%%bridge", "orders/1", b"stop"));
    // Each comes once on the other side, and not back.
    plc.send_raw(&publish(4, NO, "shared/a", b"from the bus"));
    plc.expect_bytes(&got_publication(0, "plc", "shared/a", b"from the bus"));
    host.expect("shared/a", b"from the bus");
    host.publish("shared/b", b"from a host");
    host.expect("shared/b", b"from a host");
    plc.expect_bytes(&got_publication(
        0,
        "bridge%%bridge",
        "shared/b",
        b"from a host",
    ));
    host.expect_nothing_before("end");
    plc.expect_silence();
    let mut asker = bus.quiet_client("asker");
    assert_eq!(status(&mut asker, "out", "acked"), 2);
    assert_eq!(status(&mut asker, "in", "delivered"), 2);
    assert_eq!(status(&mut asker, "loops", "bridged"), 1);
    assert_eq!(call(&mut asker, "bridge", "nothing", &[]).0, -32601);
    let log = bridge.stop();
    assert!(log.contains("stopping"), "{log}");
}

#[test]
fn both_directions_with_mqtt_3_1_1() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let rules = "[[rule]]\ndirection = \"both\"\nbus = \"shared/#\"\n";
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("#");
    let mut plc = bus.quiet_client("plc");
    plc.request(&subscribe(1, PROCESSED, &["shared/#"]), 1);
    let version = "version = \"3.1.1\"\norigin_prefix = \"via\"";
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, version, rules);
    await_bridge(&bridge);
    bridge.await_log("MQTT 3.1.1");

    plc.send_raw(&publish(4, NO, "shared/a", b"1"));
    plc.expect_bytes(&got_publication(0, "plc", "shared/a", b"1"));
    host.expect("via/dev/shared/a", b"1");
    for (topic, inside) in [("shared/b", "shared/b"), ("via/other/shared/c", "shared/c")] {
        host.publish(topic, b"2");
        host.expect(topic, b"2");
        plc.expect_bytes(&got_publication(0, "bridge%%bridge", inside, b"2"));
    }
    host.expect_nothing_before("end");
    plc.expect_silence();
}

#[test]
fn sizes_rates_retained_messages_and_only_the_newest() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let rules = r#"
        [[rule]]
        direction = "out"
        bus = "short/#"
        max_payload = 4
        retain = true
        [[rule]]
        direction = "out"
        bus = "rare/#"
        rate = 2
        [[rule]]
        direction = "out"
        bus = "newest/#"
        conflate_ms = 300
        [[rule]]
        direction = "out"
        bus = "loose/#"
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
    host.subscribe("short/#");
    host.subscribe("rare/#");
    host.subscribe("newest/#");
    host.subscribe("loose/#");
    let mut plc = bus.quiet_client("plc");
    plc.request(&subscribe(1, PROCESSED, &["fresh/#", "kept/#"]), 1);
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", rules);
    await_bridge(&bridge);
    plc.expect_bytes(&got_publication(0, "bridge%%bridge", "kept/1", b"old"));
    host.publish("fresh/1", b"new");
    plc.expect_bytes(&got_publication(0, "bridge%%bridge", "fresh/1", b"new"));

    plc.request(&publish(2, PROCESSED, "short/1", b"12345"), 2);
    plc.request(&publish(3, PROCESSED, "short/1", b"1234"), 3);
    host.expect("short/1", b"1234");
    for id in 4..10 {
        plc.request(&publish(id, PROCESSED, "rare/1", b"x"), id);
    }
    host.expect("rare/1", b"x");
    host.expect("rare/1", b"x");
    plc.request(&publish(10, PROCESSED, "loose/1", b"0"), 10);
    host.expect("loose/1", b"0");
    for number in 0..5_u32 {
        plc.request(
            &publish(11, PROCESSED, "newest/1", &number.to_le_bytes()),
            11,
        );
    }
    host.expect("newest/1", &0_u32.to_le_bytes());
    host.expect("newest/1", &4_u32.to_le_bytes());
    plc.request(&publish(12, PROCESSED, "short/+", b"x"), 12);
    let mut asker = bus.quiet_client("asker");
    for (field, number) in [
        ("dropped_size", 1),
        ("dropped_rate", 4),
        ("conflated", 3),
        ("dropped_topic", 1),
    ] {
        assert_eq!(status(&mut asker, "out", field), number, "{field}");
    }
    let late = Host::connect("late", mosquitto.port);
    late.subscribe("short/#");
    assert!(late.expect("short/1", b"1234").retain);
}
