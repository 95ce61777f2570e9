//! Which runtime serves which connection.
//!
//! All are on the first worker as long as that can cope. While there are clients, their listener
//! calls [`Crew::balance`] now and then: `measure` looks at the loads, `plan` decides, and the
//! sessions concerned are told where to go on, which they do as soon as they can (`transfer`).

mod measure;
mod plan;
#[cfg(test)]
mod tests;
mod transfer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::config::WakeWorker;
use super::peer::Peer;
use measure::{Busy, Detail, ThreadClock};
use plan::{HOT, Load, Look, Move, Planner};
pub(super) use transfer::lead;

/// Time between two looks while something may have to be done.
const SOON: Duration = Duration::from_millis(100);

/// A worker that says that it is busy for that share of the time is watched more closely.
const WATCHED: f64 = 0.5;

/// So many alerts between two looks are a flood: it is one for every few MiB.
const FLOODS: usize = 4;

/// Two listeners that ask for a look at nearly the same time get one.
const SHORTEST_LOOK: Duration = Duration::from_millis(75);

/// Which worker a session is on, and which one it should be on, by number.
#[derive(Debug, Default)]
pub(super) struct Placement {
    at: AtomicUsize,
    wanted: AtomicUsize,
}

impl Placement {
    /// A connection starts here.
    pub(super) fn start(&self, worker: usize) {
        self.at.store(worker, Relaxed);
        self.wanted.store(worker, Relaxed);
    }

    fn is_at(&self, worker: usize) -> bool {
        self.at.load(Relaxed) == worker
    }

    /// The session has come here.
    fn arrive(&self, worker: usize) {
        self.at.store(worker, Relaxed);
    }

    pub(super) fn want(&self, worker: usize) {
        self.wanted.store(worker, Relaxed);
    }

    fn wanted(&self) -> usize {
        self.wanted.load(Relaxed)
    }

    #[inline]
    pub(super) fn is_elsewhere(&self) -> bool {
        self.at.load(Relaxed) != self.wanted()
    }
}

/// The workers of a broker.
#[derive(Debug)]
pub(super) struct Crew {
    workers: Vec<Handle>,
    wake: WakeWorker,
    /// Where new connections start.
    entrance: AtomicUsize,
    balancer: Mutex<Balancer>,
    /// The balancer looks anyway, or will.
    alert: AtomicBool,
    alerted: Notify,
    /// How often somebody had more to read than could be read.
    floods: AtomicUsize,
}

impl Crew {
    pub(super) fn new(workers: Vec<Handle>, wake: WakeWorker) -> Self {
        Self {
            balancer: Mutex::new(Balancer::new(workers.len())),
            entrance: AtomicUsize::new(0),
            alert: AtomicBool::new(workers.len() < 2),
            alerted: Notify::new(),
            floods: AtomicUsize::new(0),
            workers,
            wake,
        }
    }

    /// The number of the worker for a new connection.
    pub(super) fn entrance(&self) -> usize {
        self.entrance.load(Relaxed)
    }

    /// Runs a task on a worker; without workers on the present runtime.
    pub(super) fn spawn(&self, worker: usize, task: impl Future<Output = ()> + Send + 'static) {
        let Some(handle) = self.workers.get(worker) else {
            tokio::spawn(task);
            return;
        };
        handle.spawn(task);
        // What fails now is tried again with the next look.
        self.wake(worker);
    }

    /// Sees to it that a worker has a thread. False if it cannot have one.
    fn wake(&self, worker: usize) -> bool {
        let woken = (self.wake.0)(worker);
        if let Err(e) = &woken {
            log::error!("no thread for worker {worker}: {e}");
        }
        woken.is_ok()
    }

    /// Nobody looks for a while, for want of clients: the next ones start on the first worker.
    pub(super) fn rest(&self) {
        self.entrance.store(0, Relaxed);
    }

    /// For a session that gets more than it can read for some time: somebody should look soon.
    pub(super) fn alert(&self) {
        self.floods.fetch_add(1, Relaxed);
        if !self.alert.load(Relaxed) && !self.alert.swap(true, Relaxed) {
            self.alerted.notify_one();
        }
    }

    /// Waits for an alert.
    pub(super) async fn alerted(&self) {
        self.alerted.notified().await;
    }

    /// Looks at the loads, and tells sessions to move where that helps. Returns when to look again,
    /// if that should be earlier than usual. `peers` gives the clients with sockets, if they matter.
    pub(super) fn balance(&self, peers: impl FnOnce() -> Vec<Arc<Peer>>) -> Option<Duration> {
        if self.workers.len() < 2 {
            return None;
        }
        // Else somebody else is just looking.
        let mut balancer = self.balancer.try_lock()?;
        let next = balancer.look(self, peers);
        self.alert.store(next.is_some(), Relaxed);
        next
    }
}

