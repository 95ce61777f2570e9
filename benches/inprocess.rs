//! Clients of the broker's own process: from the call that sends to the frame that is received.

use criterion::{Criterion, Throughput};
use elbus::borrow::Cow;
use elbus::broker::{Broker, Client};
use elbus::client::AsyncClient;
use elbus::{Error, EventChannel, QoS};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

const SMALL: usize = 100;
const LARGE: usize = 1 << 20;
const SUBSCRIBERS: usize = 64;
const TOPIC: &str = "plant/line1/speed";
/// Operations per entry into the runtime.
const BATCH: u64 = 64;

fn main() -> Result<(), Error> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut bench = Bench {
        runtime: tokio::runtime::Builder::new_current_thread().build()?,
        broker: Broker::new(),
        criterion: &mut criterion,
    };
    let lent = [b'x'; SMALL];
    bench.messages("100_bytes_lent", QoS::No, || Cow::Borrowed(&lent))?;
    bench.messages("100_bytes_lent_confirmed", QoS::Processed, || {
        Cow::Borrowed(&lent)
    })?;
    let shared = Arc::new(lent.to_vec());
    bench.messages("100_bytes_shared", QoS::No, || shared.clone().into())?;
    // Passed on without a copy: the size must make no difference.
    let shared = Arc::new(vec![b'x'; LARGE]);
    bench.messages("1_MiB_shared", QoS::No, || shared.clone().into())?;
    bench.publications(1)?;
    bench.publications(SUBSCRIBERS)?;
    criterion.final_summary();
    Ok(())
}

struct Bench<'a> {
    runtime: Runtime,
    broker: Broker,
    criterion: &'a mut Criterion,
}

impl Bench<'_> {
    fn register(&self, name: &str) -> Result<(Client, EventChannel), Error> {
        let mut client = self.runtime.block_on(self.broker.register_client(name))?;
        let events = client.take_event_channel().ok_or_else(Error::eof)?;
        Ok((client, events))
    }

    /// Sends a message and receives it.
    fn messages<'p>(
        &mut self,
        name: &str,
        qos: QoS,
        payload: impl Fn() -> Cow<'p>,
    ) -> Result<(), Error> {
        let (mut sender, _) = self.register("sender")?;
        let (_receiver, events) = self.register("receiver")?;
        let mut group = self.criterion.benchmark_group("message");
        group.throughput(Throughput::Elements(BATCH));
        group.bench_function(name, |b| {
            b.iter(|| {
                self.runtime.block_on(async {
                    for _ in 0..BATCH {
                        let sent = sender.send("receiver", payload(), qos).await;
                        if let Some(confirmation) = sent.expect("sent") {
                            let answer = confirmation.await.expect("an answer");
                            answer.expect("delivered");
                        }
                        events.recv().await.expect("a frame");
                    }
                });
            });
        });
        group.finish();
        Ok(())
    }

    /// Publishes, and receives it everywhere.
    fn publications(&mut self, subscribers: usize) -> Result<(), Error> {
        let (mut sender, _) = self.register("sender")?;
        let mut receivers = Vec::new();
        for i in 0..subscribers {
            let (mut client, events) = self.register(&format!("subscriber.{i}"))?;
            self.runtime.block_on(client.subscribe(TOPIC, QoS::No))?;
            receivers.push((client, events));
        }
        let payload = [b'x'; SMALL];
        let mut group = self.criterion.benchmark_group("publication");
        group.throughput(Throughput::Elements(BATCH * subscribers as u64));
        group.bench_function(format!("to_{subscribers}"), |b| {
            b.iter(|| {
                self.runtime.block_on(async {
                    for _ in 0..BATCH {
                        let payload = Cow::Borrowed(&payload);
                        let sent = sender.publish(TOPIC, payload, QoS::No).await;
                        sent.expect("sent");
                        for (_, events) in &receivers {
                            events.recv().await.expect("a frame");
                        }
                    }
                });
            });
        });
        group.finish();
        Ok(())
    }
}
