//! The task that has the connection to the upstream: it sends what waits, acknowledges what has arrived,
//! and sees to it that what is stored becomes safe.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::bus::Link;
use super::calls::{ask, serve};
use super::inward::Inward;
use super::marks::ORIGIN_PROPERTY;
use super::outward::Outgoing;
use super::presence;
use super::shared::Shared;
use super::spool::{ACKNOWLEDGE_INTERVAL, FsyncOutcome, Now};
use super::upstream::{Connection, Dialer, Event, Extras, Message, Received, Unsent, Version};

/// How long the upstream may take to confirm the last messages when the bridge ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// See the top of this file.
pub(super) struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) links: watch::Receiver<Option<Arc<Link>>>,
    pub(super) inward: Inward,
    /// Messages of QoS 1 from the upstream were dealt with.
    pub(super) finished: Arc<Notify>,
    /// Requests and responses.
    pub(super) to_send: mpsc::Receiver<Message>,
    /// One of these that found no room.
    pub(super) held: Option<Message>,
    pub(super) sync: Sync,
}

/// When the store is made safe.
#[derive(Debug, Default)]
pub(super) struct Sync {
    /// Of the first message that waits for it, or of acknowledgements.
    due: Option<Instant>,
    /// What runs on another thread. There is one at a time: what comes meanwhile is together in the next.
    running: Option<JoinHandle<FsyncOutcome>>,
}

/// What the engine wakes up for.
enum Wake {
    Event(Event),
    Dialed(Box<(Dialer, Connection)>),
    ToSend(Message),
    Synced(Option<FsyncOutcome>),
    /// Something has changed elsewhere, or it is time for something.
    Look,
    Stop,
}

impl Engine {
    /// Works until `stop`.
    pub(super) async fn run(mut self, dialer: Dialer, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut dialing = Some(dial(dialer, &self.shared));
        let mut connection: Option<(Dialer, Connection)> = None;
        loop {
            self.look(connection.as_mut().map(|(_, connection)| connection));
            let wake = {
                let deadline = self.deadline();
                let has_room = self.held.is_none();
                tokio::select! {
                    biased;
                    () = &mut stop => Wake::Stop,
                    event = next_event(connection.as_mut()) => Wake::Event(event),
                    dialed = joined(dialing.as_mut()) => match dialed {
                        Some(dialed) => Wake::Dialed(Box::new(dialed)),
                        None => Wake::Stop,
                    },
                    Some(message) = self.to_send.recv(), if has_room => Wake::ToSend(message),
                    outcome = joined(self.sync.running.as_mut()) => Wake::Synced(outcome),
                    () = self.shared.wake.notified() => Wake::Look,
                    () = self.finished.notified() => Wake::Look,
                    () = sleep_until(deadline) => Wake::Look,
                }
            };
            match wake {
                Wake::Look => {}
                Wake::ToSend(message) => self.held = Some(message),
                Wake::Synced(outcome) => self.synced(outcome),
                Wake::Dialed(dialed) => {
                    dialing = None;
                    let (dialer, mut opened) = *dialed;
                    self.connected(&mut opened);
                    connection = Some((dialer, opened));
                }
                Wake::Event(event) => {
                    if let Some(error) = self.event(event) {
                        self.disconnected(error);
                        let last = connection.take();
                        dialing = last.map(|(dialer, _)| dial(dialer, &self.shared));
                    }
                }
                Wake::Stop => break,
            }
        }
        if let Some(dialing) = dialing {
            dialing.abort();
        }
        self.end(connection.map(|(_, connection)| connection)).await;
    }

    /// Does what can be done now.
    fn look(&mut self, connection: Option<&mut Connection>) {
        let now = Now::read();
        self.inward.due(now.instant);
        self.shared.outward.lock().due(now);
        match connection {
            Some(connection) => {
                while let Some(ack) = self.inward.next_ack() {
                    connection.acknowledge(ack);
                }
                self.send(connection, now);
            }
            // Nobody waits for these any more.
            None => self.held = None,
        }
        self.start_sync(now);
    }

