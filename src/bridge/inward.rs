//! From the upstream to the bus.
//!
//! A message of QoS 1 is acknowledged to the upstream when the bus has confirmed each copy of it, and
//! messages are acknowledged in the order in which they came, as MQTT demands. While the bus is away
//! nothing is: the upstream keeps what it has, within the bounds that it has for that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

use tokio::sync::oneshot::Receiver as Confirmation;
use tokio::sync::{Notify, mpsc, watch};

use super::bus::Link;
use super::counters::Counters;
use super::gate::{Gate, first_due};
use super::rules::Rules;
use super::upstream::Ack;
use crate::borrow::Cow;
use crate::{Error, ErrorKind, QoS};

/// Messages that wait for the bus, beyond those of QoS 1 that the upstream may have under way.
const WAITING: usize = 64;

/// Publications on the bus that wait for their confirmation.
const UNCONFIRMED: usize = 64;

/// One message of QoS 1: how many copies of it are still under way.
#[derive(Debug)]
struct Receipt {
    left: AtomicUsize,
    finished: Arc<Notify>,
}

impl Receipt {
    fn finish_one(&self) {
        if self.left.fetch_sub(1, SeqCst) == 1 {
            self.finished.notify_one();
        }
    }
}

/// A copy of a message for the bus.
#[derive(Debug)]
pub(super) struct Delivery {
    topic: String,
    payload: Arc<Vec<u8>>,
    /// None with QoS 0.
    receipt: Option<Arc<Receipt>>,
}

