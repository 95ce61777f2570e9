//! What each command prints, as a whole: the snapshots are what the documentation may quote.

use crate::common::{Broker, PROCESSED, Transport, Wire, publish, subscribe};
use crate::program::{Running, bus, elbus};
use crate::snapshot::{assert_snapshot, normalised};

/// A broker with two clients, one of which has subscribed to something.
fn plant() -> (Broker, [Wire; 2]) {
    let broker = Broker::start(&[]);
    let mut boiler = broker.client(Transport::Unix, "plant.boiler");
    boiler.request(&subscribe(1, PROCESSED, &["sensors/+", "alarms"]), 1);
    let pump = broker.client(Transport::Tcp, "plant.pump");
    (broker, [boiler, pump])
}

/// The text without the directory of the broker.
fn anonymous(broker: &Broker, text: &str) -> String {
    text.replace(bus(broker), "bus.sock")
}

/// What the command prints: for people, bare, and as JSON.
fn in_every_style(args: &[&str]) -> String {
    let styles = [&[][..], &["--silent"], &["--json"]];
    let outputs = styles.map(|style| {
        // A broker of its own: another may still list the client that was there before.
        let (broker, _clients) = plant();
        let output = elbus(&broker, &[args, style].concat()).success();
        anonymous(&broker, &output)
    });
    outputs.concat()
}

#[test]
fn results_in_every_style() {
    for (name, args) in [
        ("broker-test", &["broker", "test"][..]),
        ("broker-info", &["broker", "info"]),
        ("broker-topic.list", &["broker", "topic.list"]),
        ("send", &["send", "plant.boiler", "hello"]),
        ("publish", &["publish", "alarms", "fire"]),
        (
            "rpc-call",
            &["rpc", "call", ".broker", "benchmark.test", "speed=1.5"],
        ),
        ("rpc-call0", &["rpc", "call0", "plant.pump", "stop"]),
        ("rpc-notify", &["rpc", "notify", "plant.pump", "hello"]),
    ] {
        let shown = in_every_style(args);
        assert_snapshot(&format!("output/{name}"), &shown);
    }
}

#[test]
fn numbers_in_every_style() {
    for (name, args) in [
        ("broker-stats", &["broker", "stats"][..]),
        ("broker-client.list", &["broker", "client.list"]),
        ("top", &["top", "-i", "0.05", "-c", "1", "--sort", "name"]),
        ("benchmark", &["benchmark", "-i", "100"]),
    ] {
        let shown = in_every_style(args);
        assert_snapshot(&format!("output/{name}"), &normalised(&shown));
    }
}

#[test]
fn listeners_in_every_style() {
    for (name, args) in [
        ("listen", &["listen", "-t", "sensors/#"][..]),
        ("rpc-listen", &["rpc", "listen", "-t", "sensors/#"]),
        ("monitor", &["monitor", "-t", "sensors/#", "--payload"]),
    ] {
        let mut shown = String::new();
        for style in [&[][..], &["--json"]] {
            let broker = Broker::start(&[]);
            let listener = Running::listening(&broker, &[args, style].concat());
            let mut pump = broker.client(Transport::Unix, "plant.pump");
            for (topic, payload) in [
                ("sensors/flow", &b"{\"lps\": 4.5}"[..]),
                ("sensors/note", b"night\nshift"),
                ("sensors/raw", b"\xc1\xff"),
                ("sensors/end", b""),
            ] {
                pump.request(&publish(1, PROCESSED, topic, payload), 1);
            }
            let lines = std::iter::from_fn(|| Some(listener.line()));
            for line in lines.take_while(|line| !line.contains("sensors/end")) {
                shown += &(line + "\n");
            }
        }
        if name == "monitor" {
            // Its lines begin with a time.
            shown = normalised(&shown);
        }
        assert_snapshot(&format!("output/{name}"), &shown);
    }
}

#[test]
fn complaints() {
    let (broker, _clients) = plant();
    let mut shown = String::new();
    for args in [
        &["send", "nobody", "hello"][..],
        &["rpc", "call", ".broker", "nonsense"],
        &["rpc", "call", "nobody", "method"],
        &["rpc", "call", "plant.pump", "method", "novalue"],
        &["broker", "client.kick", "nobody"],
        &["broker", "client.list", "--filter", "("],
        &["-n", "plant.pump", "broker", "test"],
        &["broker", "nonsense"],
    ] {
        let outcome = elbus(&broker, args);
        let status = outcome.status.expect("no signal");
        let line = args.join(" ");
        assert_eq!(outcome.stdout, "", "{line}");
        let complaint = anonymous(&broker, &outcome.stderr);
        shown += &format!("$ elbus bus.sock {line}\n{complaint}status {status}\n");
    }
    assert_snapshot("output/complaints", &shown);
}