    /// Sends as much as the upstream takes: what others wait for first.
    fn send(&mut self, connection: &mut Connection, now: Now) {
        while connection.has_room() {
            if let Some(message) = self.held.take().or_else(|| self.to_send.try_recv().ok()) {
                let message = self.marked(message, connection.version());
                if let Err(Unsent::TooLarge) = connection.publish(None, message) {
                    log::warn!("a request or response is too long for the upstream");
                }
                continue;
            }
            if let Some(message) = presence::next_registration(&self.shared) {
                // Too long a name is nothing that could be mended.
                let _ = connection.publish(None, message);
                continue;
            }
            let next = self.shared.outward.lock().next(now);
            let Some(next) = next else { return };
            self.send_outgoing(connection, next, now);
        }
    }

    fn send_outgoing(&mut self, connection: &mut Connection, outgoing: Outgoing, now: Now) {
        let version = connection.version();
        let topic = match version {
            Version::V5 => outgoing.topic,
            Version::V311 => self.shared.rules.marks().marked(&outgoing.topic),
        };
        let message = Message {
            topic,
            payload: outgoing.payload,
            confirmed: outgoing.seq.is_some(),
            retain: outgoing.retain,
            extras: Extras::default(),
        };
        let counters = &self.shared.counters.out;
        let message = self.marked(message, version);
        match connection.publish(outgoing.seq, message) {
            Ok(()) => counters.sent.one(),
            Err(Unsent::TooLarge) => {
                counters.dropped_size.one();
                self.done_with(outgoing.seq, now);
            }
            // It stays in the store, and is sent on the next connection.
            Err(Unsent::Closed) => {}
        }
    }

    /// With the mark of this bus, as MQTT 5 has it.
    fn marked(&self, mut message: Message, version: Version) -> Message {
        if version == Version::V5 {
            let bus_id = self.shared.rules.marks().bus_id().to_owned();
            message
                .extras
                .user
                .push((ORIGIN_PROPERTY.to_owned(), bus_id));
        }
        message
    }

    fn done_with(&mut self, seq: Option<u64>, now: Now) {
        if let Some(seq) = seq {
            self.shared.outward.lock().spool.acknowledge(seq);
            self.sync.by(now.instant + ACKNOWLEDGE_INTERVAL);
        }
    }

    /// Something has happened on the connection. Returns why it is over, if it is.
    fn event(&mut self, event: Event) -> Option<String> {
        match event {
            Event::Confirmed { tag, refusal } => {
                let counters = &self.shared.counters.out;
                match refusal {
                    None if tag.is_some() => counters.acked.one(),
                    None => {}
                    Some(reason) => {
                        counters.refused.one();
                        let error = format!("the upstream refuses a message: {reason}");
                        log::warn!("{error}");
                        self.shared.connection.lock().trouble(error);
                    }
                }
                self.done_with(tag, Now::read());
            }
            Event::Refused { filter, reason } => {
                let error =
                    format!("the upstream refuses the subscription to {filter:?}: {reason}");
                log::error!("{error}");
                self.shared.connection.lock().trouble(error);
            }
            Event::Received(received) => self.received(received),
            Event::Room => {}
            Event::Down(error) => return Some(error),
        }
        None
    }

    fn received(&mut self, received: Received) {
        let shared = &self.shared;
        let counters = &shared.counters;
        counters.inward.received.one();
        let ack = received.ack;
        if serve::is_request(shared, &received.topic) {
            serve::carry_out(shared, &self.links, received);
            return self.inward.dealt_with(ack);
        }
        if ask::is_response(shared, &received.topic) {
            ask::resolve(shared, received);
            return self.inward.dealt_with(ack);
        }
        if let Some(prefix) = shared.registrations_prefix()
            && let Some(name) = received.topic.strip_prefix(prefix)
            && received
                .extras
                .user(ORIGIN_PROPERTY)
                .is_none_or(|id| id == shared.rules.marks().bus_id())
        {
            if !received.payload.is_empty() {
                shared.registrations.lock().is_told(name);
            }
            return self.inward.dealt_with(ack);
        }
        let origins = received.extras.user.iter();
        let origins = origins.filter(|(key, _)| key == ORIGIN_PROPERTY);
        let marks = shared.rules.marks();
        let reading = marks.read(&received.topic, origins.map(|(_, value)| value));
        if reading.is_own {
            counters.loops.own_origin.one();
            return self.inward.dealt_with(ack);
        }
        let now = Instant::now();
        self.inward
            .message(reading.topic, received.payload, received.retained, ack, now);
    }

