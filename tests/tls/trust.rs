//! Whom the client trusts, and whom the broker lets in under which name.

use std::io::{Read, Write};
use std::time::Duration;

use elbus::ErrorKind;
use elbus::broker::{Broker, ServerConfig, TlsServer, TlsServerConfig};
use elbus::ipc::Config;

use crate::authority::{Authority, Pair, Validity};
use crate::common::{DEADLINE, GREETING};
use crate::raw;
use crate::scene::{Bus, Plant, connect, refusal, within};

fn with(config: Config, pair: &Pair) -> Config {
    config.tls_certificate(&pair.certificate, &pair.key)
}

/// Whoever was refused, the broker serves the next one.
async fn assert_serves(plant: &Plant, bus: &Bus, pair: &Pair, name: &str) {
    connect(&with(plant.config(bus, name), pair))
        .await
        .expect("a client that is permitted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_nobody_trusted_vouches_for_is_refused() {
    let plant = Plant::new();
    let bus = plant.serve(plant.files()).await;
    let stranger = plant.path("stranger.pem");
    Authority::new("stranger").write(&stranger);
    let why = refusal(&plant.config(&bus, "c").tls_ca(stranger)).await;
    assert_eq!(why.kind(), ErrorKind::Io);
    assert!(why.to_string().contains("UnknownIssuer"), "{why}");

    let config = Config::new(&bus.address(), "c");
    let why = refusal(&config).await;
    assert_eq!(why.kind(), ErrorKind::Data);
    assert!(why.to_string().contains("authority"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_expired_or_is_for_another_host_is_refused() {
    let plant = Plant::new();
    let old = plant
        .authority
        .issue(&plant.path("old"), &["127.0.0.1"], Validity::Expired);
    let elsewhere = plant.pair("elsewhere", &["other.plant", "10.0.0.1"]);
    for (pair, expected) in [(old, "xpired"), (elsewhere, "not valid for")] {
        let files = TlsServerConfig::new(pair.certificate, pair.key);
        let bus = plant.serve(files).await;
        let why = refusal(&plant.config(&bus, "c")).await;
        assert_eq!(why.kind(), ErrorKind::Io);
        assert!(why.to_string().contains(expected), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_is_that_of_the_certificate() {
    let plant = Plant::new();
    let bus = plant.serve(plant.mutual()).await;
    let pair = plant.pair("plc", &["plc.line1", "hmi", "*.line9"]);
    let mut clients = Vec::new();
    for name in ["plc.line1", "hmi", "hmi%%7"] {
        let client = connect(&with(plant.config(&bus, name), &pair)).await;
        clients.push(client.expect("a name of the certificate"));
    }
    within(clients[0].register_secondary())
        .await
        .expect("a certificate covers secondaries");
    for name in [
        "plc.line2",
        "HMI",
        "plc",
        "subject",
        "x.line9",
        "other%%hmi",
    ] {
        let why = refusal(&with(plant.config(&bus, name), &pair)).await;
        assert_eq!(why.kind(), ErrorKind::Access, "{name}: {why}");
    }
    let nameless = plant.pair("nameless", &["127.0.0.1"]);
    let why = refusal(&with(plant.config(&bus, "subject"), &nameless)).await;
    assert_eq!(why.kind(), ErrorKind::Access);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_a_valid_certificate_is_refused() {
    let plant = Plant::new();
    let bus = plant.serve(plant.mutual()).await;
    let why = refusal(&plant.config(&bus, "c")).await;
    assert!(why.to_string().contains("CertificateRequired"), "{why}");

    let old = plant
        .authority
        .issue(&plant.path("old"), &["c"], Validity::Expired);
    let why = refusal(&with(plant.config(&bus, "c"), &old)).await;
    assert!(why.to_string().contains("Expired"), "{why}");

    let stranger = Authority::new("stranger");
    let forged = stranger.issue(&plant.path("forged"), &["c"], Validity::Present);
    let why = refusal(&with(plant.config(&bus, "c"), &forged)).await;
    assert!(why.to_string().contains("alert"), "{why}");

    assert_serves(&plant, &bus, &plant.pair("good", &["c"]), "c").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_are_optional_bind_those_who_have_one() {
    let plant = Plant::new();
    let files = plant.mutual().optional_client_certificates();
    let bus = plant.serve(files).await;
    connect(&plant.config(&bus, "anybody"))
        .await
        .expect("no certificate is needed");
    let pair = plant.pair("plc", &["plc"]);
    let why = refusal(&with(plant.config(&bus, "anybody"), &pair)).await;
    assert_eq!(why.kind(), ErrorKind::Access);
    let stranger = Authority::new("stranger");
    let forged = stranger.issue(&plant.path("forged"), &["plc"], Validity::Present);
    refusal(&with(plant.config(&bus, "plc"), &forged)).await;
    assert_serves(&plant, &bus, &pair, "plc").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_used_are_named() {
    let plant = Plant::new();
    let other = plant.pair("other", &["c"]);
    let empty = plant.path("empty.pem");
    std::fs::write(&empty, "").expect("a file");
    let damaged = plant.path("damaged.pem");
    let text = std::fs::read_to_string(&other.certificate).expect("a certificate");
    std::fs::write(&damaged, text.replace("END", "ENDE")).expect("a file");
    let endless = plant.path("endless.pem");
    std::os::unix::fs::symlink("/dev/zero", &endless).expect("a link");
    let (certificate, key) = (plant.path("broker.pem"), plant.path("broker.key"));
    for (certificate, key, kind, named) in [
        (&plant.path("none.pem"), &key, ErrorKind::Io, "none.pem"),
        (&empty, &key, ErrorKind::Data, "empty.pem"),
        (&damaged, &key, ErrorKind::Data, "damaged.pem"),
        (&endless, &key, ErrorKind::Data, "endless.pem"),
        (&certificate, &certificate, ErrorKind::Data, "broker.pem"),
        (&certificate, &other.key, ErrorKind::Data, "other.key"),
    ] {
        let files = TlsServerConfig::new(certificate, key);
        let why = TlsServer::load(files).expect_err("these files cannot be used");
        assert_eq!(why.kind(), kind, "{why}");
        assert!(why.to_string().contains(named), "{why}");
    }
    let why = TlsServer::load(plant.files().client_ca(&empty)).expect_err("no authority");
    assert!(why.to_string().contains("empty.pem"), "{why}");
}

/// One side speaks TLS, the other does not: both are told, as far as they listen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_and_without_tls_do_not_mix() {
    const SHORT: Duration = Duration::from_millis(300);
    let plant = Plant::new();
    let config = ServerConfig::new().timeout(SHORT);
    let bus = plant.serve_with(plant.files(), config.clone()).await;
    let mut resident = plant.client(&bus, "resident").await;

    // Both wait for the other to begin.
    let plain = bus.address().replace("tls://", "");
    let why = refusal(&Config::new(&plain, "c").timeout(SHORT / 2)).await;
    assert_eq!(why.kind(), ErrorKind::Timeout);
    // One that does not wait is told by an alert (21), and cut off.
    let mut hasty = raw::tcp(bus.port);
    hasty.write_all(&GREETING).expect("room");
    hasty.write_all(&[0; 64]).expect("room");
    let mut answer = Vec::new();
    let _ = hasty.read_to_end(&mut answer);
    assert_eq!(answer.first(), Some(&21), "{answer:02x?}");

    let mut broker = Broker::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    broker
        .spawn_tcp_listener(listener, config)
        .await
        .expect("a listener");
    let config = Config::new(&format!("tls://127.0.0.1:{port}"), "c");
    let why = refusal(&config.timeout(DEADLINE).tls_ca(plant.ca())).await;
    assert_eq!(why.kind(), ErrorKind::Io, "{why}");

    use elbus::client::AsyncClient;
    resident.ping().await.expect("a connection");
    assert!(resident.is_connected());
}

/// The handshake ends in time, whether it was begun or not, and holds up nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_does_not_go_on_ends() {
    const SHORT: Duration = Duration::from_millis(300);
    let plant = Plant::new();
    let config = ServerConfig::new().timeout(SHORT);
    let bus = plant.serve_with(plant.files(), config).await;
    let mut stalled: Vec<_> = (0..50).map(|_| raw::tcp(bus.port)).collect();
    for stream in stalled.iter_mut().step_by(2) {
        // The beginning of a record with the beginning of a ClientHello.
        stream
            .write_all(&[22, 3, 1, 0, 200, 1, 0, 0, 196])
            .expect("room");
    }
    plant.client(&bus, "meanwhile").await;
    for mut stream in stalled {
        let mut rest = Vec::new();
        // With or without an alert.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.len() < 100, "{rest:02x?}");
    }
    plant.client(&bus, "afterwards").await;
}
