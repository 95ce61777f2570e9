//! What the tasks of a bridge have in common: the engine, the client on the bus, calls.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};

use super::calls::Calls;
use super::config::{Config, Identity};
use super::counters::Counters;
use super::outward::{Outward, Refusal};
use super::presence::INFO_TOPIC;
use super::presence::Registrations;
use super::rules::Rules;
use super::spool::Now;
use super::status::Connection;
use super::upstream::Message;
use crate::Error;

/// See the top of this file.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) identity: Identity,
    pub(super) rules: Arc<Rules>,
    pub(super) counters: Arc<Counters>,
    /// Held for moments; the bus and the engine meet here.
    pub(super) outward: Mutex<Outward>,
    pub(super) connection: Mutex<Connection>,
    pub(super) registrations: Mutex<Registrations>,
    pub(super) calls: Calls,
    /// Requests and responses for the engine to send; they are of no use later.
    pub(super) to_send: mpsc::Sender<Message>,
    /// Up to which number messages are safe.
    pub(super) settled: watch::Sender<u64>,
    /// The engine has something to do.
    pub(super) wake: Arc<Notify>,
}

impl Shared {
    /// What the bridge subscribes to on the bus.
    pub(super) fn bus_filters(&self) -> Vec<String> {
        let mut filters: Vec<String> = self
            .rules
            .bus_filters()
            .into_iter()
            .map(str::to_owned)
            .collect();
        if self.registrations_prefix().is_some() {
            filters.push(INFO_TOPIC.to_owned());
        }
        filters
    }

    /// Below which topic the clients of the bus are told; `None`: nowhere.
    pub(super) fn registrations_prefix(&self) -> Option<&str> {
        self.config.presence.as_ref()?.registrations.as_deref()
    }

    /// How long a call of a client of the bus may take.
    pub(super) fn call_timeout(&self) -> Duration {
        let rpc = self.config.rpc.as_ref();
        rpc.map_or(self.config.bus.timeout, |rpc| rpc.timeout)
    }

    /// A publication of the bus.
    pub(super) fn publication(&self, topic: &str, payload: &[u8]) {
        if self.outward.lock().publication(topic, payload, Now::read()) {
            self.wake.notify_one();
        }
    }

    /// A message of which the sender wants to know that it is safe, see [`settled`](Self::settled).
    pub(super) fn confirmed(&self, topic: &str, payload: &[u8]) -> Result<u64, Refusal> {
        let mut outward = self.outward.lock();
        let seq = outward.confirmed(topic, payload, Now::read())?;
        outward.is_urgent = true;
        self.wake.notify_one();
        Ok(seq)
    }

    /// Waits until this message is as safe as it can be.
    ///
    /// # Errors
    ///
    /// `Eof` if the bridge ends before that.
    pub(super) async fn settled(&self, seq: u64) -> Result<(), Error> {
        let mut settled = self.settled.subscribe();
        match settled.wait_for(|settled| *settled >= seq).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::eof()),
        }
    }
}
