//! `elbus BUS benchmark`: that it runs and tells its results; never how fast it is.

use crate::common::Broker;
use crate::program::{Running, command, elbus};

/// Stages in which each operation is confirmed on its own, and has a latency.
const CONFIRMED: [&str; 5] = [STAGES[1], STAGES[3], STAGES[4], STAGES[5], STAGES[6]];

const STAGES: [&str; 7] = [
    "send.qos.no",
    "send.qos.processed",
    "send+recv.qos.no",
    "send+recv.qos.processed",
    "rpc.call",
    "rpc.call+handle",
    "rpc.call0",
];

#[test]
fn every_stage_has_a_row() {
    let broker = Broker::start(&[]);
    let table = elbus(&broker, &["benchmark", "-i", "100"]).success();
    let rows = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.collect::<Vec<_>>().into_iter();
    assert_eq!(
        rows.next().expect("titles"),
        [
            "stage",
            "iterations",
            "ops/s",
            "p50/µs",
            "p99/µs",
            "p99.9/µs"
        ]
    );
    let results: Vec<_> = rows.skip(1).collect();
    assert_eq!(results.iter().map(|row| row[0]).collect::<Vec<_>>(), STAGES);
    assert!(
        results
            .iter()
            .all(|row| row[1] == "100" && row[2].parse::<u64>().is_ok()),
        "{table}"
    );
    for row in results {
        let latencies = row[3..].iter().filter(|cell| cell.parse::<f64>().is_ok());
        let expected = if CONFIRMED.contains(&row[0]) { 3 } else { 0 };
        assert_eq!(latencies.count(), expected, "{table}");
    }
}

#[test]
fn json_results_hold_ordered_percentiles_of_confirmed_stages() {
    let broker = Broker::start(&[]);
    let results = elbus(&broker, &["benchmark", "-i", "100", "--json"]).json();
    for result in results.as_array().expect("an array") {
        let stage = result["stage"].as_str().expect("a name");
        let latency = &result["latency_ns"];
        if !CONFIRMED.contains(&stage) {
            assert!(latency.is_null(), "{result}");
            continue;
        }
        let [p50, p99, p99_9] =
            ["p50", "p99", "p99.9"].map(|key| latency[key].as_u64().expect("nanoseconds"));
        assert!(0 < p50 && p50 <= p99 && p99 <= p99_9, "{result}");
    }
}

#[test]
fn workers_share_the_iterations() {
    let broker = Broker::start(&[]);
    // Fewer operations than workers, and payloads larger than a buffer.
    for args in [
        ["-w", "3", "-i", "2"],
        ["--payload-size", "20000", "-i", "700"],
    ] {
        let results = elbus(&broker, &[&["benchmark", "--json"][..], &args].concat()).json();
        let results = results.as_array().expect("an array");
        let stages: Vec<_> = results.iter().map(|result| &result["stage"]).collect();
        assert_eq!(stages, STAGES);
        assert!(
            results
                .iter()
                .all(|result| result["operations_per_second"].is_f64())
        );
    }
}

#[test]
fn a_broker_that_is_not_there_is_status_1() {
    let outcome = Running::start(&mut command("/nonexistent/bus.sock", &["benchmark"])).finish();
    let stderr = outcome.failure(1);
    assert!(
        stderr.contains("cannot connect to /nonexistent/bus.sock: "),
        "{stderr}"
    );
}
