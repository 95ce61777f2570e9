//! Everything that exists in one run, and what may happen to it: the steps.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;

use super::Step;
use super::connection::{Connection, Phase};
use super::ledger::{Id, Ledger, Target};
use super::plan::{Plan, TIMEOUT};
use crate::QoS;
use crate::broker::admission::Admission;
use crate::broker::config::Overflow;
use crate::broker::internal::origin;
use crate::broker::listener::{self, Listener};
use crate::broker::origin::{Kind, Origin};
use crate::broker::peer::Peer;
use crate::broker::sources::{SourceLimits, Sources};
use crate::broker::{Broker, BrokerOptions};
use crate::limits::{DEFAULT_MAX_HANDSHAKES, LINGER};
use crate::transport::simulated::{Chance, Far, stream};
use crate::transport::socket::Socket;

/// The topics that are published to, and the filters that clients have.
const TOPICS: [&str; 3] = ["a/1", "a/2", "b"];
const FILTERS: [&str; 4] = ["a/1", "a/+", "#", "b"];

/// Masks of broadcasts.
const MASKS: [&str; 3] = ["*", "group0.*", "group1.?"];

/// Times that may pass at once, in milliseconds. The longer ones are those after which the broker
/// gives up those who do nothing.
const PAUSES_MS: [u64; 7] = [1, 1, 4, 20, 20, 700, 1500];

/// See the top of this file.
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) plan: Plan,
    pub(super) broker: Broker,
    /// `None` when the broker has stopped.
    pub(super) listener: Option<Arc<Listener>>,
    pub(super) admission: Admission,
    pub(super) sources: Arc<Sources>,
    pub(super) connections: Vec<Connection>,
    pub(super) ledger: Ledger,
    pub(super) step: Step,
    /// Every client that the broker has ever known, by its number.
    pub(super) peers: BTreeMap<u64, Weak<Peer>>,
    /// How much clients have received, and when.
    pub(super) fingerprint: DefaultHasher,
}

