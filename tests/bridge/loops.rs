//! However bridges are arranged, no message goes round in circles.

use std::time::Duration;

use crate::common::*;
use crate::mqtt::Host;
use crate::scene::{Bridge, Mosquitto, await_bridge, bus};

const RULES: &str = "[[rule]]\ndirection = \"both\"\nbus = \"#\"\n\
                     [[rule]]\ndirection = \"both\"\nbus = \"a/#\"\n";

/// Each reads what comes in, until nothing has come for a while; how often it was this payload.
fn count(host: &Host, wire: &mut Wire, payload: &[u8]) -> (usize, usize) {
    let mut at_host = 0;
    while let Some(publish) = host.next_within(Duration::from_millis(500)) {
        at_host += usize::from(&*publish.payload == payload);
    }
    let mut on_bus = 0;
    wire.send_raw(&message(99, PROCESSED, "nobody", b""));
    loop {
        let frame = wire.read_frame();
        if frame.kind == ACK {
            return (at_host, on_bus);
        }
        on_bus += usize::from(frame.body.ends_with(payload));
    }
}

/// Two bridges in a ring: one bus, one MQTT broker, the same rules.
#[test]
fn two_bridges_between_one_bus_and_one_broker() {
    for version in ["5", "3.1.1"] {
        let Some(mosquitto) = Mosquitto::start() else {
            return;
        };
        let bus = bus();
        let mut plc = bus.quiet_client("plc");
        plc.request(&subscribe(1, PROCESSED, &["a/#"]), 1);
        let host = Host::connect("host", mosquitto.port);
        host.subscribe("#");
        let bridges: Vec<Bridge> = ["bridge", "bridge.2"]
            .map(|name| {
                Bridge::start_with(&format!(
                    "[bus]\naddress = {:?}\nname = {name:?}\nid = \"dev\"\n[mqtt]\nversion = {version:?}\n\
                     addresses = [\"mqtt://127.0.0.1:{}\"]\n{RULES}",
                    bus.broker.socket(),
                    mosquitto.port
                ))
            })
            .into();
        bridges.iter().for_each(await_bridge);
        plc.send_raw(&publish(2, NO, "a/1", b"from the bus"));
        // One copy for each bridge there, and none back.
        assert_eq!(
            count(&host, &mut plc, b"from the bus"),
            (2, 1),
            "MQTT {version}"
        );
        host.publish("a/2", b"from a host");
        assert_eq!(
            count(&host, &mut plc, b"from a host"),
            (1, 2),
            "MQTT {version}"
        );
    }
}

/// A ring of two buses and two MQTT brokers, with a bridge at each of the four sides.
#[test]
fn a_ring_of_two_buses_and_two_brokers() {
    let (Some(left), Some(right)) = (Mosquitto::start(), Mosquitto::start()) else {
        return;
    };
    let buses = [bus(), bus()];
    let mut bridges = Vec::new();
    for (id, bus) in ["one", "two"].iter().zip(&buses) {
        for (side, mosquitto) in ["left", "right"].iter().zip([&left, &right]) {
            // One speaks 3.1.1, and what it marks is understood by the others.
            let version = if (*id, *side) == ("one", "left") {
                "3.1.1"
            } else {
                "5"
            };
            bridges.push(Bridge::start_with(&format!(
                "[bus]\naddress = {:?}\nname = \"bridge.{side}\"\nid = {id:?}\n[mqtt]\nversion = {version:?}\n\
                 addresses = [\"mqtt://127.0.0.1:{}\"]\n{RULES}",
                bus.broker.socket(),
                mosquitto.port
            )));
        }
    }
    bridges.iter().for_each(await_bridge);
    let mut wires = buses.each_ref().map(|bus| {
        let mut wire = bus.quiet_client("plc");
        wire.request(&subscribe(1, PROCESSED, &["a/#"]), 1);
        wire
    });
    let host = Host::connect("host", right.port);
    host.subscribe("#");
    wires[0].send_raw(&publish(2, NO, "a/1", b"round"));
    let (at_host, on_first) = count(&host, &mut wires[0], b"round");
    assert_eq!((at_host, on_first), (1, 1));
    // It has come over both brokers, and stays there.
    let (at_host, on_second) = count(&host, &mut wires[1], b"round");
    assert_eq!((at_host, on_second), (0, 2));
}
