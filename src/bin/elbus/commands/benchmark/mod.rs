//! `elbus BUS benchmark`: how many operations per second the bus takes from this device.

mod latency;
mod measure;
mod stage;
mod threads;
mod worker;

use std::sync::Arc;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use elbus::limits::DEFAULT_MAX_FRAME;
use tokio::task::JoinError;

use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Align, Table};
use latency::Percentiles;
use measure::{Measurement, measure};
use stage::Stage;
use threads::Threads;
use worker::Worker;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock benchmark
  elbus bus.sock benchmark -w 4 --payload-size 1000 -i 100000

Stages:
  send.qos.no              messages to the broker, one after the other
  send.qos.processed       the same, each after the previous one was acknowledged
  send+recv.qos.no         messages to oneself, counted when they are back
  send+recv.qos.processed  the same, each after the previous one was acknowledged
  rpc.call                 calls of the broker, each after the reply to the previous one
  rpc.call+handle          the same to oneself
  rpc.call0                calls of the broker without a reply, each after the previous one was
                           acknowledged

The times, in microseconds, are those in which 50, 99 and 99.9 % of the operations were confirmed or
replied to; of send+recv, in which they were back.";

/// Room that the name of the target and the header of a call take in a frame, in bytes.
const MAX_FRAME_HEADER: usize = 2 * 1024;

/// Measure how many operations per second the bus carries
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, override_usage = "elbus <BUS> benchmark [OPTIONS]")]
pub struct Benchmark {
    /// Connections, and as many for RPC, that share the operations
    #[arg(
        short,
        long,
        default_value_t = 1,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000),
    )]
    workers: usize,

    /// Size of the payload of each operation
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 100,
        value_parser = RangedU64ValueParser::<usize>::new()
            .range(1..=(DEFAULT_MAX_FRAME - MAX_FRAME_HEADER) as u64),
    )]
    payload_size: usize,

    /// Operations of each stage, all together
    #[arg(
        short,
        long,
        default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(1..),
    )]
    iterations: u64,
}

impl Benchmark {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        // An RPC notification without meaning: whatever has to look at it is soon done.
        let payload: Arc<[u8]> = vec![0; self.payload_size].into();
        let threads = Threads::start(self.workers)
            .map_err(|error| Failure::Local(format!("cannot start: {error}")))?;
        let mut workers = Vec::with_capacity(self.workers);
        for number in 0..self.workers {
            let connecting = Worker::connect(context.clone(), number, payload.clone());
            workers.push(joined(threads.of(number).spawn(connecting).await)??);
        }
        let mut results = Vec::with_capacity(Stage::ALL.len());
        for stage in Stage::ALL {
            results.push(measure(context, stage, &mut workers, self.iterations).await?);
        }
        context.out.table(&table(&results), &results)
    }
}

/// What a task has returned.
fn joined<T>(ended: Result<T, JoinError>) -> Result<T, Failure> {
    ended.map_err(|error| Failure::Local(format!("a worker failed: {error}")))
}

fn table(results: &[Measurement]) -> Table<6> {
    let mut table = Table::new([
        ("stage", Align::Left),
        ("iterations", Align::Right),
        ("ops/s", Align::Right),
        ("p50/µs", Align::Right),
        ("p99/µs", Align::Right),
        ("p99.9/µs", Align::Right),
    ]);
    for result in results {
        let times = result.latency_ns.as_ref();
        let micros = |select: fn(&Percentiles) -> u64| {
            times.map_or(String::new(), |times| {
                format!("{:.1}", select(times) as f64 / 1e3)
            })
        };
        table.row([
            result.stage,
            &result.iterations.to_string(),
            &format!("{:.0}", result.operations_per_second),
            &micros(|times| times.p50),
            &micros(|times| times.p99),
            &micros(|times| times.p99_9),
        ]);
    }
    table
}