impl World {
    pub(super) async fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let plan = Plan::draw(&mut chance);
        let broker = Broker::with_options(BrokerOptions::new());
        if plan.has_core {
            broker.init_default_core_rpc().await.expect("the first one");
        }
        let listener = Listener::new(plan.config(), "simulation", broker.tether.clone());
        Self {
            ledger: Ledger::new(plan.overflow),
            chance,
            plan,
            broker,
            listener: Some(listener),
            admission: Admission::new(DEFAULT_MAX_HANDSHAKES, "do not register"),
            sources: Sources::new(SourceLimits::default()),
            connections: Vec::new(),
            step: 0,
            peers: BTreeMap::new(),
            fingerprint: DefaultHasher::new(),
        }
    }

    /// Lets things happen, as long as the plan says.
    pub(super) async fn live(&mut self) {
        for _ in 0..self.plan.names.len() {
            self.open();
        }
        for _ in 0..self.plan.steps {
            self.step += 1;
            self.act();
            for _ in 0..self.chance.below(4) {
                yield_now().await;
            }
            if self.chance.percent(self.plan.haste) {
                let pause = *self.chance.pick(&PAUSES_MS);
                self.wait(Duration::from_millis(pause)).await;
            }
            self.inspect();
        }
    }

    /// Lets time pass. No reactor is late by so much.
    pub(super) async fn wait(&self, pause: Duration) {
        self.connections
            .iter()
            .for_each(|connection| connection.far.tell());
        log::trace!("step {}: {pause:?} pass", self.step);
        tokio::time::sleep(pause).await;
    }

    /// Does one thing.
    fn act(&mut self) {
        let what = self.chance.below(100);
        if what < 5 {
            return self.open();
        }
        let step = self.step;
        let awake = self.connections.iter().filter(|connection| {
            connection.phase != Phase::Over && connection.stalled_until <= step
        });
        let awake: Vec<Id> = awake.map(|connection| connection.id).collect();
        if awake.is_empty() {
            return;
        }
        let id = *self.chance.pick(&awake);
        match what {
            5..33 => {
                let most = *self.chance.pick(&[1, 10, 300, usize::MAX]);
                self.connections[id].write(most);
            }
            33..62 => {
                let most = *self.chance.pick(&[1, 10, 300, usize::MAX]);
                self.read(id, most);
            }
            62..80 => self.queue_frames(id),
            80..84 => self.queue_subscription(id),
            84..92 => self.connections[id].far.tell(),
            92..94 => self.leave(id),
            94..96 => self.connections[id].stalled_until = step + self.chance.below(100),
            96..98 => self.move_session(id),
            98 => {
                let listener = self.listener.iter();
                listener.for_each(|it| listener::look_after(&self.broker.hub, it));
            }
            _ => self.disconnect(id),
        }
    }

    /// A client connects.
    fn open(&mut self) {
        let (Some(place), Some(listener)) = (self.admission.try_enter(), &self.listener) else {
            return;
        };
        let behaviour = self.plan.behaviour(&mut self.chance);
        let (near, far) = stream(behaviour, self.chance.fork());
        let origin = Origin {
            port: Some(listener.port.clone()),
            ..origin(Kind::LocalIpc)
        };
        let socket = Socket::Simulated(near);
        let visit = self
            .sources
            .admit(&origin.identity, std::time::Instant::now());
        let visit = visit.unwrap_or_else(|excess| panic!("{excess}"));
        listener::admit(&self.broker.hub, listener, socket, origin, (place, visit));
        let name = self.chance.pick(&self.plan.names);
        let id = self.connections.len();
        log::trace!("step {}: connection {id} of {name:?} opens", self.step);
        self.connections
            .push(Connection::new(id, name, far, self.step));
    }

    /// Reads at most so many bytes. False if there were none.
    pub(super) fn read(&mut self, id: Id, most: usize) -> bool {
        let connection = &mut self.connections[id];
        let was_registered = connection.registered_at.is_some();
        let received = connection.far.receive(most);
        (self.step, id, received.bytes.len()).hash(&mut self.fingerprint);
        connection.read(&received.bytes, self.step, &mut self.ledger);
        if !was_registered && connection.registered_at.is_some() {
            self.supersede(id);
        }
        if received.is_last {
            self.note_end(id);
        }
        !received.bytes.is_empty()
    }

    /// This connection has the name now, so none has that was registered before this one was opened.
    fn supersede(&mut self, id: Id) {
        let (name, opened_at) = (
            self.connections[id].name.clone(),
            self.connections[id].opened_at,
        );
        for other in &mut self.connections {
            let is_former =
                other.name == name && other.registered_at.is_some_and(|at| at < opened_at);
            if is_former && other.superseded_at.is_none() {
                other.superseded_at = Some(self.step);
            }
        }
    }

    /// The stream has ended. That needs a reason.
    fn note_end(&mut self, id: Id) {
        let is_named_twice = self
            .connections
            .iter()
            .any(|other| other.id != id && other.name == self.connections[id].name);
        let connection = &mut self.connections[id];
        let idle = connection.idle_at.elapsed();
        let (was_reset, is_finishing) = (
            connection.far.was_reset(),
            connection.phase == Phase::Finishing,
        );
        // Who is refused has less time to hear it.
        let limit = match connection.phase {
            Phase::Opening => LINGER,
            _ => TIMEOUT,
        };
        let is_slow = idle >= limit || self.plan.overflow == Overflow::Disconnect;
        if connection.phase == Phase::Over {
            return;
        }
        log::trace!("step {}: connection {id} sees its end", self.step);
        assert!(
            connection.is_condemned || was_reset || is_finishing || is_slow,
            "connection {id} was ended for no reason"
        );
        assert!(
            !connection.is_refused() || is_named_twice,
            "connection {id} was refused, and the name is not taken"
        );
        // A client that has finished in good order, and is not slow, is heard to the end.
        connection.has_sent_all &= is_finishing
            && connection.is_sent()
            && !was_reset
            && !connection.is_condemned
            && !(is_slow || idle >= TIMEOUT / 2);
        connection.has_got_all = false;
        connection.phase = Phase::Over;
    }

    /// Frames to one receiver or many, often several of a kind.
    fn queue_frames(&mut self, id: Id) {
        if !self.connections[id].is_registered() {
            return;
        }
        let chance = &mut self.chance;
        let target = match chance.below(10) {
            0 => Target::Mask((*chance.pick(&MASKS)).to_owned()),
            1..4 => Target::Topic((*chance.pick(&TOPICS)).to_owned()),
            // Mostly the same one: what is remembered of it has to be right.
            4..8 => Target::Name(self.plan.names[(id + 1) % self.plan.names.len()].clone()),
            _ => Target::Name(chance.pick(&self.plan.names).clone()),
        };
        let qos = *chance.pick(&[
            QoS::No,
            QoS::No,
            QoS::Processed,
            QoS::Realtime,
            QoS::RealtimeProcessed,
        ]);
        let count = *chance.pick(&[1, 1, 3, 20]);
        for _ in 0..count {
            let largest = self.plan.largest_payload;
            let filling = match self.chance.percent(20) {
                true => self.chance.below(largest),
                false => self.chance.below(40),
            };
            let all = self.connections.iter();
            let due = all
                .filter(|other| other.is_due(&target))
                .map(|other| other.id);
            let sent = (id, self.step);
            let due = due.collect();
            let (number, payload) = self.ledger.send(sent, target.clone(), due, filling);
            self.connections[id].queue_frame(&target, number, &payload, qos);
        }
    }

    fn queue_subscription(&mut self, id: Id) {
        let filter = *self.chance.pick(&FILTERS);
        let starts = self.chance.percent(70);
        if self.connections[id].is_registered() {
            self.connections[id].queue_subscription(filter, starts);
        }
    }

    /// A client goes, in one way or another.
    pub(super) fn leave(&mut self, id: Id) {
        log::trace!("step {}: connection {id} goes", self.step);
        let connection = &mut self.connections[id];
        connection.has_got_all = false;
        match self.chance.below(3) {
            0 => {
                connection.has_sent_all &= connection.is_sent();
                connection.far.finish();
                connection.phase = Phase::Finishing;
            }
            1 => {
                connection.has_sent_all = false;
                connection.far.reset();
                connection.phase = Phase::Over;
            }
            _ => {
                connection.has_sent_all = false;
                connection.far.close();
                connection.phase = Phase::Over;
            }
        }
    }

    /// A session goes on in another task, as it does when it moves to another worker.
    fn move_session(&mut self, id: Id) {
        let worker = self.chance.below(3);
        if let Some(peer) = self.broker.hub.find(&self.connections[id].name) {
            peer.tell_to_move(worker);
        }
    }

    /// An operator disconnects whoever has the name.
    fn disconnect(&mut self, id: Id) {
        let name = self.connections[id].name.clone();
        if self.broker.hub.force_disconnect(&name).is_ok() {
            let namesakes = self
                .connections
                .iter_mut()
                .filter(|other| other.name == name);
            namesakes.for_each(|other| {
                other.is_condemned = true;
                (other.has_sent_all, other.has_got_all) = (false, false);
            });
        }
    }

    pub(super) fn now() -> Instant {
        Instant::now()
    }

    pub(super) fn fars(&self) -> impl Iterator<Item = &Far> {
        self.connections.iter().map(|connection| &connection.far)
    }
}
