//! Frames through the broker, from socket to socket.
//!
//! Broker and clients share one thread, so a figure is the processor time of both for one frame,
//! and does not depend on how threads are scheduled. Frames travel in batches: what a batch costs the
//! kernel is divided by their number, so what remains is mostly the broker.

use criterion::{Criterion, Throughput};
use elbus::broker::{Broker, ServerConfig};
use elbus::protocol::operation::{FrameOp, QoS};
use elbus::protocol::request::{encode_filters, encode_head};
use elbus::protocol::{delivery, handshake, rpc};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

const PAYLOAD: [u8; 100] = [b'x'; 100];
const TOPIC: &str = "plant/line1/speed";
/// Frames per batch: less than one read takes in.
const BATCH: usize = 400;
const ACK_BYTES: usize = delivery::HEADER_BYTES;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let directory = std::env::temp_dir().join(format!("elbus-routing-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let mut bench = Bench {
        criterion: &mut criterion,
        runtime: tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
        directory,
    };
    let message = |target, qos| frame(FrameOp::Message, qos, target, &PAYLOAD);
    let heads = delivery::HEADER_BYTES + "sender".len() + 1;
    let delivered = heads + PAYLOAD.len();

    bench.run(
        "message/to_nobody",
        &message("nobody", QoS::Processed),
        0,
        0,
        ACK_BYTES,
    )?;
    bench.run(
        "message/to_oneself",
        &message("sender", QoS::No),
        0,
        0,
        delivered,
    )?;
    let confirmed = message("sender", QoS::Processed);
    bench.run(
        "message/to_oneself_confirmed",
        &confirmed,
        0,
        0,
        delivered + ACK_BYTES,
    )?;
    let message = message("client.0", QoS::No);
    bench.run("message/to_another", &message, 1, delivered, 0)?;

    let mut call = rpc::request_head(7, "benchmark.test").ok_or("a NUL")?;
    call.extend(PAYLOAD);
    let call = frame(FrameOp::Message, QoS::No, ".broker", &call);
    let reply = delivery::HEADER_BYTES + ".broker".len() + 1 + rpc::REPLY_HEAD_BYTES;
    bench.run("call_of_the_broker", &call, 0, 0, reply + PAYLOAD.len())?;

    let publication = frame(FrameOp::PublishTopic, QoS::Processed, TOPIC, &PAYLOAD);
    for subscribers in [0, 1, 8, 64] {
        let name = format!("publication/to_{subscribers}");
        let each = delivered + TOPIC.len() + 1;
        bench.run(&name, &publication, subscribers, each, ACK_BYTES)?;
    }
    drop(bench);
    criterion.final_summary();
    Ok(())
}

fn frame(op: FrameOp, qos: QoS, target: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_head(&mut bytes, 7, op, qos, &[target], payload.len()).expect("it fits");
    bytes.extend(payload);
    bytes
}

struct Bench<'a> {
    criterion: &'a mut Criterion,
    runtime: Runtime,
    directory: PathBuf,
}

impl Bench<'_> {
    /// Measures one frame of `sender` on a broker of its own: `each` bytes of it get to each of so
    /// many subscribers, and `back` bytes to the sender.
    fn run(
        &mut self,
        name: &str,
        frame: &[u8],
        subscribers: usize,
        each: usize,
        back: usize,
    ) -> Result<(), elbus::Error> {
        let mut broker = Broker::new();
        let (mut sender, mut receivers) = self.runtime.block_on(async {
            broker.init_default_core_rpc().await?;
            let path = self.socket();
            let path = path.to_str().unwrap_or_default();
            broker.spawn_unix_server(path, ServerConfig::new()).await?;
            let sender = self.connect("sender").await?;
            let mut receivers = Vec::new();
            for i in 0..subscribers {
                receivers.push(self.subscriber(&format!("client.{i}")).await?);
            }
            Ok::<_, elbus::Error>((sender, receivers))
        })?;
        let batch = frame.repeat(BATCH);
        let mut buffer = vec![0; BATCH * each.max(back)];
        let mut group = self.criterion.benchmark_group("routing");
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                self.runtime.block_on(async {
                    sender.write_all(&batch).await.expect("written");
                    for receiver in &mut receivers {
                        let got = receiver.read_exact(&mut buffer[..BATCH * each]).await;
                        got.expect("delivered");
                    }
                    let got = sender.read_exact(&mut buffer[..BATCH * back]).await;
                    got.expect("answered");
                });
            });
        });
        group.finish();
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("bus.sock")
    }

    async fn connect(&self, name: &str) -> io::Result<UnixStream> {
        let mut socket = UnixStream::connect(self.socket()).await?;
        let mut answers = [0; handshake::GREETING_BYTES + 2];
        socket.write_all(&handshake::greeting()).await?;
        let name = handshake::name_frame(name).ok_or(io::ErrorKind::InvalidInput)?;
        socket.write_all(&name).await?;
        socket.read_exact(&mut answers).await?;
        assert!(answers.ends_with(&[1, 1]), "registered");
        Ok(socket)
    }

    async fn subscriber(&self, name: &str) -> io::Result<UnixStream> {
        let mut socket = self.connect(name).await?;
        let mut frame = Vec::new();
        encode_filters(
            &mut frame,
            1,
            FrameOp::SubscribeTopic,
            QoS::Processed,
            &[TOPIC],
        )
        .ok_or(io::ErrorKind::InvalidInput)?;
        socket.write_all(&frame).await?;
        socket.read_exact(&mut [0; ACK_BYTES]).await?;
        Ok(socket)
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
