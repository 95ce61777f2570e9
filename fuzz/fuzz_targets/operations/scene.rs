//! A plan, carried out by the broker and by its model side by side.

use std::time::Duration;

use elbus::QoS;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::time::timeout;

use crate::bus::{Bus, End, Way, settle};
use crate::event::Event;
use crate::model::Model;
use crate::plan::{
    Action, Leaving, Queue, Rights, SEATS, Seat, Setup, Step, Transport, within_bounds,
};
use crate::request::{Operation, Request, check_answer, encode, operation, perform};

/// What takes that long does not happen at all.
const DEADLINE: Duration = Duration::from_secs(10);

/// Ends a batch: its ack says that all the others are carried out.
const BARRIER: &str = "a filter that nobody has";

/// Has an operation code that there is not.
const GARBAGE: &[u8] = &[0, 0, 0, 0, 0x3F, 0, 0, 0, 0];

/// See the top of this file.
pub struct Scene {
    bus: Bus,
    model: Model,
    ends: [Option<End>; SEATS],
    next_op: u32,
    payload_bytes: usize,
    /// A batch may fill the queue of a client.
    is_tight: bool,
}

impl Scene {
    pub async fn start(setup: &Setup) -> Self {
        Self {
            bus: Bus::start(setup).await,
            model: Model::new(setup),
            ends: Default::default(),
            next_op: 0,
            payload_bytes: 0,
            is_tight: !matches!(setup.queue, Queue::Usual),
        }
    }

    pub async fn carry_out(&mut self, step: &Step) {
        match step {
            Step::Join {
                seat,
                name,
                transport,
            } => self.join(seat.index(), name.text(), *transport).await,
            Step::Act { seat, actions, cut } => self.act(seat.index(), actions, *cut).await,
            Step::Rush {
                seats,
                actions,
                cut,
            } => self.rush(seats, actions, *cut).await,
            Step::Leave { seat, how } => self.leave(seat.index(), *how).await,
            Step::Grant {
                account,
                rights,
                refresh,
            } => {
                // Of several who have to go it is not said who goes first.
                if *refresh || (rights.is_none() && self.model.has_unwelcome()) {
                    self.refresh();
                }
                self.grant(account.text(), rights.as_ref());
                if *refresh {
                    self.refresh();
                }
            }
        }
        settle().await;
        self.bury().await;
    }

    pub async fn join(&mut self, seat: usize, name: &'static str, transport: Transport) {
        if self.ends[seat].is_some() {
            return;
        }
        let code = self.model.join(seat, name, transport);
        let joined = self.bus.join(name, transport).await;
        let found = joined.as_ref().err().copied().unwrap_or(1);
        assert_eq!(found, code, "{name:?} registers, {transport:?}");
        self.ends[seat] = joined.ok();
    }

    pub fn grant(&mut self, account: &'static str, rights: Option<&Rights>) {
        self.model.grant(account, rights.cloned());
        self.bus.grant(account, rights);
    }

    fn refresh(&mut self) {
        self.model.refresh_all();
        self.bus.broker.refresh_access();
    }

    pub async fn subscribe(&mut self, seat: usize, filter: &'static str) {
        let operation = Operation::Subscribe(vec![filter]);
        let batch = vec![self.request(QoS::Processed, operation)];
        self.send(seat, batch, false, 0).await;
    }

    /// One client carries out a batch of operations.
    async fn act(&mut self, seat: usize, actions: &[Action], cut: u16) {
        let (mut batch, is_malformed) = self.batch(actions);
        if is_malformed && self.is_tight {
            // Clients of the broker's process have no room in reserve for what the broker says of the
            // end of the connection: they have to have read what came before.
            self.send(seat, std::mem::take(&mut batch), false, cut)
                .await;
            settle().await;
        }
        self.send(seat, batch, is_malformed, cut).await;
    }

    /// What the actions ask for, up to the first that is no operation.
    fn batch(&mut self, actions: &[Action]) -> (Vec<Request>, bool) {
        let mut batch = Vec::new();
        for action in within_bounds(actions) {
            for _ in 0..action.times() {
                match operation(&action.what, self.next_op, &mut self.payload_bytes) {
                    Some(operation) => batch.push(self.request(action.qos.qos(), operation)),
                    None => return (batch, true),
                }
            }
        }
        (batch, false)
    }

    fn request(&mut self, qos: QoS, operation: Operation) -> Request {
        let op_id = self.next_op;
        self.next_op += 1;
        Request {
            op_id,
            qos,
            operation,
        }
    }

    fn barrier(&mut self) -> Request {
        self.request(QoS::Processed, Operation::Unsubscribe(vec![BARRIER]))
    }

    async fn send(&mut self, seat: usize, batch: Vec<Request>, is_malformed: bool, cut: u16) {
        let barrier = self.barrier();
        let Some(end) = &mut self.ends[seat] else {
            return;
        };
        match &mut end.way {
            Way::Internal(client) => {
                for request in &batch {
                    let code = self.model.carry_out(seat, request);
                    check_answer(code, request.qos, perform(client, request).await);
                }
            }
            Way::Socket(output) => {
                let last = (!is_malformed).then_some(barrier);
                let batch: Vec<Request> = batch.into_iter().chain(last).collect();
                let mut bytes = encode_all(&batch);
                if self.model.begin(seat) {
                    for request in &batch {
                        self.model.carry_out(seat, request);
                    }
                }
                if is_malformed {
                    bytes.extend_from_slice(GARBAGE);
                    self.model.leave(seat, true);
                }
                write(output, &bytes, cut).await;
            }
        }
        self.look_at(seat).await;
    }

