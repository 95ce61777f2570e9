//! `elbus BUS monitor`: its lines, and that neither a busy bus nor a slow reader is too much for it.

use crate::common::{Broker, PROCESSED, Transport, Wire, broadcast, publish};
use crate::program::Running;
use nix::sys::signal::Signal;
use serde_json::Value;

/// Publishes, and waits until the broker has taken it.
fn say(pump: &mut Wire, topic: &str, payload: &[u8]) {
    pump.request(&publish(1, PROCESSED, topic, payload), 1);
}

/// The cells of a line without the time, whose form is checked.
fn cells(line: &str) -> Vec<&str> {
    let mut cells = line.split_whitespace();
    let time = cells.next().expect("the time");
    let form: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(form, "9999-99-99T99:99:99.999Z");
    cells.collect()
}

#[test]
fn everything_published_has_a_line() {
    let broker = Broker::start(&[]);
    let monitor = Running::listening(&broker, &["-n", "eye", "monitor"]);
    let mut pump = broker.client(Transport::Unix, "pump");
    assert_eq!(
        cells(&monitor.line())[..2],
        [".broker", ".broker/info"],
        "the announcement of the pump"
    );
    say(&mut pump, "sensors/flow", b"12.5");
    assert_eq!(cells(&monitor.line()), ["pump", "sensors/flow", "4", "B"]);
    // Not published: not shown.
    pump.request(&broadcast(2, PROCESSED, "eye", b"hello"), 2);
    say(&mut pump, "end", b"");
    assert_eq!(cells(&monitor.line()), ["pump", "end", "0", "B"]);
}

#[test]
fn topics_can_be_chosen_and_payloads_shown() {
    let broker = Broker::start(&[]);
    let args = ["monitor", "-t", "a/+", "-t", "b", "--payload"];
    let monitor = Running::listening(&broker, &args);
    let mut pump = broker.client(Transport::Unix, "pump");
    say(&mut pump, "c", b"unseen");
    say(&mut pump, "a/1", b"{\"on\": true}");
    say(&mut pump, "b", b"\x81\xa2ok\xc3");
    assert_eq!(
        cells(&monitor.line()),
        ["pump", "a/1", "12", "B", "{\"on\":true}"]
    );
    assert_eq!(
        cells(&monitor.line()),
        ["pump", "b", "5", "B", "{\"ok\":true}"]
    );
}

#[test]
fn json_output_is_one_object_per_publication() {
    let broker = Broker::start(&[]);
    let args = ["monitor", "-t", "a", "--payload", "--json"];
    let monitor = Running::listening(&broker, &args);
    say(
        &mut broker.client(Transport::Tcp, "pump"),
        "a",
        b"two\nlines",
    );
    let object: Value = serde_json::from_str(&monitor.line()).expect("JSON");
    assert!(object["time"].is_string());
    for (key, value) in [
        ("sender", "pump"),
        ("topic", "a"),
        ("format", "text"),
        ("payload", "two\nlines"),
    ] {
        assert_eq!(object[key], value);
    }
    assert_eq!(object["size"], 9);
}

#[test]
fn what_exceeds_the_rate_is_counted() {
    const PUBLISHED: u64 = 500;
    let broker = Broker::start(&[]);
    let args = ["monitor", "-t", "a", "--max-rate", "3", "--json"];
    let monitor = Running::listening(&broker, &args);
    let mut pump = broker.client(Transport::Unix, "pump");
    for _ in 0..PUBLISHED {
        say(&mut pump, "a", b"");
    }
    let (mut shown, mut skipped) = (0, 0);
    while shown + skipped < PUBLISHED {
        let line: Value = serde_json::from_str(&monitor.line()).expect("JSON");
        match line["skipped"].as_u64() {
            Some(count) => skipped += count,
            None => shown += 1,
        }
    }
    assert_eq!(shown + skipped, PUBLISHED);
    assert!(skipped > 0 && shown >= 3, "{shown} shown");
}

#[test]
fn people_are_told_of_what_is_missing() {
    let broker = Broker::start(&[]);
    let monitor = Running::listening(&broker, &["monitor", "-t", "a", "--max-rate", "1"]);
    let mut pump = broker.client(Transport::Unix, "pump");
    // More than one within the same second, at last.
    let told = std::iter::from_fn(|| {
        say(&mut pump, "a", b"");
        say(&mut pump, "a", b"");
        Some(monitor.line())
    })
    .find(|line| line.starts_with("… "));
    assert!(told.is_some_and(|line| line.ends_with(" more in the last second")));
}

#[test]
fn without_a_limit_everything_is_shown() {
    let broker = Broker::start(&[]);
    let args = ["monitor", "-t", "a", "--max-rate", "0", "-p"];
    let monitor = Running::listening(&broker, &args);
    let mut pump = broker.client(Transport::Unix, "pump");
    for number in 0..500 {
        say(&mut pump, "a", number.to_string().as_bytes());
    }
    for number in 0..500 {
        assert_eq!(cells(&monitor.line())[4], number.to_string());
    }
}

#[test]
fn h13_hostile_publications_do_not_reach_the_terminal() {
    let broker = Broker::start(&[]);
    let monitors = [&[][..], &["--json"]].map(|style| {
        Running::listening(
            &broker,
            &[&["monitor", "-p", "-t", "#"][..], style].concat(),
        )
    });
    let mut pump = broker.client(Transport::Unix, "pump");
    for payload in [
        &b"\x1b]0;owned\x07"[..],
        b"\"\x7f\xc2\x9b2J\"",
        b"\xa2\x1b[",
    ] {
        say(&mut pump, "x\x1b[2J\ny", payload);
    }
    say(&mut pump, "finished", b"");
    for monitor in monitors {
        let lines: Vec<String> = std::iter::from_fn(|| Some(monitor.line()))
            .take_while(|line| !line.contains("finished"))
            .collect();
        let hostile = lines.iter().filter(|line| line.contains("[2J"));
        assert_eq!(hostile.count(), 3, "{lines:?}");
        assert!(
            lines
                .iter()
                .flat_map(|line| line.chars())
                .all(|c| !c.is_control())
        );
    }
}

#[test]
fn ctrl_c_is_status_0_and_the_end_of_the_broker_status_1() {
    let mut broker = Broker::start(&[]);
    let interrupted = Running::listening(&broker, &["monitor", "-t", "nothing"]);
    interrupted.signal(Signal::SIGINT);
    assert_eq!(interrupted.finish().success(), "");
    let left = Running::listening(&broker, &["monitor", "-t", "nothing"]);
    broker.signal(Signal::SIGTERM);
    broker.wait_exit();
    let outcome = left.finish();
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    assert_eq!(outcome.stderr, "elbus: connection closed\n");
}
