//! Calls in both directions over MQTT 5, and who is there.

use crate::common::*;
use crate::mqtt::{Host, user};
use crate::scene::{Bridge, Mosquitto, await_bridge, bus, call, publish_confirmed, status};

const RPC: &str = r#"
    [rpc]
    timeout_s = 1
    [[rpc.serve]]
    clients = ["plc.*", "nobody"]
    methods = ["get", "late"]
    [[rpc.call]]
    method = "scada.ack"
    topic = "scada/ack"
    callers = ["plc.*"]
"#;

/// The request that the client gets: its sender, number, method and params.
fn request_of(frame: &Frame) -> (u32, Vec<u8>) {
    let at = frame
        .body
        .iter()
        .position(|byte| *byte == 0)
        .expect("a sender")
        + 1;
    let body = &frame.body[at..];
    assert_eq!(body[0], 0x01, "a request");
    let id = u32::from_le_bytes([body[1], body[2], body[3], body[4]]);
    (id, body[5..].to_vec())
}

#[test]
fn hosts_call_clients_of_the_bus() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", RPC);
    await_bridge(&bridge);
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("answers");
    let mut plc = bus.quiet_client("plc.1");

    host.request("elbus/dev/rpc/plc.1/get", b"p", "answers", b"c1");
    let (id, rest) = request_of(&plc.read_frame());
    assert_eq!(rest, b"get\0p");
    let reply = [&[0x11][..], &id.to_le_bytes(), b"result"].concat();
    plc.send_raw(&message(1, NO, "bridge", &reply));
    let answer = host.expect("answers", b"result");
    let properties = answer.properties.as_ref().expect("properties");
    assert_eq!(properties.correlation_data.as_deref(), Some(&b"c1"[..]));
    assert_eq!(user(&answer, "elbus-error"), None);

    host.request("elbus/dev/rpc/plc.1/get", b"p", "answers", b"c2");
    let (id, _) = request_of(&plc.read_frame());
    let error = [
        &[0x12][..],
        &id.to_le_bytes(),
        &(-5_i16).to_le_bytes(),
        b"why",
    ]
    .concat();
    plc.send_raw(&message(1, NO, "bridge", &error));
    let answer = host.expect("answers", b"why");
    assert_eq!(user(&answer, "elbus-error").as_deref(), Some("-5"));

    for (target, code) in [
        ("plc.1/set", "-32121"),
        (".broker/test", "-32121"),
        ("nobody/get", "-32113"),
        ("plc.1/late", "-32120"),
    ] {
        host.request(&format!("elbus/dev/rpc/{target}"), b"", "answers", b"c");
        let answer = host.next();
        assert_eq!(
            user(&answer, "elbus-error").as_deref(),
            Some(code),
            "{target}"
        );
    }
    // A response there would be a request.
    host.request(
        "elbus/dev/rpc/plc.1/get",
        b"",
        "elbus/dev/rpc/plc.1/get",
        b"c",
    );
    request_of(&plc.read_frame());
    plc.expect_silence();
    let mut asker = bus.quiet_client("asker");
    assert_eq!(status(&mut asker, "rpc", "denied"), 2);
    assert_eq!(status(&mut asker, "rpc", "timeouts"), 1);
}

#[test]
fn clients_of_the_bus_call_hosts() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", RPC);
    await_bridge(&bridge);
    let host = Host::connect("host", mosquitto.port);
    host.subscribe("scada/ack");
    let mut plc = bus.quiet_client("plc.1");
    std::thread::scope(|scope| {
        let calls = scope.spawn(|| {
            let good = call(&mut plc, "bridge", "scada.ack", b"42");
            let bad = call(&mut plc, "bridge", "scada.ack", b"43");
            let late = call(&mut plc, "bridge", "scada.ack", b"44");
            (good, bad, late)
        });
        let request = host.expect("scada/ack", b"42");
        host.respond(&request, b"done", None);
        let request = host.expect("scada/ack", b"43");
        host.respond(&request, b"no", Some("-7"));
        host.expect("scada/ack", b"44");
        let (good, bad, late) = calls.join().expect("answers");
        assert_eq!(good, (0, b"done".to_vec()));
        assert_eq!(bad, (-7, b"no".to_vec()));
        assert_eq!(late.0, -32120);
    });
    let mut stranger = bus.quiet_client("stranger");
    assert_eq!(call(&mut stranger, "bridge", "scada.ack", b"").0, -32121);
}

#[test]
fn without_an_upstream_calls_fail_at_once() {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let bridge = Bridge::start(&bus, "dev", mosquitto.port, "", RPC);
    await_bridge(&bridge);
    let mut plc = bus.quiet_client("plc.1");
    drop(mosquitto);
    bridge.await_log("the connection is lost");
    assert_eq!(call(&mut plc, "bridge", "scada.ack", b"").0, -32115);
    assert!(
        !publish_confirmed(&mut plc, "nowhere", "x"),
        "no rule carries it"
    );
}

#[test]
fn who_is_there_is_told() {
    for version in ["5", "3.1.1"] {
        tells_who_is_there(version);
    }
}

fn tells_who_is_there(version: &str) {
    let Some(mosquitto) = Mosquitto::start() else {
        return;
    };
    let bus = bus();
    let version = format!("version = {version:?}");
    let presence = "[presence]\nregistrations = \"reg/\"\n";
    let host = Host::connect("host", mosquitto.port);
    host.retain("reg/gone", b"online");
    let mut bridge = Bridge::start(&bus, "dev", mosquitto.port, &version, presence);
    await_bridge(&bridge);
    host.subscribe("elbus/dev/status");
    host.expect("elbus/dev/status", b"online");
    host.subscribe("reg/#");
    let plc = bus.quiet_client("plc");
    let mut told = std::collections::BTreeMap::new();
    host.until(|publish| {
        told.insert(publish.topic.to_vec(), publish.payload.to_vec());
        let is = |name: &str, payload: &[u8]| {
            told.get(name.as_bytes())
                .is_some_and(|told| told == payload)
        };
        is("reg/plc", b"online")
            && is("reg/bridge", b"online")
            && told.get(&b"reg/gone"[..]).is_none_or(Vec::is_empty)
    });
    drop(plc);
    host.until(|publish| &*publish.topic == b"reg/plc" && publish.payload.is_empty());
    bridge.kill();
    host.until(|publish| &*publish.topic == b"elbus/dev/status" && &*publish.payload == b"offline");
    bridge.start_again();
    host.until(|publish| &*publish.topic == b"elbus/dev/status" && &*publish.payload == b"online");
    bridge.stop();
    host.until(|publish| &*publish.topic == b"elbus/dev/status" && &*publish.payload == b"offline");
}
