//! The helpers: `comm`, `common`, `tools::pubsub`.

use std::sync::Arc;
use std::time::Duration;

use elbus::comm::{Flush, TtlBufWriter};
use elbus::common::{BrokerInfo, BrokerStats, ClientInfo, ClientList};
use elbus::tools::pubsub::{Publication, PublicationReceiver, PublicationSender, TopicBroker};
use elbus::{Error, ErrorKind, Frame, FrameData, FrameKind};
use serde_value::Value;
use tokio::io::AsyncReadExt;

use super::TIMEOUT;

pub async fn buffered_writer() {
    assert!(matches!(Flush::from(true), Flush::Instant));
    assert!(matches!(Flush::from(false), Flush::Scheduled));
    let (near, mut far) = tokio::io::duplex(1024);
    let ttl = Duration::from_millis(1);
    let mut writer = TtlBufWriter::new(near, 16, ttl, TIMEOUT);
    let written: std::io::Result<()> = writer.write(b"one ", Flush::No).await;
    written.expect("room");
    writer.write(b"two ", Flush::Scheduled).await.expect("room");
    writer.write(b"three", Flush::Instant).await.expect("room");
    let mut bytes = [0; 13];
    far.read_exact(&mut bytes).await.expect("all of it");
    assert_eq!(&bytes, b"one two three");
    writer.write(b"four", Flush::No).await.expect("room");
    drop(writer);
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.expect("the end");
    assert_eq!(rest, b"four");
}

pub fn replies_of_the_broker() {
    let stats = BrokerStats {
        uptime: 1,
        r_frames: 2,
        r_bytes: 3,
        w_frames: 4,
        w_bytes: 5,
    };
    let packed = rmp_serde::to_vec_named(&stats).expect("encodes");
    let stats: BrokerStats = rmp_serde::from_slice(&packed).expect("decodes");
    let numbers: [u64; 4] = [stats.r_frames, stats.r_bytes, stats.w_frames, stats.w_bytes];
    assert_eq!((stats.uptime, numbers), (1_u64, [2, 3, 4, 5]));

    let info = BrokerInfo {
        author: "nobody",
        version: "0",
    };
    let packed = rmp_serde::to_vec_named(&info).expect("encodes");
    let info: BrokerInfo<'_> = rmp_serde::from_slice(&packed).expect("decodes");
    assert_eq!((info.author, info.version), ("nobody", "0"));

    let now: u64 = elbus::common::now_ns();
    assert!(now > 1_600_000_000_000_000_000);
}

/// What `.broker` answers to `client.list`.
pub fn check_client_list(packed: &[u8], names: &[&str]) {
    let mut list: ClientList<'_> = rmp_serde::from_slice(packed).expect("decodes");
    list.clients.sort();
    let found: Vec<&str> = list.clients.iter().map(|info| info.name).collect();
    assert_eq!(found, names);
    for info in &list.clients {
        let ClientInfo { name, kind, .. } = info;
        let kinds = ["internal", "local_ipc", "tcp"];
        assert!(!name.is_empty() && kinds.contains(kind));
        let origin: [Option<&str>; 2] = [info.source, info.port];
        assert_eq!(origin[0].is_some(), info.kind == "tcp");
        let counters: [u64; 4] = [info.r_frames, info.r_bytes, info.w_frames, info.w_bytes];
        let sizes: [usize; 2] = [info.queue, info.instances];
        assert!(counters[0] <= counters[1] && sizes[1] == 1);
    }
    for pair in list.clients.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        assert!(one != next && one < next && one.cmp(next).is_lt());
    }
}

pub fn params() {
    let pairs = ["b=true", "i=-5", "f=1.5", "s=text"];
    let params = elbus::common::str_to_params_map(&pairs).expect("params");
    assert_eq!(params["b"], Value::Bool(true));
    assert_eq!(params["i"], Value::I64(-5));
    assert_eq!(params["f"], Value::F64(1.5));
    assert_eq!(params["s"], Value::String("text".to_owned()));
    assert!(elbus::common::str_to_params_map(&["no value"]).is_err());
}

fn publication(topic: &str) -> Frame {
    let (sender, topic) = (Some("s%%1".to_owned()), Some(topic.to_owned()));
    let data = FrameData::new(
        FrameKind::Publish,
        sender,
        topic,
        None,
        b"x".to_vec(),
        0,
        true,
    );
    Arc::new(data)
}

pub async fn topic_broker() {
    let mut topics = TopicBroker::new();
    assert!(
        TopicBroker::default()
            .process(publication("a"))
            .await
            .is_ok()
    );
    let (tx, rx): (PublicationSender, PublicationReceiver) =
        topics.register_topic("a", 8).expect("free");
    let (_, prefixed) = topics.register_prefix("p/", 8).expect("free");
    topics.register_topic_tx("b", tx.clone()).expect("free");
    topics.register_prefix_tx("q/", tx.clone()).expect("free");
    let taken: [Error; 4] = [
        topics.register_topic("a", 8).expect_err("taken"),
        topics
            .register_topic_tx("b", tx.clone())
            .expect_err("taken"),
        topics.register_prefix("p/", 8).expect_err("taken"),
        topics
            .register_prefix_tx("q/", tx.clone())
            .expect_err("taken"),
    ];
    assert!(taken.iter().all(|e| e.kind() == ErrorKind::Busy));

    for topic in ["a", "b", "q/x", "p/x/y"] {
        let rest = topics.process(publication(topic)).await.expect("room");
        assert!(rest.is_none());
    }
    for topic in ["a", "b", "q/x"] {
        assert_eq!(rx.recv().await.expect("published").topic(), topic);
    }
    let received: Publication = prefixed.recv().await.expect("published");
    assert_eq!(received.sender(), "s%%1");
    assert_eq!(received.primary_sender(), "s");
    assert_eq!((received.topic(), received.subtopic()), ("p/x/y", "x/y"));
    assert_eq!(
        (received.payload(), received.header()),
        (b"x".as_slice(), None)
    );
    assert!(received.is_realtime() && received.frame().topic().is_some());

    let unknown = topics.process(publication("z")).await.expect("nobody");
    assert_eq!(unknown.expect("comes back").topic(), Some("z"));
    rx.close();
    let closed = Error::from(tx.send(received).await.expect_err("closed"));
    assert_eq!(closed.kind(), ErrorKind::Eof);
}