    /// Two clients on sockets send at the same time.
    async fn rush(&mut self, seats: &[Seat; 2], actions: &[Vec<Action>; 2], cut: u16) {
        let [first, second] = [seats[0].index(), seats[1].index()];
        let mut batches = [self.batch(&actions[0]).0, self.batch(&actions[1]).0];
        for batch in &mut batches {
            // Who is subscribed to what, and who is there, must not depend on who comes first.
            batch.retain(|request| request.operation.is_traffic());
            batch.push(self.barrier());
        }
        let Ok([Some(one), Some(two)]) = self.ends.get_disjoint_mut([first, second]) else {
            return;
        };
        let (Way::Socket(one), Way::Socket(two)) = (&mut one.way, &mut two.way) else {
            return;
        };
        if !self.model.is_welcome(first) || !self.model.is_welcome(second) {
            return;
        }
        let before: Vec<usize> = self.model.expected_counts();
        for (seat, batch) in [first, second].into_iter().zip(&batches) {
            self.model.begin(seat);
            for request in batch {
                self.model.carry_out(seat, request);
            }
        }
        let [ours, theirs] = batches.map(|batch| encode_all(&batch));
        tokio::join!(write(one, &ours, cut), write(two, &theirs, u16::MAX));
        for (seat, before) in before.into_iter().enumerate() {
            self.sort_out(seat, before).await;
        }
    }

    /// Makes the model follow the order in which a client has seen frames of several senders. Those of
    /// each are in the order in which they were sent.
    async fn sort_out(&mut self, seat: usize, before: usize) {
        let (Some(end), Some(client)) = (&self.ends[seat], &mut self.model.seats[seat]) else {
            return;
        };
        let count = client.expected.len();
        let _ = timeout(DEADLINE, end.wait_for(count)).await;
        let name = client.name;
        let by_sender = |events: &[Event]| {
            let mut events = events[before.min(events.len())..].to_vec();
            events.truncate(count - before);
            events.sort_by(|a, b| a.sender(name).cmp(b.sender(name)));
            events
        };
        let seen = end.events();
        assert_eq!(by_sender(&seen), by_sender(&client.expected), "{name:?}");
        client.expected.truncate(before);
        client.expected.extend_from_slice(&seen[before..count]);
    }

    async fn leave(&mut self, seat: usize, how: Leaving) {
        let Some(end) = &mut self.ends[seat] else {
            return;
        };
        let mut is_announced = true;
        match (&mut end.way, how) {
            (Way::Internal(client), Leaving::Orderly) => client.unregister().await,
            (Way::Internal(_), Leaving::Abrupt) => is_announced = false,
            (Way::Socket(output), Leaving::Orderly) => {
                let _ = output.shutdown().await;
            }
            (Way::Socket(_), Leaving::Abrupt) => {
                let name = self.model.seats[seat].as_ref().map(|client| client.name);
                let kicked = self.bus.broker.force_disconnect(name.unwrap_or_default());
                kicked.expect("a client on a socket");
            }
        }
        self.model.leave(seat, is_announced);
        if !is_announced {
            // What it was sent is looked at while it is there.
            settle().await;
            self.look_at(seat).await;
            self.ends[seat] = None;
            self.model.bury(seat);
        }
    }

    /// Looks for the last time at those that have gone.
    async fn bury(&mut self) {
        for seat in 0..SEATS {
            let is_gone = self.model.seats[seat].as_ref().is_some_and(|c| c.is_gone);
            if let Some(end) = self.ends[seat].as_ref().filter(|_| is_gone) {
                let ended = timeout(DEADLINE, end.wait_for_end()).await;
                assert!(ended.is_ok(), "seat {seat}: the connection does not end");
                self.look_at(seat).await;
                self.ends[seat] = None;
                self.model.bury(seat);
            }
        }
    }

    /// What a client has seen must be what it had to see.
    async fn look_at(&self, seat: usize) {
        let (Some(end), Some(client)) = (&self.ends[seat], &self.model.seats[seat]) else {
            return;
        };
        let expected = &client.expected;
        let waited = timeout(DEADLINE, end.wait_for(expected.len())).await;
        let seen = end.events();
        let pairs = seen.iter().zip(expected);
        if let Some((at, (seen, expected))) = pairs.enumerate().find(|(_, (a, b))| a != b) {
            panic!(
                "{:?} saw as its event {at}\n  {seen:?}\ninstead of\n  {expected:?}",
                client.name
            );
        }
        let missing = expected.get(seen.len());
        let more = seen.get(expected.len());
        assert!(
            waited.is_ok() && missing.is_none() && more.is_none(),
            "{:?} misses {missing:?}, and has {more:?} that it should not have",
            client.name
        );
    }

    /// A last batch of each says that nothing else is on its way.
    pub async fn finish(mut self) {
        for seat in 0..SEATS {
            self.act(seat, &[], 0).await;
            self.bury().await;
        }
        let stats = self.bus.broker.stats();
        let counted = (stats.r_frames, stats.w_frames);
        assert_eq!(counted, self.model.counted(), "frames received and queued");
        self.ends = Default::default();
        self.bus.broker.shutdown(DEADLINE).await;
    }
}

fn encode_all(batch: &[Request]) -> Vec<u8> {
    let mut bytes = Vec::new();
    batch.iter().for_each(|request| encode(&mut bytes, request));
    bytes
}

/// Writes in two pieces. The broker may end the connection before it has read all; what it has said
/// until then is looked at.
async fn write(output: &mut OwnedWriteHalf, bytes: &[u8], cut: u16) {
    let (first, second) = bytes.split_at(bytes.len().min(cut.into()));
    let _ = output.write_all(first).await;
    settle().await;
    let _ = output.write_all(second).await;
}
