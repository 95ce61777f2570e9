//! H20: a bridge that is killed while many wait for its confirmation, at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};

use crate::common::broker::TempDir;
use crate::common::*;
use crate::mqtt::Host;
use crate::scene::{Bridge, Mosquitto, await_bridge, bus, publish_confirmed};

/// Requests that wait at once.
const TOGETHER: u32 = 24;

const SOURCES: [&str; 3] = ["s/1", "s/2", "s/3"];

/// Asks without waiting; the number of the call is that of the message.
fn ask(plc: &mut Wire, number: u32) {
    let (topic, text) = (source(number), number.to_string());
    let params = BTreeMap::from([("topic", topic), ("payload", text.as_str())]);
    let params = rmp_serde::to_vec_named(&params).expect("params");
    let request = rpc_request(number, "bridge.publish", &params);
    plc.send_raw(&message(1, NO, "bridge", &request));
}

fn source(number: u32) -> &'static str {
    SOURCES[number as usize % SOURCES.len()]
}

/// The number that was confirmed, or `None` for the mark after the last answer.
fn answer(plc: &mut Wire) -> Option<u32> {
    loop {
        let frame = plc.read_frame();
        if frame.kind == ACK {
            return None;
        }
        let Some(reply) = frame.body.strip_prefix(b"bridge\0") else {
            continue;
        };
        assert_eq!(reply[0], 0x11, "{}", show(reply));
        return Some(u32::from_le_bytes([reply[1], reply[2], reply[3], reply[4]]));
    }
}

#[test]
fn h20_a_bridge_that_is_killed_amid_many_requests_loses_nothing_that_it_has_confirmed() {
    let Some(mut mosquitto) = Mosquitto::start() else {
        return;
    };
    let kills: u32 =
        std::env::var("ELBUS_BRIDGE_KILLS").map_or(10, |text| text.parse().expect("a number"));
    let (bus, store, chance) = (bus(), TempDir::new(), RandomState::new());
    // Each life is too short to send what waits. There is room for all of it, so nothing may be dropped.
    let tables = format!(
        "[store]\ndirectory = {:?}\nmax_disk = \"16M\"\nsync_ms = 5\n\
         [[rule]]\ndirection = \"out\"\nbus = \"s/#\"\n",
        store.path()
    );
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("s/#");
    let mut bridge = Bridge::start(&bus, "dev", mosquitto.port, "", &tables);
    await_bridge(&bridge);
    let mut plc = bus.quiet_client("plc");
    let (mut confirmed, mut next) = (BTreeSet::new(), 0);
    for kill in 0..kills {
        // With and without an upstream.
        let is_away = kill % 2 == 1;
        if is_away {
            mosquitto.stop();
        }
        let limit = next + chance.hash_one(kill) as u32 % (TOGETHER * 6);
        let (mut waiting, mut answers) = (0, 0);
        while next < limit || answers == 0 {
            while waiting < TOGETHER {
                ask(&mut plc, next);
                (next, waiting) = (next + 1, waiting + 1);
            }
            let number = answer(&mut plc).expect("an answer");
            confirmed.insert(number);
            (waiting, answers) = (waiting - 1, answers + 1);
        }
        bridge.kill();
        // What it said before its end has arrived before this.
        plc.send_raw(&message(3, PROCESSED, "nobody", b""));
        confirmed.extend(std::iter::from_fn(|| answer(&mut plc)));
        if is_away {
            mosquitto.resume();
        }
        bridge.start_again();
        await_bridge(&bridge);
    }
    for topic in SOURCES {
        assert!(publish_confirmed(&mut plc, topic, "end"));
    }
    let mut ends = 0;
    let all = host.until(|publish| {
        ends += usize::from(&*publish.payload == b"end");
        ends == SOURCES.len()
    });
    let mut seen = BTreeMap::<_, BTreeSet<u32>>::new();
    for publish in all.iter().filter(|publish| &*publish.payload != b"end") {
        let topic = str::from_utf8(&publish.topic).expect("text");
        let number = str::from_utf8(&publish.payload).expect("text");
        let number = number.parse().expect("a number");
        assert_eq!(topic, source(number));
        let seen = seen.entry(topic).or_default();
        if seen.insert(number) {
            assert_eq!(seen.last(), Some(&number), "out of order");
        }
    }
    let seen = seen.into_values().flatten().collect();
    let missing: Vec<_> = confirmed.difference(&seen).collect();
    assert!(missing.is_empty(), "{missing:?} of {}", confirmed.len());
}
