//! What arrives, from inside and from outside.

use crate::{Bus, next, send, subscribe};
use elbus::borrow::Cow;
use elbus::client::AsyncClient;
use elbus::tools::pubsub::TopicBroker;
use elbus::{FrameKind, QoS};
use std::sync::Arc;

/// Inside the process the two parts of a message stay two, and the payload is the very same memory.
#[tokio::test]
async fn a_header_stays_apart_in_the_process_and_is_joined_on_a_socket() {
    let bus = Bus::start().await;
    let mut sender = bus.client("sender").await;
    let mut inside = bus.client("inside").await;
    let mut outside = bus.socket_client("outside").await;
    let inbox = [inside.take_event_channel(), outside.take_event_channel()];
    let [inside_events, outside_events] = inbox.map(|events| events.expect("taken once"));
    let payload = Arc::new(b"payload".to_vec());
    for target in ["inside", "outside"] {
        let header = b"header ".as_slice().into();
        let payload = Cow::Referenced(payload.clone());
        let sent = sender.zc_send(target, header, payload, QoS::RealtimeProcessed);
        sent.await.expect("delivered").expect("as the QoS asks for");
    }
    let frame = next(&inside_events).await;
    assert_eq!(frame.header(), Some(&b"header "[..]));
    assert_eq!(frame.payload(), b"payload");
    assert!(std::ptr::eq(frame.payload(), payload.as_slice()));
    assert!(frame.is_realtime());
    let frame = next(&outside_events).await;
    assert_eq!(
        (frame.header(), frame.payload()),
        (None, &b"header payload"[..])
    );
    // From a socket there is one part only.
    let sent = outside.zc_send(
        "inside",
        b"a".as_slice().into(),
        b"b".as_slice().into(),
        QoS::No,
    );
    sent.await.expect("sent");
    let frame = next(&inside_events).await;
    assert_eq!((frame.header(), frame.payload()), (None, &b"ab"[..]));
}

#[tokio::test]
async fn every_kind_of_frame_in_all_directions() {
    let bus = Bus::start().await;
    let mut clients: Vec<Box<dyn AsyncClient>> = vec![
        Box::new(bus.client("g.inside").await),
        Box::new(bus.socket_client("g.outside").await),
    ];
    let mut inbox = Vec::new();
    for client in &mut clients {
        subscribe(&mut **client, "t/+").await;
        inbox.push(client.take_event_channel().expect("taken once"));
    }
    for client in &mut clients {
        let name = client.get_name().to_owned();
        let payload = || b"payload".as_slice().into();
        for target in ["g.inside", "g.outside"] {
            send(&mut **client, target, b"payload").await;
        }
        let broadcast = client.send_broadcast("g.*", payload(), QoS::Realtime).await;
        assert!(broadcast.expect("sent").is_none());
        let published = client.publish("t/x", payload(), QoS::No).await;
        assert!(published.expect("sent").is_none());
        for events in &inbox {
            for (kind, topic, realtime) in [
                (FrameKind::Message, None, false),
                (FrameKind::Broadcast, None, true),
                (FrameKind::Publish, Some("t/x"), false),
            ] {
                let frame = next(events).await;
                assert_eq!((frame.kind(), frame.topic()), (kind, topic));
                assert_eq!(frame.sender(), name);
                assert_eq!(frame.payload(), b"payload");
                assert_eq!(frame.is_realtime(), realtime, "{kind:?}");
            }
        }
    }
    for client in &mut clients {
        client.unsubscribe("t/+", QoS::No).await.expect("sent");
        client
            .publish("t/x", b"".as_slice().into(), QoS::No)
            .await
            .expect("sent");
        let own = client.get_name().to_owned();
        send(&mut **client, &own, b"end").await;
    }
    assert_eq!(next(&inbox[0]).await.payload(), b"end");
}

#[tokio::test]
async fn a_topic_broker_on_either_kind_of_client() {
    let bus = Bus::start().await;
    let clients: [Box<dyn AsyncClient>; 2] = [
        Box::new(bus.client("inside").await),
        Box::new(bus.socket_client("outside").await),
    ];
    let mut publisher = bus.socket_client("publisher").await;
    for mut client in clients {
        let events = client.take_event_channel().expect("taken once");
        subscribe(&mut *client, "plant/#").await;
        let mut topics = TopicBroker::new();
        let (_tx, state) = topics.register_topic("plant/state", 8).expect("free");
        let (_tx, lines) = topics.register_prefix("plant/line/", 8).expect("free");
        for topic in ["plant/state", "plant/line/1/speed", "plant/other"] {
            let sent = publisher
                .publish(topic, topic.as_bytes().into(), QoS::Processed)
                .await;
            let confirmation = sent.expect("sent").expect("as the QoS asks for");
            crate::ends(confirmation)
                .await
                .expect("an answer")
                .expect("ok");
        }
        let mut left = Vec::new();
        for _ in 0..3 {
            left.extend(topics.process(next(&events).await).await.expect("read"));
        }
        let state = state.try_recv().expect("a publication");
        assert_eq!(
            (state.subtopic(), state.payload()),
            ("plant/state", &b"plant/state"[..])
        );
        assert_eq!((state.sender(), state.header()), ("publisher", None));
        assert_eq!(
            lines.try_recv().expect("a publication").subtopic(),
            "1/speed"
        );
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].topic(), Some("plant/other"));
    }
}
