//! What the decisions are based on: how busy the workers and the machine were, and who caused it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::time::ClockId;
use parking_lot::Mutex;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::broker::peer::Peer;

/// What so many bytes cost is about what a frame costs.
const BYTES_PER_FRAME: u64 = 4096;

/// Below this share of the time the clock of a thread is not worth a wake-up.
const WORTH_ASKING: f64 = 0.05;

/// How long each runtime has been busy so far, as it says itself. It does not count the time it takes
/// to ask the system for events, and counts that in which others had the core.
#[derive(Debug)]
pub(super) struct Busy {
    at: Instant,
    total: Vec<Duration>,
}

impl Busy {
    pub(super) fn now(workers: &[Handle]) -> Self {
        let total = workers.iter().map(|worker| {
            let metrics = worker.metrics();
            let threads = 0..metrics.num_workers();
            let count = u32::try_from(threads.len()).unwrap_or(1).max(1);
            let busy: Duration = threads.map(|i| metrics.worker_total_busy_duration(i)).sum();
            busy / count
        });
        Self {
            at: Instant::now(),
            total: total.collect(),
        }
    }

    /// How long ago this was.
    pub(super) fn age(&self) -> Duration {
        self.at.elapsed()
    }

    /// The shares of the time since `then`.
    pub(super) fn since(&self, then: &Self) -> Vec<f64> {
        let elapsed = self.at.duration_since(then.at);
        let pairs = self.total.iter().zip(&then.total);
        pairs
            .map(|(now, then)| share(now.saturating_sub(*then), elapsed))
            .collect()
    }
}

/// A moment, and what a thread had used of its core by then.
type Reading = (Instant, Duration);

/// The clock that counts the time which the thread of a runtime gets from the system. Only that
/// thread can read it.
#[derive(Debug, Default)]
pub(super) struct ThreadClock(Arc<Mutex<Option<Reading>>>);

impl ThreadClock {
    /// The last reading.
    fn read(&self) -> Option<Reading> {
        *self.0.lock()
    }

    /// Asks for another one.
    fn ask(&self, worker: &Handle) {
        if worker.runtime_flavor() != RuntimeFlavor::CurrentThread {
            return;
        }
        let reading = self.0.clone();
        worker.spawn(async move {
            let used = ClockId::CLOCK_THREAD_CPUTIME_ID.now();
            *reading.lock() = used.ok().map(|used| (Instant::now(), used.into()));
        });
    }
}

/// What is looked at only while there is something to decide.
#[derive(Debug)]
pub(super) struct Detail {
    at: Instant,
    machine: Option<Machine>,
    clocks: Vec<Option<Reading>>,
    /// By the id of the client.
    traffic: HashMap<u64, Traffic>,
}

/// What was carried for one client.
#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    received: u64,
    sent: u64,
}

impl Detail {
    /// `busy` is what the workers say.
    pub(super) fn now(
        workers: &[Handle],
        clocks: &[ThreadClock],
        busy: &[f64],
        peers: &[Arc<Peer>],
    ) -> Self {
        let readings = clocks.iter().map(ThreadClock::read).collect();
        for ((worker, clock), busy) in workers.iter().zip(clocks).zip(busy) {
            if *busy >= WORTH_ASKING {
                clock.ask(worker);
            }
        }
        let traffic = |peer: &Peer| {
            let (frames, bytes) = peer.received();
            let (_, queued) = peer.queued();
            Traffic {
                received: frames + bytes / BYTES_PER_FRAME,
                sent: queued.frames + queued.bytes / BYTES_PER_FRAME,
            }
        };
        Self {
            at: Instant::now(),
            machine: Machine::now(),
            clocks: readings,
            traffic: peers.iter().map(|peer| (peer.id, traffic(peer))).collect(),
        }
    }

    /// Cores of the machine that were idle since `then`, or did what can wait; many if the system
    /// does not tell.
    pub(super) fn idle_cores(&self, then: &Self) -> f64 {
        match (&self.machine, &then.machine) {
            (Some(now), Some(then)) => now.idle_cores(then),
            _ => f64::INFINITY,
        }
    }

    /// The share of a core that each worker had since `then`; what it says itself where its thread
    /// has not been asked.
    pub(super) fn busy(&self, then: &Self, said: &[f64]) -> Vec<f64> {
        let readings = self.clocks.iter().zip(&then.clocks);
        let shares = readings.zip(said).map(|(readings, said)| match readings {
            (Some((at, used)), Some((earlier, before))) if at > earlier => {
                share(used.saturating_sub(*before), at.duration_since(*earlier))
            }
            _ => *said,
        });
        shares.collect()
    }

    /// What a client has sent since `then`.
    pub(super) fn received(&self, then: &Self, peer: &Peer) -> u64 {
        let of = |detail: &Self| detail.traffic.get(&peer.id).copied().unwrap_or_default();
        of(self).received.saturating_sub(of(then).received)
    }

    /// What all clients together have sent and were sent since `then`, per second.
    pub(super) fn rate(&self, then: &Self) -> f64 {
        let total = |(id, now): (&u64, &Traffic)| {
            let then = then.traffic.get(id).copied().unwrap_or_default();
            now.received.saturating_sub(then.received) + now.sent.saturating_sub(then.sent)
        };
        let total: u64 = self.traffic.iter().map(total).sum();
        let seconds = self.at.duration_since(then.at).as_secs_f64();
        total as f64 / seconds.max(f64::MIN_POSITIVE)
    }
}

fn share(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// The time that all cores of the machine have spent, in ticks of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    cores: u64,
    idle: u64,
    total: u64,
}

impl Machine {
    fn now() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// Reads what proc_stat(5) describes: a line for all cores, then one for each.
    pub(super) fn parse(stat: &str) -> Option<Self> {
        let mut lines = stat.lines();
        let all = lines.next()?.strip_prefix("cpu ")?;
        let cores = lines.take_while(|line| line.starts_with("cpu")).count();
        // user, nice, system, idle, iowait, irq, softirq, steal; what follows is part of `user`.
        let times = all.split_whitespace().take(8);
        let times: Vec<u64> = times.map(|time| time.parse().ok()).collect::<Option<_>>()?;
        Some(Self {
            cores: u64::try_from(cores).ok()?,
            // What runs with a low priority gives way.
            idle: times.get(1)? + times.get(3)? + times.get(4)?,
            total: times.iter().sum(),
        })
    }

    /// How many cores were idle since `then`.
    pub(super) fn idle_cores(&self, then: &Self) -> f64 {
        let idle = self.idle.saturating_sub(then.idle) as f64;
        let total = self.total.saturating_sub(then.total).max(1) as f64;
        idle / total * self.cores as f64
    }
}
