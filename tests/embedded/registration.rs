//! Names, secondaries, and the ways to go.

use crate::{Bus, ends, expect_end, next, send, subscribe};
use elbus::client::AsyncClient;
use elbus::{ErrorKind as Kind, Frame, QoS};

#[tokio::test]
async fn names_of_internal_clients() {
    let bus = Bus::start().await;
    // A leading dot is for clients of this process.
    let _first = [bus.client(".internal").await, bus.client("a.b").await];
    let long = "n".repeat(1025);
    for (name, kind) in [
        ("", Kind::Data),
        ("a*", Kind::Data),
        ("a\0b", Kind::Data),
        ("a\n", Kind::Data),
        (&long, Kind::Data),
        (".internal", Kind::Busy),
        ("a.b", Kind::Busy),
        (".broker", Kind::Busy),
        ("nobody%%0", Kind::NotRegistered),
    ] {
        let refused = bus.broker.register_client(name).await;
        assert_eq!(refused.err().map(|e| e.kind()), Some(kind), "{name:?}");
    }
    // One name space for both kinds.
    let _c = bus.socket_client("c").await;
    let refused = bus.broker.register_client("c").await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Busy));
    let refused = elbus::ipc::Client::connect(&bus.config("a.b")).await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::Busy));
}

#[tokio::test]
async fn secondaries_of_internal_clients() {
    let bus = Bus::start().await;
    let mut primary = bus.client("p").await;
    let primary_events = primary.take_event_channel().expect("taken once");
    let first = bus.broker.register_secondary_for(&primary).await;
    let mut first = first.expect("room");
    let second = bus.broker.register_secondary_for(&primary).await;
    let mut second = second.expect("room");
    assert_eq!((first.get_name(), second.get_name()), ("p%%0", "p%%1"));
    let refused = bus.broker.register_secondary_for(&first).await;
    assert_eq!(refused.err().map(|e| e.kind()), Some(Kind::NotSupported));
    // One over a socket, as for any client.
    let mut third = bus.socket_client("p%%x").await;
    let events = second.take_event_channel().expect("taken once");
    let third_events = third.take_event_channel().expect("taken once");
    send(&mut first, "p%%1", b"hi").await;
    let frame = next(&events).await;
    assert_eq!((frame.sender(), frame.primary_sender()), ("p%%0", "p"));
    assert!(primary_events.is_empty());
    // A number that is free is used again.
    drop(first);
    let again = bus.broker.register_secondary_for(&primary).await;
    assert_eq!(again.expect("room").get_name(), "p%%0");
    // The end of the primary is the end of all.
    drop(primary);
    expect_end(&events).await;
    expect_end(&third_events).await;
    let refused = second.send("p%%1", b"".as_slice().into(), QoS::No).await;
    assert_eq!(refused.expect_err("gone").kind(), Kind::NotRegistered);
    bus.client("p").await;
}

/// Subject and client of an announcement.
fn announced(frame: &Frame) -> (String, String) {
    assert_eq!(frame.sender(), ".broker");
    #[derive(serde::Deserialize)]
    struct Event {
        s: String,
        d: String,
    }
    let event: Event = rmp_serde::from_slice(frame.payload()).expect("a map");
    (event.s, event.d)
}

#[tokio::test]
async fn who_is_unregistered_is_announced_and_who_is_dropped_is_not() {
    let bus = Bus::start().await;
    let mut observer = bus.client("observer").await;
    subscribe(&mut observer, ".broker/info").await;
    let events = observer.take_event_channel().expect("taken once");
    let dropped = bus.client("dropped").await;
    let mut leaving = bus.client("leaving").await;
    let left_events = leaving.take_event_channel().expect("taken once");
    let removed = bus.client("removed").await;
    drop(dropped);
    leaving.unregister().await;
    bus.broker.unregister_client(&removed).await;
    // Once is enough, and being dropped later is nothing new.
    bus.broker.unregister_client(&removed).await;
    drop(removed);
    drop(bus.client("last").await);
    for expected in [
        ("reg", "dropped"),
        ("reg", "leaving"),
        ("reg", "removed"),
        ("unreg", "leaving"),
        ("unreg", "removed"),
        ("reg", "last"),
    ] {
        let (subject, name) = announced(&next(&events).await);
        assert_eq!((&*subject, &*name), expected);
    }
    assert!(events.is_empty());
    expect_end(&left_events).await;
    let refused = leaving.publish("t", b"".as_slice().into(), QoS::No).await;
    assert_eq!(refused.expect_err("gone").kind(), Kind::NotRegistered);
    // Its name is free, and dropping it does no harm to the next one of that name.
    let mut next_one = bus.client("leaving").await;
    drop(leaving);
    send(&mut next_one, "leaving", b"to itself").await;
}

#[tokio::test]
async fn only_clients_on_sockets_can_be_disconnected() {
    let bus = Bus::start().await;
    let mut inside = bus.client("inside").await;
    let mut outside = bus.socket_client("outside").await;
    let events = outside.take_event_channel().expect("taken once");
    let kinds = ["inside", ".broker", "nobody"].map(|name| {
        let refused = bus.broker.force_disconnect(name);
        refused.expect_err(name).kind()
    });
    let expected = [Kind::NotSupported, Kind::NotSupported, Kind::NotRegistered];
    assert_eq!(kinds, expected);
    bus.broker.force_disconnect("outside").expect("connected");
    // Its name is free at once.
    let refused = bus.broker.force_disconnect("outside").expect_err("gone");
    assert_eq!(refused.kind(), Kind::NotRegistered);
    expect_end(&events).await;
    let refused = ends(inside.send("outside", b"".as_slice().into(), QoS::No)).await;
    assert_eq!(refused.expect_err("gone").kind(), Kind::NotRegistered);
    bus.socket_client("outside").await;
}
