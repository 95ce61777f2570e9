//! Everything that is done to the broker, at once.

mod calls;
mod churn;
mod ears;
mod floods;
mod raw;
mod reloads;
mod scene;
mod streams;
pub mod victims;

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Result;
use elbus::rpc::RpcClient;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::broker::Broker;
use crate::control::CONTROL;
use crate::faults::Faults;
use ears::Ear;
use scene::Scene;

/// How many of each kind.
#[derive(Debug)]
pub struct Plan {
    pub pairs: usize,
    pub publishers: usize,
    pub subscribers: usize,
    pub criers: usize,
    pub listeners: usize,
    pub servers: usize,
    pub callers: usize,
    pub churners: usize,
    pub dawdlers: usize,
    pub victims_each: usize,
}

/// Processes that are killed.
const VICTIMS: usize = 2;

impl Plan {
    /// About so many clients in all.
    pub fn new(clients: usize) -> Self {
        let part = |of: usize| clients.div_ceil(of);
        Self {
            pairs: part(8),
            publishers: part(16),
            subscribers: part(8),
            criers: part(32),
            listeners: part(16),
            servers: part(16),
            callers: part(8),
            churners: part(8),
            dawdlers: part(16),
            victims_each: part(16),
        }
    }

    /// All names that occur.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![CONTROL.to_owned(), floods::NAME.to_owned()];
        let mut add = |kind: &str, count: usize| {
            names.extend((0..count).map(|number| scene::name(kind, number)));
        };
        add(streams::SENDER, self.pairs);
        add(streams::RECEIVER, self.pairs);
        add(streams::PUBLISHER, self.publishers);
        add(streams::SUBSCRIBER, self.subscribers);
        add(streams::CRIER, self.criers);
        add(streams::LISTENER, self.listeners);
        add(calls::SERVER, self.servers);
        add(calls::CALLER, self.callers);
        add(churn::CHURNER, self.churners);
        add(floods::DAWDLER, self.dawdlers);
        for process in 0..VICTIMS {
            add(&victims::group(process), self.victims_each);
        }
        names
    }
}

/// What was done in a round.
#[derive(Debug, Default)]
pub struct Done {
    pub frames: AtomicU64,
    pub calls: AtomicU64,
    pub sessions: AtomicU64,
    pub kills: AtomicU64,
    pub dawdlers_cut: AtomicU64,
    pub reloads: AtomicU64,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} frames verified, {} calls, {} sessions of clients that come and go, {} processes \
             killed, {} slow readers cut off, {} reloads",
            self.frames.load(Relaxed),
            self.calls.load(Relaxed),
            self.sessions.load(Relaxed),
            self.kills.load(Relaxed),
            self.dawdlers_cut.load(Relaxed),
            self.reloads.load(Relaxed)
        )
    }
}

/// A round that is going on.
pub struct Load {
    scene: Scene,
    over: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    ears: Vec<Ear>,
    servers: Vec<RpcClient>,
}

impl Load {
    /// First those who receive, then those who send.
    pub async fn start(plan: &Plan, broker: &Broker, faults: &Faults) -> Result<Self> {
        let (over, is_over) = watch::channel(false);
        let scene = Scene::new(broker, faults, is_over);
        let mut workers = Vec::new();
        let ears = streams::start(plan, &scene, &mut workers).await?;
        let servers = calls::start(plan, &scene, &mut workers).await?;
        churn::start(plan, &scene, &mut workers);
        floods::start(plan, &scene, &mut workers).await?;
        victims::start(plan, &scene, &mut workers);
        reloads::start(&scene, broker.reloading(), &mut workers);
        Ok(Self {
            scene,
            over,
            workers,
            ears,
            servers,
        })
    }

    /// Ends it; whoever receives first gets all that was sent.
    pub async fn stop(self) -> std::sync::Arc<Done> {
        self.over.send_replace(true);
        for worker in self.workers {
            if let Err(e) = worker.await {
                self.scene.faults.add(format!("{e}"));
            }
        }
        for ear in self.ears {
            ear.finish(&self.scene).await;
        }
        drop(self.servers);
        self.scene.done
    }
}
