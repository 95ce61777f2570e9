//! However bridges are arranged, no message goes round in circles.

use std::time::Duration;

use crate::common::*;
use crate::mqtt::Host;
use crate::scene::{Bridge, Mosquitto, await_bridge, bus, call};

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
    // In the last one, what one marks as 3.1.1 has it is understood by the others.
    for versions in [["5"; 4], ["3.1.1"; 4], ["3.1.1", "5", "5", "5"]] {
        let (Some(left), Some(right)) = (Mosquitto::start(), Mosquitto::start()) else {
            return;
        };
        let buses = [bus(), bus()];
        let sides = [
            ("one", "left"),
            ("one", "right"),
            ("two", "left"),
            ("two", "right"),
        ];
        let bridges = sides.iter().zip(versions).map(|((id, side), version)| {
            let bus = &buses[usize::from(*id == "two")];
            let mosquitto = if *side == "left" { &left } else { &right };
            Bridge::start_with(&format!(
                "[bus]\naddress = {:?}\nname = \"bridge.{side}\"\nid = {id:?}\n[mqtt]\nversion = {version:?}\n\
                 addresses = [\"mqtt://127.0.0.1:{}\"]\n{RULES}",
                bus.broker.socket(),
                mosquitto.port
            ))
        });
        let bridges: Vec<Bridge> = bridges.collect();
        bridges.iter().for_each(await_bridge);
        let mut wires = buses.each_ref().map(|bus| {
            let mut wire = bus.quiet_client("plc");
            wire.request(&subscribe(1, PROCESSED, &["a/#"]), 1);
            wire
        });
        let hosts = [&left, &right].map(|mosquitto| {
            let host = Host::connect("host", mosquitto.port);
            host.subscribe("#");
            host
        });
        wires[0].send_raw(&publish(2, NO, "a/1", b"from one"));
        wires[1].send_raw(&publish(2, NO, "a/1", b"from two"));
        hosts[0].publish("a/2", b"from left");
        hosts[1].publish("a/2", b"from right");
        // What a bus sends is on both brokers and, over both, on the other bus, and ends there; what a
        // host sends is on both buses.
        assert_eq!(carried(&buses), (4, 8), "{versions:?}");
        let [one, two] = wires.each_mut().map(seen_on_bus);
        let [left, right] = hosts.each_ref().map(seen_by_host);
        for (payload, times) in [
            ("from one", [1, 2, 1, 1]),
            ("from two", [2, 1, 1, 1]),
            ("from left", [1, 1, 1, 0]),
            ("from right", [1, 1, 0, 1]),
        ] {
            let places = [&one, &two, &left, &right];
            let got = places.map(|place| place.iter().filter(|it| *it == payload).count());
            assert_eq!(got, times, "{payload}, {versions:?}");
        }
    }
}

/// Waits until something has been carried, and nothing is any more: how many messages outwards and inwards,
/// by all bridges together.
fn carried(buses: &[Bus]) -> (u64, u64) {
    let mut askers: Vec<Wire> = buses.iter().map(|bus| bus.quiet_client("asker")).collect();
    let (mut last, mut still) = ((0, 0), 0);
    eventually("the end of all traffic", || {
        // No event tells that something does not happen.
        std::thread::sleep(Duration::from_millis(100));
        let (mut now, mut queued) = ((0, 0), 0);
        for asker in &mut askers {
            for side in ["bridge.left", "bridge.right"] {
                let (_, reply) = call(asker, side, "bridge.status", &[]);
                let status: serde_json::Value = rmp_serde::from_slice(&reply).expect("a map");
                let number = |table: &str, field: &str| status[table][field].as_u64().expect(field);
                now.0 += number("out", "taken");
                now.1 += number("in", "delivered");
                queued += number("out", "queued");
            }
        }
        still = if now == last && queued == 0 {
            still + 1
        } else {
            0
        };
        last = now;
        (now.1 > 0 && still == 5).then_some(now)
    })
}

/// The payloads that have come up to now.
fn seen_on_bus(wire: &mut Wire) -> Vec<String> {
    wire.send_raw(&message(99, PROCESSED, "nobody", b""));
    let mut seen = Vec::new();
    loop {
        let frame = wire.read_frame();
        if frame.kind == ACK {
            return seen;
        }
        let payload = frame.body.rsplit(|byte| *byte == 0).next();
        seen.push(String::from_utf8_lossy(payload.expect("a payload")).into_owned());
    }
}

fn seen_by_host(host: &Host) -> Vec<String> {
    host.publish("end", b"mark");
    let all = host.until(|publish| &*publish.topic == b"end");
    let payloads = all.iter().map(|it| String::from_utf8_lossy(&it.payload));
    payloads.map(|payload| payload.into_owned()).collect()
}
