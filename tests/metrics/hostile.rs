//! Requests that are wrong, slow or many: each gets what it deserves, the broker and the next one who
//! asks do not notice.

use crate::common::*;
use crate::scene::{Scene, try_send};

/// As in `limits`.
const MAX_HEAD: usize = 4096;
const MAX_CONNECTIONS: usize = 4;

/// Clients are served, and metrics told.
fn assert_well(scene: &Scene, name: &str) {
    let mut client = scene.client(name);
    client.request(&publish(1, PROCESSED, "t", b"x"), 1);
    scene.metrics();
}

#[test]
fn wrong_requests_are_answered() {
    let long = format!(
        "GET /metrics HTTP/1.1\r\nHost: a\r\nX: {}",
        "x".repeat(2 * MAX_HEAD)
    );
    let body = format!(
        "GET /metrics HTTP/1.0\r\nContent-Length: 20000\r\n\r\n{}",
        "x".repeat(20_000)
    );
    for (request, status) in [
        (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], "404 Not Found"),
        (
            b"POST /metrics HTTP/1.1\r\nHost: a\r\n\r\nx",
            "405 Method Not Allowed",
        ),
        (b"nonsense\r\n\r\n", "400 Bad Request"),
        (b"\0\xff\xfe\r\n\r\n", "400 Bad Request"),
        (b"GET /metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
        (
            b"GET /metrics HTTP/9.9\r\nHost: a\r\n\r\n",
            "400 Bad Request",
        ),
        (long.as_bytes(), "400 Bad Request"),
        (body.as_bytes(), "200 OK"),
        (
            b"GET /metrics HTTP/1.0\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n",
            "200 OK",
        ),
    ] {
        for transport in [Transport::Unix, Transport::Tcp] {
            let scene = Scene::start_on(transport, &[]);
            let answer = scene.ask(request);
            assert_eq!(
                answer.status(),
                status,
                "{:?}",
                String::from_utf8_lossy(request)
            );
            assert_eq!(answer.field("Connection"), Some("close"));
            let ends = answer.body.matches("# EOF\n").count();
            assert_eq!(ends, usize::from(status == "200 OK"), "one answer");
            let allowed = (status.starts_with("405")).then_some("GET, HEAD");
            assert_eq!(answer.field("Allow"), allowed);
            assert_well(&scene, "client");
        }
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let scene = Scene::start(&[]);
    let mut wire = scene.connect();
    for byte in b"GET /metrics HTTP/1.0\r\n\r\n" {
        wire.send_raw(&[*byte]);
    }
    assert!(wire.read_to_end().ends_with(b"# EOF\n"));
}

#[test]
fn a_flood_of_wrong_requests_is_a_line_in_the_log() {
    let scene = Scene::start(&[]);
    for _ in 0..200 {
        assert_eq!(scene.ask(b"x\r\n\r\n").status(), "400 Bad Request");
        drop(scene.connect());
    }
    assert_well(&scene, "client");
    let log = scene.broker.log().text();
    let lines = log.matches("requests without metrics").count();
    // One in ten seconds, on a machine that may be slow.
    assert!((1..=7).contains(&lines), "{log}");
}

#[test]
fn who_does_not_finish_the_request_or_read_the_answer_is_cut_off() {
    let scene = Scene::start(&[]);
    // Names long enough that the answer does not fit the buffers of a socket.
    let name = |i: usize| format!("{i}.{}", "x".repeat(1000));
    let _clients: Vec<_> = (0..100).map(|i| scene.client(&name(i))).collect();
    let mut halfway = scene.connect();
    halfway.send_raw(b"GET /metrics HTTP/1.1\r\nHost: ");
    let mut deaf = scene.connect();
    deaf.send_raw(b"GET /metrics HTTP/1.0\r\n\r\n");
    assert_well(&scene, "client");
    assert!(halfway.read_to_end().is_empty());
    let log = "the last one: it was not done in time";
    eventually("a word about it", || {
        scene.broker.log().text().contains(log).then_some(())
    });
    eventually("an answer that was cut off", || {
        let got = deaf.read_to_end();
        (!got.is_empty()).then_some(got)
    });
    assert_well(&scene, "another");
}

#[test]
fn the_oldest_of_too_many_connections_makes_way() {
    for transport in [Transport::Unix, Transport::Tcp] {
        let scene = Scene::start_on(transport, &[]);
        let mut idle: Vec<_> = (0..50).map(|_| scene.connect()).collect();
        scene.metrics();
        for wire in idle.drain(..50 - MAX_CONNECTIONS) {
            let mut wire = wire;
            assert!(wire.read_to_end().is_empty());
        }
        eventually("a word about them", || {
            let log = scene.broker.log().text();
            log.contains("too many connections that do not end")
                .then_some(())
        });
        assert_well(&scene, "client");
    }
}

#[test]
fn hostile_bytes_do_no_harm() {
    let scene = Scene::start(&[]);
    let rss = scene.broker.rss_kib();
    for round in 0..100_u32 {
        let wires: Vec<_> = (0..8).map(|_| scene.connect()).collect();
        for (i, wire) in (0_u32..).zip(&wires) {
            let byte = (round * 31 + i * 7) as u8;
            try_send(wire, &vec![byte; 1000 * (1 + i as usize)]);
            try_send(wire, b"\r\n\r\n");
        }
    }
    assert_well(&scene, "client");
    let grown = scene.broker.rss_kib().saturating_sub(rss);
    assert!(grown < 4096, "{grown} KiB more");
}
