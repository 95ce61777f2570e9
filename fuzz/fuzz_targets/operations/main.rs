//! Sequences of operations of several clients, in the broker's process and on sockets, with and
//! without access rules, against a broker that runs for real.
//!
//! Every client sees exactly what the model says: the same frames and acks in the same order, the
//! same codes, the same announcements, and nothing else.
//!
//! | file | job |
//! |---|---|
//! | `plan` | what may be done, made from the bytes of the fuzzer |
//! | `model` | what must come of it |
//! | `bus` | the real broker, and the clients' ends |

#![no_main]

mod bus;
mod model;
mod plan;

use std::time::Duration;

use elbus::client::AsyncClient;
use elbus::protocol::operation::FrameOp;
use elbus::protocol::request::{encode_filters, encode_head};
use elbus::{Error, OpConfirm, PING_FRAME, QoS};
use libfuzzer_sys::fuzz_target;
use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use bus::{Bus, End, Way, settle};
use model::{Model, Operation, Request};
use plan::{
    ACCOUNTS, Action, CAST, Leaving, MAX_STEPS, Plan, Rights, SEATS, Setup, Size, Step, Transport,
    What, texts, within_bounds,
};

/// What takes that long does not happen at all.
const DEADLINE: Duration = Duration::from_secs(10);

/// Payloads of one plan, in bytes. Those beyond are short.
const PAYLOAD_BUDGET: usize = 512 * 1024;

/// Ends a batch: its ack says that all the others are carried out.
const BARRIER: &str = "a filter that nobody has";

/// Has an operation code that there is not.
const GARBAGE: &[u8] = &[0, 0, 0, 0, 0x3F, 0, 0, 0, 0];

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
}

fuzz_target!(|plan: Plan| {
    RUNTIME.with(|runtime| LocalSet::new().block_on(runtime, carry_out(&plan)));
});

async fn carry_out(plan: &Plan) {
    let mut scene = Scene::start(&plan.setup).await;
    for (account, rights) in ACCOUNTS.iter().zip(&plan.rights) {
        scene.grant(account, rights.as_ref());
    }
    for (seat, role) in plan.cast.iter().enumerate() {
        if let Some(role) = role {
            scene.join(seat, CAST[seat], role.transport).await;
            scene.subscribe(seat, role.subscription.text()).await;
        }
    }
    for step in plan.steps.iter().take(MAX_STEPS) {
        scene.carry_out(step).await;
    }
    scene.finish().await;
}

/// The broker and its model, side by side.
struct Scene {
    bus: Bus,
    model: Model,
    ends: [Option<End>; SEATS],
    next_op: u32,
    payload_bytes: usize,
}

impl Scene {
    async fn start(setup: &Setup) -> Self {
        Self {
            bus: Bus::start(setup).await,
            model: Model::new(setup),
            ends: Default::default(),
            next_op: 0,
            payload_bytes: 0,
        }
    }

