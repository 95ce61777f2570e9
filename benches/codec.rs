//! What it takes to read and to write one frame: no sockets, no routing.

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use elbus::protocol::operation::{FrameKind, FrameOp, QoS};
use elbus::protocol::{delivery, request, rpc};
use std::hint::black_box;
use std::time::Duration;

/// Payloads of most frames are about this long, in bytes.
const SMALL: usize = 100;
/// The largest that is still copied from buffer to buffer.
const LARGE: usize = 4000;
const LIMIT: usize = 1 << 20;
const TOPIC: &str = "plant/line1/speed";

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    requests(&mut criterion);
    deliveries(&mut criterion);
    calls(&mut criterion);
    criterion.final_summary();
}

/// One frame at a time.
fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    group
}

fn sent(op: FrameOp, texts: &[&str], payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    request::encode_head(&mut bytes, 7, op, QoS::Processed, texts, payload).expect("it fits");
    bytes.resize(bytes.len() + payload, b'x');
    bytes
}

fn delivered(kind: FrameKind, topic: Option<&str>, payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    delivery::encode_head(&mut bytes, kind, false, "sender", topic, payload).expect("it fits");
    bytes.resize(bytes.len() + payload, b'x');
    bytes
}

fn requests(criterion: &mut Criterion) {
    let mut group = group(criterion, "request");
    for (name, frame) in [
        ("message", sent(FrameOp::Message, &["receiver"], SMALL)),
        (
            "message_large",
            sent(FrameOp::Message, &["receiver"], LARGE),
        ),
        ("publication", sent(FrameOp::PublishTopic, &[TOPIC], SMALL)),
        ("ping", vec![0; request::HEADER_BYTES]),
    ] {
        group.bench_function(format!("decode/{name}"), |b| {
            b.iter(|| request::decode(black_box(&frame), LIMIT).is_ok());
        });
    }
    let mut out = Vec::new();
    group.bench_function("encode_head/message", |b| {
        b.iter(|| {
            out.clear();
            let texts = black_box(&["receiver"]);
            request::encode_head(&mut out, 7, FrameOp::Message, QoS::No, texts, SMALL)
        });
    });
    group.finish();
}

fn deliveries(criterion: &mut Criterion) {
    let mut group = group(criterion, "delivery");
    for (name, frame) in [
        ("message", delivered(FrameKind::Message, None, SMALL)),
        (
            "publication",
            delivered(FrameKind::Publish, Some(TOPIC), SMALL),
        ),
        ("ack", delivery::ack([7, 0, 0, 0], 1).to_vec()),
    ] {
        group.bench_function(format!("decode/{name}"), |b| {
            b.iter(|| delivery::decode(black_box(&frame), LIMIT).is_ok());
        });
    }
    let mut out = Vec::new();
    for (name, kind, topic) in [
        ("message", FrameKind::Message, None),
        ("publication", FrameKind::Publish, Some(TOPIC)),
    ] {
        group.bench_function(format!("encode_head/{name}"), |b| {
            b.iter(|| {
                out.clear();
                delivery::encode_head(&mut out, kind, false, "sender", black_box(topic), SMALL)
            });
        });
    }
    group.finish();
}

fn calls(criterion: &mut Criterion) {
    let mut group = group(criterion, "rpc");
    let mut request = rpc::request_head(7, "method").expect("no NUL");
    request.resize(request.len() + SMALL, b'x');
    let mut reply = rpc::reply_head(7).to_vec();
    reply.resize(reply.len() + SMALL, b'x');
    for (name, payload) in [("request", request), ("reply", reply)] {
        group.bench_function(format!("decode/{name}"), |b| {
            b.iter(|| rpc::decode(None, black_box(&payload)).is_ok());
        });
    }
    group.bench_function("encode_head/request", |b| {
        b.iter(|| rpc::request_head(7, black_box("method")));
    });
    group.finish();
}
