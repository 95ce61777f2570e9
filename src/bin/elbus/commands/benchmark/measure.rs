//! Runs one stage on all workers, shows how far it is, and ends it when it is stuck.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use elbus::Error;
use serde::Serialize;
use tokio::task::JoinSet;

use super::joined;
use super::latency::{Latencies, Percentiles};
use super::stage::Stage;
use super::worker::Worker;
use crate::context::Context;
use crate::failure::Failure;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Length of the bar, in characters.
const BAR_CHARS: usize = 40;

/// The result of a stage.
#[derive(Debug, Serialize)]
pub struct Measurement {
    pub stage: &'static str,
    pub iterations: u64,
    pub seconds: f64,
    pub operations_per_second: f64,
    /// Only of stages in which every operation is confirmed.
    pub latency_ns: Option<Percentiles>,
}

/// Counts the operations of all workers that are done.
#[derive(Clone, Default)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    /// One more is done.
    pub fn count(&self) {
        // A statistic: it orders nothing.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Has the workers do the operations of the stage, and takes the time.
pub async fn measure(
    context: &Context,
    stage: Stage,
    workers: &mut Vec<Worker>,
    iterations: u64,
) -> Result<Measurement, Failure> {
    let meter = Meter::default();
    let mut running = JoinSet::new();
    let shares = shares(iterations, workers.len());
    let start = Instant::now();
    for (mut worker, share) in workers.drain(..).zip(shares) {
        let meter = meter.clone();
        let thread = worker.thread.clone();
        let work = async move {
            let latencies = stage.run(&mut worker, share, &meter).await?;
            Ok::<_, Failure>((worker, latencies))
        };
        running.spawn_on(work, &thread);
    }
    let mut latencies = Latencies::new();
    let mut progress = Progress::new(context, stage, iterations);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(ended) => {
                    let (worker, of_worker) = joined(ended)??;
                    workers.push(worker);
                    latencies.merge(&of_worker);
                }
                None => break,
            },
            _ = ticks.tick() => progress.update(meter.done())?,
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Measurement {
        stage: stage.name(),
        iterations,
        seconds,
        operations_per_second: iterations as f64 / seconds.max(f64::MIN_POSITIVE),
        latency_ns: latencies.percentiles(),
    })
}

/// Splits the operations as evenly as whole numbers allow.
fn shares(iterations: u64, workers: usize) -> impl Iterator<Item = u64> {
    let workers = workers as u64;
    (0..workers).map(move |worker| iterations / workers + u64::from(worker < iterations % workers))
}

/// The line on the terminal that tells how far a stage is, and the guard that ends a stage in which
/// nothing happens for a timeout. Guarding every single operation would slow down what is measured.
struct Progress {
    stage: Stage,
    iterations: u64,
    shown: bool,
    timeout: Duration,
    last_done: u64,
    last_change: Instant,
}

impl Progress {
    fn new(context: &Context, stage: Stage, iterations: u64) -> Self {
        Self {
            stage,
            iterations,
            shown: context.is_watched(),
            timeout: context.timeout,
            last_done: 0,
            last_change: Instant::now(),
        }
    }

    fn update(&mut self, done: u64) -> Result<(), Failure> {
        if self.shown {
            let line = bar(self.stage.name(), done as f64 / self.iterations as f64);
            // There is nobody to tell if the terminal is gone.
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
        if done != self.last_done {
            self.last_done = done;
            self.last_change = Instant::now();
        } else if self.last_change.elapsed() > self.timeout {
            let attempt = format!("{} is stuck after {done} operations", self.stage.name());
            return Err(Failure::Bus(attempt, Error::timeout()));
        }
        Ok(())
    }
}

impl Drop for Progress {
    /// The line makes room for the next one, the result, or the error.
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// A bar after the name of what it is about, as long as the longest name of a stage.
fn bar(name: &str, done: f64) -> String {
    let full = ((BAR_CHARS as f64 * done) as usize).min(BAR_CHARS);
    let (full, rest) = ("#".repeat(full), ".".repeat(BAR_CHARS - full));
    format!("{name:<23}  {full}{rest}  {:3.0} %", 100.0 * done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_from_left_to_right() {
        let expected = "rpc.call                 ##########..............................   25 %";
        assert_eq!(bar("rpc.call", 0.25), expected);
        let full = bar(Stage::ALL[3].name(), 1.0);
        assert!(full.ends_with(&format!("  {}  100 %", "#".repeat(BAR_CHARS))));
    }

    #[test]
    fn shares_add_up() {
        for (iterations, workers, expected) in [
            (10, 3, vec![4, 3, 3]),
            (2, 3, vec![1, 1, 0]),
            (6, 1, vec![6]),
        ] {
            let shares: Vec<u64> = shares(iterations, workers).collect();
            assert_eq!(shares, expected);
        }
    }
}