    async fn carry_out(&mut self, step: &Step) {
        match step {
            Step::Join {
                seat,
                name,
                transport,
            } => self.join(seat.index(), name.text(), *transport).await,
            Step::Act { seat, actions, cut } => self.act(seat.index(), actions, *cut).await,
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

    async fn join(&mut self, seat: usize, name: &'static str, transport: Transport) {
        if self.ends[seat].is_some() {
            return;
        }
        let code = self.model.join(seat, name, transport);
        let joined = self.bus.join(name, transport).await;
        let found = joined.as_ref().err().copied().unwrap_or(1);
        assert_eq!(found, code, "{name:?} registers, {transport:?}");
        self.ends[seat] = joined.ok();
    }

    fn grant(&mut self, account: &'static str, rights: Option<&Rights>) {
        self.model.grant(account, rights.cloned());
        self.bus.grant(account, rights);
    }

    fn refresh(&mut self) {
        self.model.refresh_all();
        self.bus.broker.refresh_access();
    }

    async fn subscribe(&mut self, seat: usize, filter: &'static str) {
        let operation = Operation::Subscribe(vec![filter]);
        let batch = vec![self.request(QoS::Processed, operation)];
        self.send(seat, &batch, None, 0).await;
    }

    /// One client carries out a batch of operations.
    async fn act(&mut self, seat: usize, actions: &[Action], cut: u16) {
        let mut batch = Vec::new();
        for action in within_bounds(actions) {
            for _ in 0..action.times() {
                match operation(&action.what, self.next_op, &mut self.payload_bytes) {
                    Some(operation) => batch.push(self.request(action.qos.qos(), operation)),
                    None => return self.send(seat, &batch, Some(GARBAGE), cut).await,
                }
            }
        }
        self.send(seat, &batch, None, cut).await;
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

    async fn send(&mut self, seat: usize, batch: &[Request], garbage: Option<&[u8]>, cut: u16) {
        let barrier = Operation::Unsubscribe(vec![BARRIER]);
        let barrier = self.request(QoS::Processed, barrier);
        let Some(end) = &mut self.ends[seat] else {
            return;
        };
        let is_welcome = self.model.begin(seat);
        match &mut end.way {
            Way::Internal(client) => {
                for request in batch {
                    let code = self.model.carry_out(seat, request);
                    check_answer(code, request.qos, perform(client, request).await);
                }
            }
            Way::Socket(output) => {
                let last = [barrier];
                let last: &[Request] = if garbage.is_some() { &[] } else { &last };
                let mut bytes = Vec::new();
                for request in batch.iter().chain(last) {
                    encode(&mut bytes, request);
                    if is_welcome {
                        self.model.carry_out(seat, request);
                    }
                }
                bytes.extend_from_slice(garbage.unwrap_or_default());
                if garbage.is_some() {
                    self.model.leave(seat, true);
                }
                let (first, second) = bytes.split_at(bytes.len().min(cut.into()));
                // The broker may end the connection before it has read all. What it has said until
                // then is looked at.
                let _ = output.write_all(first).await;
                settle().await;
                let _ = output.write_all(second).await;
            }
        }
        self.look_at(seat).await;
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
            self.model.seats[seat] = None;
        }
    }

    /// Looks for the last time at those that have gone.
    async fn bury(&mut self) {
        for seat in 0..SEATS {
            let is_gone = self.model.seats[seat].as_ref().is_some_and(|c| c.is_gone);
            if let Some(end) = self.ends[seat].as_ref().filter(|_| is_gone) {
                let ended = tokio::time::timeout(DEADLINE, end.wait_for_end()).await;
                assert!(ended.is_ok(), "seat {seat}: the connection does not end");
                self.look_at(seat).await;
                self.ends[seat] = None;
                self.model.seats[seat] = None;
            }
        }
    }

    /// What a client has seen must be what it had to see.
    async fn look_at(&self, seat: usize) {
        let (Some(end), Some(client)) = (&self.ends[seat], &self.model.seats[seat]) else {
            return;
        };
        let expected = &client.expected;
        let waited = tokio::time::timeout(DEADLINE, end.wait_for(expected.len())).await;
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
    async fn finish(mut self) {
        for seat in 0..SEATS {
            self.act(seat, &[], 0).await;
            self.bury().await;
        }
        self.ends = Default::default();
        self.bus.broker.shutdown(DEADLINE).await;
    }
}

/// An operation with a payload of its own; `None` for what is no operation.
fn operation(what: &What, number: u32, payload_bytes: &mut usize) -> Option<Operation> {
    let mut payload = |size: &Size| {
        let mut bytes = size.bytes();
        if *payload_bytes + bytes > PAYLOAD_BUDGET {
            bytes = 1;
        }
        *payload_bytes += bytes;
        let mut payload = vec![0xAA; bytes];
        // The first byte stays: `.broker` is not to take it for a call.
        for (byte, part) in payload.iter_mut().skip(1).zip(number.to_le_bytes()) {
            *byte = part;
        }
        payload
    };
    Some(match what {
        What::Message(target, size) => Operation::Message(target.text(), payload(size)),
        What::Broadcast(mask, size) => Operation::Broadcast(mask.text(), payload(size)),
        What::Publish(topic, size) => Operation::Publish(topic.text(), payload(size)),
        What::PublishFor(topic, receiver, size) => {
            Operation::PublishFor(topic.text(), receiver.text(), payload(size))
        }
        What::Subscribe(first, others) => Operation::Subscribe(texts(*first, others)),
        What::Unsubscribe(first, others) => Operation::Unsubscribe(texts(*first, others)),
        What::Exclude(first, others) => Operation::Exclude(texts(*first, others)),
        What::Unexclude(first, others) => Operation::Unexclude(texts(*first, others)),
        What::Ping => Operation::Ping,
        What::Garbage => return None,
    })
}

/// Appends the operation as a frame.
fn encode(out: &mut Vec<u8>, request: &Request) {
    let (op, texts, payload): (_, &[&str], &[u8]) = match &request.operation {
        Operation::Message(target, payload) => (FrameOp::Message, &[target], payload),
        Operation::Broadcast(mask, payload) => (FrameOp::Broadcast, &[mask], payload),
        Operation::Publish(topic, payload) => (FrameOp::PublishTopic, &[topic], payload),
        Operation::PublishFor(topic, receiver, payload) => {
            (FrameOp::PublishTopicFor, &[topic, receiver], payload)
        }
        Operation::Subscribe(filters) => {
            return encode_all(out, request, FrameOp::SubscribeTopic, filters);
        }
        Operation::Unsubscribe(filters) => {
            return encode_all(out, request, FrameOp::UnsubscribeTopic, filters);
        }
        Operation::Exclude(filters) => {
            return encode_all(out, request, FrameOp::ExcludeTopic, filters);
        }
        Operation::Unexclude(filters) => {
            return encode_all(out, request, FrameOp::UnexcludeTopic, filters);
        }
        Operation::Ping => return out.extend_from_slice(PING_FRAME),
    };
    let Request { op_id, qos, .. } = *request;
    encode_head(out, op_id, op, qos, texts, payload.len()).expect("short");
    out.extend_from_slice(payload);
}

fn encode_all(out: &mut Vec<u8>, request: &Request, op: FrameOp, filters: &[&str]) {
    encode_filters(out, request.op_id, op, request.qos, filters).expect("short");
}

/// The operation as a client of the broker's process does it.
async fn perform(
    client: &mut elbus::broker::Client,
    request: &Request,
) -> Result<OpConfirm, Error> {
    let qos = request.qos;
    match &request.operation {
        Operation::Message(target, payload) if payload.len() > 1 => {
            let (header, payload) = payload.split_at(payload.len() / 2);
            client
                .zc_send(target, header.into(), payload.into(), qos)
                .await
        }
        Operation::Message(target, payload) => {
            client.send(target, payload.as_slice().into(), qos).await
        }
        Operation::Broadcast(mask, payload) => {
            let payload = payload.as_slice().into();
            client.send_broadcast(mask, payload, qos).await
        }
        Operation::Publish(topic, payload) => {
            client.publish(topic, payload.as_slice().into(), qos).await
        }
        Operation::PublishFor(topic, receiver, payload) => {
            let payload = payload.as_slice().into();
            client.publish_for(topic, receiver, payload, qos).await
        }
        Operation::Subscribe(filters) => client.subscribe_bulk(filters, qos).await,
        Operation::Unsubscribe(filters) => client.unsubscribe_bulk(filters, qos).await,
        Operation::Exclude(filters) => client.exclude_bulk(filters, qos).await,
        Operation::Unexclude(filters) => client.unexclude_bulk(filters, qos).await,
        Operation::Ping => client.ping().await.map(|()| None),
    }
}

/// The answer is there already, in the call itself.
fn check_answer(code: u8, qos: QoS, answer: Result<OpConfirm, Error>) {
    match answer {
        Err(e) => assert_eq!(e.kind() as u8, code, "{e}"),
        Ok(confirmation) => {
            assert_eq!(code, 1, "the operation succeeded");
            assert!(confirmation.is_none() || qos.needs_ack());
            if let Some(mut confirmation) = confirmation {
                let confirmed = confirmation.try_recv().expect("fulfilled");
                confirmed.expect("confirmed");
            }
        }
    }
}
