//! `elbus BUS broker …`, and connecting to a broker at all.

use crate::common::broker::TempDir;
use crate::common::{Broker, PROCESSED, Transport, subscribe};
use crate::program::{Running, bus, command, elbus};
use std::os::unix::net::UnixListener;

#[test]
fn test_prints_the_decoded_reply() {
    let broker = Broker::start(&[]);
    let stdout = elbus(&broker, &["broker", "test"]).success();
    assert_eq!(stdout, "MSGPACK:\n{\n  \"ok\": true\n}\n");
    assert_eq!(
        elbus(&broker, &["broker", "test", "-s"]).success(),
        "{\"ok\":true}\n"
    );
    assert_eq!(
        elbus(&broker, &["broker", "test", "--json"]).json()["ok"],
        true
    );
}

#[test]
fn tcp_addresses_work_too() {
    let broker = Broker::start(&[]);
    let address = format!("127.0.0.1:{}", broker.port());
    let outcome = Running::start(&mut command(&address, &["broker", "test", "-s"])).finish();
    assert_eq!(outcome.success(), "{\"ok\":true}\n");
}

#[test]
fn info_is_a_table_or_an_object() {
    let broker = Broker::start(&[]);
    let table = elbus(&broker, &["broker", "info"]).success();
    let fields: Vec<_> = table
        .lines()
        .filter_map(|line| line.split("  ").next())
        .collect();
    assert_eq!(fields, ["field", "-------", "author", "version"]);
    let info = elbus(&broker, &["broker", "info", "--json"]).json();
    assert!(
        info["author"].is_string() && info["version"].is_string(),
        "{info}"
    );
}

#[test]
fn stats_are_a_table_or_an_object() {
    let broker = Broker::start(&[]);
    let expected = ["uptime", "r_frames", "r_bytes", "w_frames", "w_bytes"];
    let table = elbus(&broker, &["broker", "stats"]).success();
    let rows: Vec<_> = table
        .lines()
        .skip(2)
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(rows, expected);
    let bare = elbus(&broker, &["broker", "stats", "-s"]).success();
    let rows: Vec<_> = bare
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(rows, expected);
    let stats = elbus(&broker, &["broker", "stats", "--json"]).json();
    assert!(
        expected.iter().all(|field| stats[field].is_u64()),
        "{stats}"
    );
}

#[test]
fn client_list_shows_everybody_else() {
    let broker = Broker::start(&[]);
    let _pump = broker.client(Transport::Tcp, "plant.pump");
    let table = elbus(&broker, &["broker", "client.list", "-n", "asker"]).success();
    let mut lines = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let titles = [
        "name", "type", "source", "port", "r_frames", "r_bytes", "w_frames", "w_bytes", "queue",
        "ins",
    ];
    assert_eq!(lines.next().expect("titles"), titles);
    let names: Vec<_> = lines.skip(1).map(|cells| cells[0].to_owned()).collect();
    assert_eq!(names, [".broker", "plant.pump"]);

    let list = elbus(&broker, &["broker", "client.list", "-n", "asker", "--json"]).json();
    let pump = &list["clients"][1];
    assert_eq!(
        (&pump["name"], &pump["kind"]),
        (&"plant.pump".into(), &"tcp".into())
    );
    assert_eq!(list["clients"].as_array().map(Vec::len), Some(2));
}

#[test]
fn client_list_can_be_filtered_by_name() {
    let broker = Broker::start(&[]);
    let _clients =
        ["plant.pump", "plant.boiler", "office"].map(|name| broker.client(Transport::Unix, name));
    let args = ["broker", "client.list", "--filter", "^plant[.]", "-s"];
    let rows = elbus(&broker, &args).success();
    let names: Vec<_> = rows
        .lines()
        .filter_map(|row| row.split('\t').next())
        .collect();
    assert_eq!(names, ["plant.boiler", "plant.pump"]);
}

#[test]
fn client_kick_disconnects_one_client() {
    let broker = Broker::start(&[]);
    let [mut pump, mut boiler] = ["pump", "boiler"].map(|name| broker.client(Transport::Tcp, name));
    let kick = ["broker", "client.kick", "pump"];
    assert_eq!(elbus(&broker, &kick).success(), "OK\n");
    pump.drain();
    boiler.expect_silence();
    let stderr = elbus(&broker, &kick).failure(1);
    assert_eq!(stderr, "RPC Error -32113: client not registered\n");
}

#[test]
fn topic_list_counts_the_subscribers_of_each_filter() {
    let broker = Broker::start(&[]);
    let _clients =
        [("a", &["alarms", "sensors/+"][..]), ("b", &["alarms"])].map(|(name, filters)| {
            let mut client = broker.client(Transport::Unix, name);
            client.request(&subscribe(1, PROCESSED, filters), 1);
            client
        });
    let list = elbus(&broker, &["broker", "topic.list", "--json"]).json();
    let topics = list["topics"].as_array().expect("an array").iter();
    let own: Vec<_> = topics
        .filter(|topic| topic["filter"] != ".broker/warn")
        .map(|topic| (topic["filter"].as_str(), topic["subscribers"].as_u64()))
        .collect();
    assert_eq!(
        own,
        [(Some("alarms"), Some(2)), (Some("sensors/+"), Some(1))]
    );
}

#[test]
fn a_broker_that_is_not_there_is_status_1() {
    let dir = TempDir::new();
    let path = dir.path().join("bus.sock");
    let path = path.to_str().expect("a plain path");
    let outcome = Running::start(&mut command(path, &["broker", "test"])).finish();
    let stderr = outcome.failure(1);
    assert!(
        stderr.contains(&format!("cannot connect to {path}: ")),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_broker_that_says_nothing_is_given_up() {
    let dir = TempDir::new();
    let path = dir.path().join("bus.sock");
    let _silent = UnixListener::bind(&path).expect("a socket");
    let path = path.to_str().expect("a plain path");
    let args = ["broker", "test", "--timeout", "1"];
    let stderr = Running::start(&mut command(path, &args))
        .finish()
        .failure(1);
    assert!(stderr.contains("timed out"), "{stderr}");
}

#[test]
fn a_taken_name_is_status_1() {
    let broker = Broker::start(&[]);
    let _holder = broker.client(Transport::Unix, "taken");
    let stderr = elbus(&broker, &["-n", "taken", "broker", "test"]).failure(1);
    let expected = format!("elbus: cannot connect to {} as taken: busy", bus(&broker));
    assert!(stderr.starts_with(&expected), "{stderr}");
}