#[derive(Debug)]
struct Balancer {
    started: Instant,
    planner: Planner,
    busy: Option<Busy>,
    clocks: Vec<ThreadClock>,
    detail: Option<Detail>,
    /// What [`Crew::floods`] was.
    floods: usize,
    /// Some sessions are not on the first worker.
    is_spread: bool,
    /// When to look again.
    next: Option<Duration>,
}

impl Balancer {
    fn new(workers: usize) -> Self {
        Self {
            started: Instant::now(),
            planner: Planner::new(workers),
            busy: None,
            clocks: (0..workers).map(|_| ThreadClock::default()).collect(),
            detail: None,
            floods: 0,
            is_spread: false,
            next: None,
        }
    }

    fn look(&mut self, crew: &Crew, peers: impl FnOnce() -> Vec<Arc<Peer>>) -> Option<Duration> {
        if matches!(&self.busy, Some(busy) if busy.age() < SHORTEST_LOOK) {
            return self.next;
        }
        let now = Busy::now(&crew.workers);
        let then = self.busy.replace(now);
        let busy = match (&self.busy, &then) {
            (Some(now), Some(then)) => now.since(then),
            _ => vec![0.0; crew.workers.len()],
        };
        self.next = None;
        if self.is_spread || busy.iter().any(|busy| *busy >= WATCHED) {
            self.next = Some(SOON);
            self.look_closer(crew, &busy, &peers());
        } else if self.detail.take().is_some() {
            self.planner.forget();
        }
        self.next
    }

    fn look_closer(&mut self, crew: &Crew, said: &[f64], peers: &[Arc<Peer>]) {
        let now = Detail::now(&crew.workers, &self.clocks, said, peers);
        let then = self.detail.replace(now);
        let floods = crew.floods.load(Relaxed);
        let floods_before = std::mem::replace(&mut self.floods, floods);
        let (Some(now), Some(then)) = (&self.detail, &then) else {
            return;
        };
        let busy = now.busy(then, said);
        let mut sessions = vec![Vec::new(); busy.len()];
        for peer in peers {
            sessions[peer.placement.wanted()].push(peer);
        }
        let halves: Vec<Vec<&Arc<Peer>>> = sessions
            .iter()
            .map(|peers| {
                let received = peers.iter().map(|peer| now.received(then, peer));
                let half = plan::half(&received.collect::<Vec<_>>());
                half.into_iter().map(|i| peers[i]).collect()
            })
            .collect();
        let loads: Vec<Load> = (0..busy.len())
            .map(|i| Load {
                busy: busy[i],
                clients: sessions[i].len(),
                divisible: !halves[i].is_empty(),
            })
            .collect();
        let look = Look {
            at: self.started.elapsed(),
            loads: &loads,
            idle_cores: now.idle_cores(then),
            flooded: floods.wrapping_sub(floods_before) >= FLOODS,
            traffic: now.rate(then),
        };
        log::trace!("{look:?}");
        match self.planner.decide(&look) {
            Some(Move::Half { from, to }) => send(crew, &halves[from], from, to, &look),
            Some(Move::All { from, to }) => send(crew, &sessions[from], from, to, &look),
            None => {}
        }
        for (worker, sessions) in sessions.iter().enumerate() {
            if !sessions.is_empty() {
                crew.wake(worker);
            }
        }
        self.is_spread = peers.iter().any(|peer| peer.placement.wanted() != 0);
        let entrance = if self.is_spread && busy[0] >= HOT {
            let used = (0..busy.len()).filter(|i| !sessions[*i].is_empty());
            used.min_by(|a, b| busy[*a].total_cmp(&busy[*b]))
        } else {
            None
        };
        crew.entrance.store(entrance.unwrap_or(0), Relaxed);
    }
}

/// Tells sessions to move.
fn send(crew: &Crew, peers: &[&Arc<Peer>], from: usize, to: usize, look: &Look<'_>) {
    if peers.is_empty() || !crew.wake(to) {
        return;
    }
    let clients = |number: usize| look.loads[number].clients;
    log::debug!(
        "{} of {} clients of worker {from} (busy {:.0} %) move to worker {to} (busy {:.0} %); \
         {:.1} cores were idle, {:.0} frames/s carried",
        peers.len(),
        clients(from),
        look.loads[from].busy * 100.0,
        look.loads[to].busy * 100.0,
        look.idle_cores,
        look.traffic,
    );
    for peer in peers {
        peer.tell_to_move(to);
    }
}
