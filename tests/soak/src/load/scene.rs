//! What all workers need.

use std::sync::Arc;
use std::time::Duration;

use elbus::ipc::{Client, Config};
use elbus::{Error, ErrorKind, OpConfirm, QoS};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Done;
use crate::broker::Broker;
use crate::control::TIMEOUT;
use crate::faults::Faults;

/// How long a name may stay taken after its client has gone.
const NAME_PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct Scene {
    pub socket: String,
    pub port: u16,
    pub faults: Faults,
    pub done: Arc<Done>,
    over: watch::Receiver<bool>,
}

pub fn name(kind: &str, number: usize) -> String {
    format!("soak.{kind}.{number}")
}

impl Scene {
    pub fn new(broker: &Broker, faults: &Faults, over: watch::Receiver<bool>) -> Self {
        Self {
            socket: broker.socket().to_owned(),
            port: broker.port(),
            faults: faults.clone(),
            done: Arc::default(),
            over,
        }
    }

    pub fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Sleeps for a random time, but not beyond the end of the round.
    pub async fn pause(&self, longest: Duration) {
        let mut over = self.over.clone();
        let time = longest.mul_f64(fastrand::f64());
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            _ = over.wait_for(|over| *over) => {}
        }
    }

    /// One address of the broker or the other.
    pub fn any_address(&self) -> String {
        match fastrand::bool() {
            true => self.socket.clone(),
            false => format!("127.0.0.1:{}", self.port),
        }
    }

    /// A client of this name, as soon as that is free.
    pub async fn client(&self, name: &str) -> Result<Client, Error> {
        client(&self.any_address(), name).await
    }

    /// Runs a worker; its failure is a fault.
    pub fn spawn<F>(&self, name: String, work: F) -> tokio::task::JoinHandle<()>
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let faults = self.faults.clone();
        tokio::spawn(async move {
            if let Err(e) = work.await {
                faults.add(format!("{name}: {e:#}"));
            }
        })
    }
}

/// A client of this name, as soon as that is free.
pub async fn client(address: &str, name: &str) -> Result<Client, Error> {
    let config = Config::new(address, name).timeout(TIMEOUT);
    let end = Instant::now() + NAME_PATIENCE;
    loop {
        match Client::connect(&config).await {
            Err(e) if e.kind() == ErrorKind::Busy && Instant::now() < end => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => return other,
        }
    }
}

/// Waits for the answer, if one was asked for.
pub async fn confirmed(operation: Result<OpConfirm, Error>) -> Result<(), Error> {
    match operation? {
        Some(confirmation) => confirmation.await.map_err(|_| Error::eof())?,
        None => Ok(()),
    }
}

pub fn any_qos() -> QoS {
    let all = [
        QoS::No,
        QoS::Processed,
        QoS::Realtime,
        QoS::RealtimeProcessed,
    ];
    all[fastrand::usize(..all.len())]
}