    fn connected(&mut self, connection: &mut Connection) {
        let shared = &self.shared;
        let (address, version) = (connection.address(), connection.version());
        let session = match connection.session_present() {
            true => "the session goes on",
            false => "a new session",
        };
        log::info!("upstream {address}: connected with MQTT {version}, {session}");
        shared.connection.lock().is_up(address.to_string(), version);
        shared.outward.lock().connected();
        shared.registrations.lock().tell_all();
        if let Some(topic) = &shared.identity.presence_topic {
            let message = self.marked(presence::told(topic, true), version);
            let _ = connection.publish(None, message);
        }
    }

    fn disconnected(&mut self, error: String) {
        log::warn!("upstream: the connection is lost: {error}");
        self.shared.counters.reconnects.one();
        self.shared.connection.lock().is_down(error);
        self.shared.outward.lock().disconnected();
        self.inward.disconnected();
    }

    /// When something has to be done although nothing happens.
    fn deadline(&self) -> Option<Instant> {
        let sync = self.sync.due.filter(|_| self.sync.running.is_none());
        let outward = self.shared.outward.lock().next_due();
        [sync, outward, self.inward.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Writes what waits to the store's disk, if it is time, and has it synced on another thread.
    fn start_sync(&mut self, now: Now) {
        let mut outward = self.shared.outward.lock();
        if outward.spool.unsynced(now) {
            self.sync.by(match outward.is_urgent {
                true => now.instant,
                false => now.instant + self.shared.config.store.sync,
            });
        }
        if self.sync.running.is_none() && self.sync.due.is_some_and(|due| due <= now.instant) {
            self.sync.due = None;
            outward.is_urgent = false;
            if let Some(fsync) = outward.spool.sync(now) {
                self.sync.running = Some(tokio::task::spawn_blocking(|| fsync.run()));
            }
        }
        let settled = outward.spool.settled();
        self.shared.settled.send_if_modified(|before| {
            let is_more = settled > *before;
            *before = settled.max(*before);
            is_more
        });
    }

    fn synced(&mut self, outcome: Option<FsyncOutcome>) {
        self.sync.running = None;
        if let Some(outcome) = outcome {
            let mut outward = self.shared.outward.lock();
            outward.spool.synced(outcome, Now::read());
        }
    }

    /// Says good-bye, and makes safe what is left.
    async fn end(mut self, connection: Option<Connection>) {
        let now = Now::read();
        self.shared.outward.lock().drain(now);
        if let Some(mut connection) = connection {
            // A message that waits for room could keep the last word from being said.
            if let Some(topic) = &self.shared.identity.presence_topic {
                let message = self.marked(presence::told(topic, false), connection.version());
                let _ = connection.publish(None, message);
            }
            let farewell = async {
                while connection.has_unconfirmed() {
                    if self.event(connection.next().await).is_some() {
                        return;
                    }
                }
                connection.close().await;
            };
            // What is not confirmed by then is sent again after the next start.
            drop(tokio::time::timeout(FAREWELL, farewell).await);
        }
        if let Some(running) = self.sync.running.take() {
            let outcome = running.await.ok();
            self.synced(outcome);
        }
        let mut outward = self.shared.outward.lock();
        outward.spool.finish_writing(Now::read());
        let settled = outward.spool.settled();
        self.shared.settled.send_replace(settled);
    }
}

impl Sync {
    /// Not later than this.
    fn by(&mut self, due: Instant) {
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }
}

/// Connects, however often that has to be tried.
fn dial(mut dialer: Dialer, shared: &Arc<Shared>) -> JoinHandle<(Dialer, Connection)> {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let connection = dialer
            .dial(|error| shared.connection.lock().is_down(error))
            .await;
        (dialer, connection)
    })
}

async fn next_event(connection: Option<&mut (Dialer, Connection)>) -> Event {
    match connection {
        Some((_, connection)) => connection.next().await,
        None => std::future::pending().await,
    }
}

/// The result of a task, `None` if it has not come to an end of its own; never without a task.
async fn joined<T>(task: Option<&mut JoinHandle<T>>) -> Option<T> {
    match task {
        Some(task) => task.await.ok(),
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
