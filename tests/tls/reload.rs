//! Certificates are renewed while clients are connected.

use elbus::client::AsyncClient;
use elbus::{ErrorKind, QoS};

use crate::authority::{Authority, Validity};
use crate::scene::{Plant, connect, events, next, refusal, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_connections_get_the_new_certificate_and_old_ones_stay() {
    let plant = Plant::new();
    let bus = plant.serve(plant.files()).await;
    let mut old = plant.client(&bus, "old").await;
    let received = events(&mut old);
    let successor = Authority::new("successor");
    let successor_file = plant.path("successor.pem");
    successor.write(&successor_file);
    let trusting = |name: &str| plant.config(&bus, name).tls_ca(&successor_file);
    refusal(&trusting("early")).await;

    let names = ["localhost", "127.0.0.1"];
    successor.issue(&plant.path("broker"), &names, Validity::Present);
    bus.tls.reload().expect("files that are right");

    let mut new = connect(&trusting("new")).await.expect("the new one");
    refusal(&plant.config(&bus, "late")).await;
    let sent = within(new.send("old", b"hello".as_slice().into(), QoS::Processed)).await;
    let confirmation = sent.expect("room").expect("a confirmation");
    within(confirmation)
        .await
        .expect("an answer")
        .expect("delivered");
    assert_eq!(next(&received).await.payload(), b"hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_wrong_change_nothing() {
    let plant = Plant::new();
    let bus = plant.serve(plant.mutual()).await;
    for (name, file, text) in [
        ("one", "broker.pem", "not a certificate"),
        ("two", "broker.key", "not a key"),
        ("three", "ca.pem", ""),
    ] {
        let pair = plant.pair(name, &[name]);
        let config = plant.config(&bus, name);
        let config = config.tls_certificate(pair.certificate, pair.key);
        let before = std::fs::read(plant.path(file)).expect("a file");
        std::fs::write(plant.path(file), text).expect("a file");
        let why = bus.tls.reload().expect_err("this file is wrong");
        assert_eq!(why.kind(), ErrorKind::Data);
        assert!(why.to_string().contains(file), "{why}");
        std::fs::write(plant.path(file), before).expect("a file");
        connect(&config).await.expect("the old ones are in force");
    }
    bus.tls.reload().expect("files that are right again");
}