impl Delivery {
    fn bytes(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

/// What the engine does with messages for the bus.
#[derive(Debug)]
pub(super) struct Inward {
    rules: Arc<Rules>,
    counters: Arc<Counters>,
    gates: Vec<Gate<Delivery>>,
    /// Messages of QoS 1 in the order in which they came.
    unacknowledged: VecDeque<(Ack, Arc<Receipt>)>,
    /// Wakes when one of these is finished.
    finished: Arc<Notify>,
    deliveries: mpsc::Sender<Delivery>,
    passing: Vec<Delivery>,
}

impl Inward {
    /// `in_flight` is how many messages of QoS 1 the upstream may have under way. The second half takes
    /// what passes to the bus.
    pub(super) fn new(
        rules: Arc<Rules>,
        counters: Arc<Counters>,
        in_flight: usize,
        finished: Arc<Notify>,
    ) -> (Self, mpsc::Receiver<Delivery>) {
        // Each of them may have one copy for each rule.
        let copies = in_flight.saturating_mul(rules.iter().count().max(1));
        let (deliveries, receiver) = mpsc::channel(copies.saturating_add(WAITING));
        let inward = Self {
            gates: rules.iter().map(Gate::new).collect(),
            rules,
            counters,
            unacknowledged: VecDeque::new(),
            finished,
            deliveries,
            passing: Vec::new(),
        };
        (inward, receiver)
    }

    /// Takes a message, whose topic has no mark any more, and which is not this bus's own.
    pub(super) fn message(
        &mut self,
        topic: &str,
        payload: Vec<u8>,
        retained: bool,
        ack: Option<Ack>,
        now: Instant,
    ) {
        let rules = Arc::clone(&self.rules);
        let routes = rules.inward(topic, payload.len(), retained);
        let counters = &self.counters.inward;
        counters.dropped_size.add(routes.refused.size);
        counters.dropped_topic.add(routes.refused.topic);
        counters.dropped_retained.add(routes.refused.retained);
        let payload = Arc::new(payload);
        let receipt = ack.map(|ack| (ack, self.receipt()));
        for route in routes.copies {
            let Some(gate) = self.gates.get_mut(route.rule) else {
                continue;
            };
            if !gate.has_rate(now) {
                counters.dropped_rate.one();
                continue;
            }
            let may_be_replaced = rules
                .rule(route.rule)
                .is_some_and(|rule| rule.conflate.is_some());
            // What may be replaced by something newer is not waited for.
            let receipt = receipt
                .as_ref()
                .filter(|_| !may_be_replaced)
                .map(|(_, receipt)| {
                    receipt.left.fetch_add(1, SeqCst);
                    Arc::clone(receipt)
                });
            let delivery = Delivery {
                topic: route.topic.clone(),
                payload: Arc::clone(&payload),
                receipt,
            };
            let size = (route.topic.as_str(), delivery.bytes());
            gate.pass(size, delivery, now, &counters.conflated, &mut self.passing);
        }
        self.hand_over();
        if let Some((ack, receipt)) = receipt {
            self.unacknowledged.push_back((ack, Arc::clone(&receipt)));
            receipt.finish_one();
        }
    }

    /// A message that is dealt with, but must not be acknowledged before those that came earlier.
    pub(super) fn dealt_with(&mut self, ack: Option<Ack>) {
        if let Some(ack) = ack {
            let receipt = self.receipt();
            self.unacknowledged.push_back((ack, Arc::clone(&receipt)));
            receipt.finish_one();
        }
    }

    fn receipt(&self) -> Arc<Receipt> {
        Arc::new(Receipt {
            // The one who makes it has its own share, so that it is not finished too early.
            left: AtomicUsize::new(1),
            finished: Arc::clone(&self.finished),
        })
    }

    /// The next message to acknowledge to the upstream.
    pub(super) fn next_ack(&mut self) -> Option<Ack> {
        let (_, first) = self.unacknowledged.front()?;
        if first.left.load(SeqCst) > 0 {
            return None;
        }
        self.unacknowledged.pop_front().map(|(ack, _)| ack)
    }

    /// The upstream is gone. It sends again what was not acknowledged.
    pub(super) fn disconnected(&mut self) {
        self.unacknowledged.clear();
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        first_due(&self.gates)
    }

    /// Lets pass what has waited long enough for something newer.
    pub(super) fn due(&mut self, now: Instant) {
        for gate in &mut self.gates {
            gate.due(now, &mut self.passing);
        }
        self.hand_over();
    }

    fn hand_over(&mut self) {
        for delivery in self.passing.drain(..) {
            let Err(unsent) = self.deliveries.try_send(delivery) else {
                continue;
            };
            self.counters.inward.dropped_full.one();
            // There is room for all that the upstream may have under way; if it sends more, it is the
            // one who is wrong.
            if let Some(receipt) = unsent.into_inner().receipt {
                receipt.finish_one();
            }
        }
    }
}

/// Publishes on the bus, in order, whatever becomes of the connection to it.
pub(super) struct Importer {
    pub(super) deliveries: mpsc::Receiver<Delivery>,
    pub(super) links: watch::Receiver<Option<Arc<Link>>>,
    pub(super) counters: Arc<Counters>,
    unconfirmed: VecDeque<(Delivery, Confirmation<Result<(), Error>>)>,
}

impl Importer {
    pub(super) fn new(
        deliveries: mpsc::Receiver<Delivery>,
        links: watch::Receiver<Option<Arc<Link>>>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            deliveries,
            links,
            counters,
            unconfirmed: VecDeque::new(),
        }
    }

    /// Ends with the engine.
    pub(super) async fn run(mut self) {
        loop {
            let has_room = self.unconfirmed.len() < UNCONFIRMED;
            let front = self.unconfirmed.front_mut().map(|(_, answer)| answer);
            tokio::select! {
                delivery = self.deliveries.recv(), if has_room => {
                    let Some(delivery) = delivery else { return };
                    if !self.publish(delivery).await {
                        return;
                    }
                }
                answer = answer(front) => {
                    if !self.answered(answer).await {
                        return;
                    }
                }
            }
        }
    }

    /// The first of those that wait was answered. False if the bridge ends.
    async fn answered(&mut self, answer: Result<(), Error>) -> bool {
        match answer {
            Err(error) if is_lost(&error) => return self.publish_again().await,
            Err(error) => {
                self.counters.inward.refused.one();
                if let Some((delivery, _)) = self.unconfirmed.front() {
                    log::debug!("the bus refuses {:?}: {error}", delivery.topic);
                }
            }
            Ok(()) => self.counters.inward.delivered.one(),
        }
        let first = self.unconfirmed.pop_front();
        if let Some(receipt) = first.and_then(|(delivery, _)| delivery.receipt) {
            receipt.finish_one();
        }
        true
    }

    /// Whether the bus has got what waits is not known: all of it goes out again, in order.
    async fn publish_again(&mut self) -> bool {
        for (delivery, _) in std::mem::take(&mut self.unconfirmed) {
            if !self.publish(delivery).await {
                return false;
            }
        }
        true
    }

    /// Publishes, and waits for the bus to be there for that. False if the bridge ends.
    async fn publish(&mut self, delivery: Delivery) -> bool {
        let qos = match delivery.receipt {
            Some(_) => QoS::Processed,
            None => QoS::No,
        };
        loop {
            let link = match &*self.links.borrow_and_update() {
                Some(link) => Some(Arc::clone(link)),
                // It is worth something only now.
                None if delivery.receipt.is_none() => {
                    self.counters.inward.dropped_full.one();
                    return true;
                }
                None => None,
            };
            if let Some(link) = link {
                let payload = Cow::Referenced(Arc::clone(&delivery.payload));
                let mut importer = link.importer().await;
                let sent = importer.publish(&delivery.topic, payload, qos).await;
                drop(importer);
                match sent {
                    Ok(None) => {
                        self.counters.inward.delivered.one();
                        return true;
                    }
                    Ok(Some(confirmation)) => {
                        self.unconfirmed.push_back((delivery, confirmation));
                        return true;
                    }
                    Err(error) if !is_lost(&error) => {
                        self.counters.inward.refused.one();
                        log::debug!("the bus refuses {:?}: {error}", delivery.topic);
                        if let Some(receipt) = &delivery.receipt {
                            receipt.finish_one();
                        }
                        return true;
                    }
                    Err(_) => {}
                }
            }
            if self.links.changed().await.is_err() {
                return false;
            }
        }
    }
}

async fn answer(confirmation: Option<&mut Confirmation<Result<(), Error>>>) -> Result<(), Error> {
    match confirmation {
        // Whoever drops the other end has lost the connection.
        Some(confirmation) => confirmation.await.unwrap_or_else(|_| Err(Error::eof())),
        None => std::future::pending().await,
    }
}

/// It is not known whether the bus has got it.
fn is_lost(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Eof | ErrorKind::Io | ErrorKind::Timeout
    )
}
