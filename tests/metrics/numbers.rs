//! What is told: all that `.broker` knows, as it changes.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::client_list::{client_uint, uint_after};
use crate::common::*;
use crate::scene::{CONTENT_TYPE, Scene};

#[test]
fn metrics_on_both_transports() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let scene = Scene::start_on(transport, &[]);
        let answer = scene.get();
        assert_eq!(answer.field("Content-Type"), Some(CONTENT_TYPE));
        assert_eq!(answer.field("Connection"), Some("close"));
        let metrics = scene.metrics();
        let version = [("version", elbus::VERSION)];
        assert_eq!(metrics.value("elbus_build_info", &version), 1.0);
        for (name, family) in &metrics.families {
            assert!(family.help.is_some(), "{name} is not explained");
            let has_unit = name.ends_with("_bytes") || name.ends_with("_seconds");
            assert_eq!(family.unit.is_some(), has_unit, "{name}");
        }
    }
}

#[test]
fn head_without_body() {
    let scene = Scene::start(&[]);
    let answer = scene.ask(b"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(answer.status(), "200 OK");
    assert_eq!(answer.field("Content-Type"), Some(CONTENT_TYPE));
    assert_eq!(answer.body, "");
}

/// Whatever `stats` and `client.list` tell, the metrics tell the same.
#[test]
fn all_that_the_broker_knows() {
    let scene = Scene::start(&[]);
    let mut asker = scene.client("asker");
    let mut sensor = scene.broker.client(Transport::Tcp, "sensor");
    let _second = scene.broker.client(Transport::Tcp, "sensor%%1");
    sensor.request(&subscribe(1, PROCESSED, &["a", "b/#"]), 1);
    for id in 2..7 {
        sensor.request(&message(id, PROCESSED, "asker", b"hello"), id);
    }
    for _ in 2..7 {
        asker.read_frame();
    }
    let stats = asker.call_broker("stats", b"");
    let list = asker.call_broker("client.list", b"");
    let metrics = scene.metrics();
    // Those of the broker have grown with the question and its answer.
    for (key, name) in [
        ("uptime", "elbus_uptime_seconds"),
        ("r_frames", "elbus_received_frames_total"),
        ("r_bytes", "elbus_received_bytes_total"),
        ("w_frames", "elbus_sent_frames_total"),
        ("w_bytes", "elbus_sent_bytes_total"),
    ] {
        let known = uint_after(&stats, key).expect(key);
        assert!(metrics.value(name, &[]) >= known as f64, "{name}");
    }
    let of_sensor = [("client", "sensor")];
    for (key, name) in [
        ("r_frames", "elbus_client_received_frames_total"),
        ("r_bytes", "elbus_client_received_bytes_total"),
        ("w_frames", "elbus_client_sent_frames_total"),
        ("w_bytes", "elbus_client_sent_bytes_total"),
        ("queue", "elbus_client_queue_frames"),
        ("instances", "elbus_client_instances"),
        ("dropped", "elbus_client_dropped_frames_total"),
        ("queue_bytes", "elbus_client_queue_bytes"),
        ("subscriptions", "elbus_client_subscriptions"),
    ] {
        let known = client_uint(&list, "sensor", key).expect(key);
        assert_eq!(metrics.value(name, &of_sensor), known as f64, "{name}");
    }
    assert_eq!(metrics.value("elbus_client_instances", &of_sensor), 2.0);
    let subscriptions = metrics.value("elbus_client_subscriptions", &of_sensor);
    assert_eq!(subscriptions, 3.0, "with .broker/warn");
    let connected = client_uint(&list, "sensor", "connected").expect("a time");
    let told = metrics.value("elbus_client_connected_timestamp_seconds", &of_sensor);
    assert_eq!((told * 1e3).round() as u64, connected / 1_000_000);
    for (kind, clients) in [("internal", 1.0), ("local_ipc", 1.0), ("tcp", 2.0)] {
        assert_eq!(metrics.value("elbus_clients", &[("kind", kind)]), clients);
    }
    assert_eq!(metrics.value("elbus_registrations_total", &[]), 4.0);
    let origins = metrics.labels_of("elbus_client_info");
    let origin = |name| origins.iter().find(|origin| origin["client"] == name);
    let sensor = origin("sensor").expect("its origin");
    assert_eq!(sensor["kind"], "tcp");
    assert!(sensor["source"].starts_with("127.0.0.1:"));
    assert!(sensor["port"].ends_with(&scene.broker.port().to_string()));
    let asker = origin("asker").expect("its origin");
    assert_eq!(asker["kind"], "local_ipc");
    assert_eq!(asker["pid"], std::process::id().to_string());
    let uid = nix::unistd::geteuid().to_string();
    assert_eq!(asker["uid"], uid);
    assert_eq!(asker["port"], scene.broker.socket().to_string_lossy());
}

#[test]
fn counters_rise_with_what_is_sent_and_stay_when_its_sender_has_gone() {
    let scene = Scene::start(&[]);
    let value = |name| scene.metrics().value(name, &[]);
    let mut reader = scene.client("reader");
    let mut sender = scene.client("sender");
    let (frames, bytes) = ("elbus_received_frames_total", "elbus_received_bytes_total");
    let before = (value(frames), value(bytes));
    for id in 1..=100 {
        sender.request(&message(id, PROCESSED, "reader", &[7; 50]), id);
        reader.read_frame();
    }
    assert_eq!(value(frames) - before.0, 100.0);
    assert!(value(bytes) - before.1 >= 5000.0);
    let reached = value(frames);
    drop(sender);
    eventually("the end of the sender", || {
        let metrics = scene.metrics();
        assert!(metrics.value(frames, &[]) >= reached, "a total has fallen");
        let labels = [("client", "sender")];
        let gone = metrics.find("elbus_client_received_frames_total", &labels);
        gone.is_none().then_some(())
    });
    assert_eq!(value(frames), reached);
}

#[test]
fn awkward_names_are_whole() {
    let scene = Scene::start(&[]);
    let long = "\"".repeat(1000);
    let names = [
        "a\"b",
        "a\\",
        "a\\n",
        "{}",
        "a=\"b\",c=\"d\"",
        "\"} 1 # {",
        "# EOF",
        "ü😀\u{2028}",
        " ",
        &long,
    ];
    let _clients = names.map(|name| scene.client(name));
    let metrics = scene.metrics();
    for name in names {
        let found = metrics.find("elbus_client_instances", &[("client", name)]);
        assert_eq!(found, Some(1.0), "{name:?}");
    }
}

/// A client that does not hear of slow ones.
fn quiet(mut client: Wire) -> Wire {
    client.request(&unsubscribe(1, PROCESSED, &[".broker/warn"]), 1);
    client
}

#[test]
fn frames_that_were_dropped_are_counted_also_after_their_receiver_has_gone() {
    let scene = Scene::start(&["--overflow", "drop", "--queue-size", "2"]);
    let deaf = scene.client("deaf");
    let mut sender = quiet(scene.client("sender"));
    let payload = vec![0; 200_000];
    let mut refused = 0.0;
    for id in 1..=20 {
        let code = sender.request_code(&message(id, PROCESSED, "deaf", &payload));
        refused += f64::from(u8::from(code == NOT_DELIVERED));
    }
    assert!(refused > 0.0, "everything had room");
    let metrics = scene.metrics();
    let labels = [("client", "deaf")];
    assert_eq!(
        metrics.value("elbus_client_dropped_frames_total", &labels),
        refused
    );
    assert!(metrics.value("elbus_client_queue_frames", &labels) > 0.0);
    assert!(metrics.value("elbus_client_queue_bytes", &labels) > 200_000.0);
    assert!(metrics.value("elbus_memory_used_bytes", &[]) > 0.0);
    drop(deaf);
    eventually("the end of the deaf one", || {
        let metrics = scene.metrics();
        assert!(metrics.value("elbus_dropped_frames_total", &[]) >= refused);
        let gone = metrics.find("elbus_client_queue_bytes", &labels).is_none();
        (gone && metrics.value("elbus_memory_used_bytes", &[]) == 0.0).then_some(())
    });
}

#[test]
fn limits_are_those_of_the_command_line() {
    let scene = Scene::start(&["--max-clients", "17", "--max-memory", "3M"]);
    let metrics = scene.metrics();
    assert_eq!(metrics.value("elbus_clients_limit", &[]), 17.0);
    let memory = metrics.value("elbus_memory_limit_bytes", &[]);
    assert_eq!(memory, 3.0 * 1024.0 * 1024.0);
    assert_eq!(metrics.value("elbus_memory_shortages_total", &[]), 0.0);
}

#[test]
fn a_shortage_of_memory_is_counted() {
    let scene = Scene::start(&["--max-memory", "64K", "--overflow", "drop"]);
    let _deaf = [scene.client("deaf.1"), scene.client("deaf.2")];
    let mut sender = quiet(scene.client("sender"));
    let payload = vec![0; 30_000];
    eventually("a shortage", || {
        for (id, name) in [(1, "deaf.1"), (2, "deaf.2")] {
            sender.request_code(&message(id, PROCESSED, name, &payload));
        }
        let shortages = scene.metrics().value("elbus_memory_shortages_total", &[]);
        (shortages > 0.0).then_some(())
    });
}

/// Clients send, come and go on several threads; each answer is right, and no counter falls.
#[test]
fn under_load_every_answer_is_right() {
    const SCRAPES: usize = 100;
    let scene = Scene::start(&["-w", "2"]);
    let is_over = AtomicBool::new(false);
    let rounds = std::thread::scope(|scope| {
        let load = (0..3).map(|number| {
            let (scene, is_over) = (&scene, &is_over);
            scope.spawn(move || {
                let mut rounds = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let name = format!("worker.{number}.{rounds}");
                    let mut client = scene.client(&name);
                    for id in 1..20 {
                        client.request(&publish(id, PROCESSED, "load", &[1; 300]), id);
                    }
                    rounds += 1;
                }
                rounds
            })
        });
        let load: Vec<_> = load.collect();
        let mut last = (0.0, 0.0);
        for _ in 0..SCRAPES {
            let metrics = scene.metrics();
            let now = (
                metrics.value("elbus_received_frames_total", &[]),
                metrics.value("elbus_registrations_total", &[]),
            );
            assert!(now.0 >= last.0 && now.1 >= last.1, "{now:?} after {last:?}");
            last = now;
        }
        is_over.store(true, Ordering::Relaxed);
        let rounds = load.into_iter().map(|thread| thread.join().expect("load"));
        rounds.sum::<u32>()
    });
    assert!(rounds > 0);
    let received = scene.metrics().value("elbus_received_frames_total", &[]);
    assert_eq!(received, f64::from(rounds * 19));
}
