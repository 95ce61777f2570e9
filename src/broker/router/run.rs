//! Runs of frames that go the same way.
//!
//! A source that sends much sends much of the same: one read brings hundreds of small messages for
//! one receiver. They are checked, looked up and settled as one, and queued under one lock.

use std::cell::RefCell;
use std::sync::Arc;

use super::Router;
use crate::broker::peer::{Inbox, Peer};
use crate::broker::topics::Receivers;
use crate::limits::{DELIVERIES_PER_TURN, RUN_BYTES, SHARED_PAYLOAD_BYTES};
use crate::protocol::delivery;
use crate::protocol::repetition::Repetitions;
use crate::protocol::request::HEADER_BYTES;
use crate::transport::outbox::{Account, Encoded, Payload, Push, RunTotals, Vacancy};
use crate::{FrameKind, QoS};

thread_local! {
    /// The last run for many receivers. Its memory is used again as soon as all have taken it, which
    /// is the case at the end of the batch unless a socket is full.
    static RUN: RefCell<Arc<Vec<u8>>> = RefCell::default();
}

/// Where a frame has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To nobody: there is no such client, or no subscriber.
    Nowhere,
    /// To the last target.
    Target,
    /// To the one subscriber of the last topic.
    Subscriber,
    /// To the subscribers of the last topic.
    Subscribers,
}

/// How far a run has got.
#[derive(Debug, Default)]
pub(in crate::broker) struct Run {
    pub(in crate::broker) frames: u64,
    /// Of the bodies, in bytes.
    pub(in crate::broker) body_bytes: u64,
    pub(in crate::broker) consumed: usize,
}

impl Router {
    /// Notes where a frame has gone. Those that ask for an ack need a closer look each.
    #[inline]
    pub(super) fn goes(&mut self, way: Way, qos: QoS) {
        self.way = (!qos.needs_ack()).then_some(way);
    }

    /// For when another frame is about to be carried out.
    #[inline]
    pub(in crate::broker) fn forget_way(&mut self) {
        self.way = None;
    }

    /// Carries out the repetitions of `first`, the frame that was carried out last, at the start of
    /// `rest`; `limit` bounds their bodies, in bytes. Leaves to others what needs a closer look: acks,
    /// large payloads, and what does not fit a queue.
    #[inline]
    pub(in crate::broker) fn follow(&mut self, first: &[u8], rest: &[u8], limit: usize) -> Run {
        let Some(way) = self.way.take() else {
            return Run::default();
        };
        let mut frames = Repetitions::new(first, rest, limit);
        if frames.peek().is_none() {
            return Run::default();
        }
        let count = match way {
            Way::Nowhere => skip(&mut frames),
            Way::Target => {
                let receiver = self.last_target.clone();
                self.queue_run(&mut frames, receiver, FrameKind::Message)
            }
            Way::Subscriber => {
                let last = self.last_topic.as_ref();
                let receiver = last.and_then(|last| last.receivers.first().cloned());
                self.queue_run(&mut frames, receiver, FrameKind::Publish)
            }
            Way::Subscribers => {
                let last = self.last_topic.as_ref();
                let receivers = last.map(|last| last.receivers.clone());
                self.share_run(&mut frames, receivers)
            }
        };
        let consumed = rest.len() - frames.rest().len();
        Run {
            frames: count as u64,
            body_bytes: (consumed - count * HEADER_BYTES) as u64,
            consumed,
        }
    }

    /// Encodes the beginning that all frames of a run have in common.
    fn encode_run_head(&mut self, frames: &Repetitions<'_>, kind: FrameKind) {
        let head = &mut self.scratch;
        head.clear();
        let (realtime, sender) = (frames.qos().is_realtime(), &self.source.name);
        delivery::encode_head(head, kind, realtime, sender, None, 0);
        if kind == FrameKind::Publish {
            head.extend_from_slice(frames.text());
        }
    }

    /// For one receiver: straight into its queue.
    fn queue_run(
        &mut self,
        frames: &mut Repetitions<'_>,
        receiver: Option<Arc<Peer>>,
        kind: FrameKind,
    ) -> usize {
        let Some(receiver) = receiver else { return 0 };
        let Inbox::Socket { outbox, .. } = &receiver.inbox else {
            return 0;
        };
        self.encode_run_head(frames, kind);
        let head = &mut self.scratch;
        let (mut count, mut promised) = (0, false);
        let mut queue = outbox.lock();
        while let Some(payload) = small(frames.peek()) {
            delivery::set_payload_bytes(head, payload.len());
            let frame = Encoded {
                head,
                payload: Payload::Copied(payload),
                realtime: frames.qos().is_realtime(),
                counted: frames.text().len() + payload.len(),
            };
            match queue.push(frame, Account::Frame) {
                Push::Queued { settle } => promised |= settle,
                Push::Full | Push::NoMemory | Push::Closed => break,
            }
            frames.advance(payload);
            count += 1;
        }
        drop(queue);
        self.scratch.clear();
        self.deliveries += count;
        self.touch(&receiver, promised);
        count
    }

    /// For many receivers: encoded once, as far as all of them have room for it, and then copied to
    /// each, or shared by all if that is less work.
    ///
    /// A source on another thread may be faster to use the room that was there. Then a queue exceeds
    /// its bounds, by no more than [`RUN_BYTES`] for each thread.
    fn share_run(&mut self, frames: &mut Repetitions<'_>, receivers: Option<Receivers>) -> usize {
        let Some(receivers) = receivers else { return 0 };
        let Some(vacancy) = common_vacancy(&receivers) else {
            return 0;
        };
        let turn = DELIVERIES_PER_TURN.saturating_sub(self.deliveries) / receivers.len();
        let bounds = Vacancy {
            frames: vacancy.frames.min(turn),
            bytes: vacancy.bytes.min(RUN_BYTES),
        };
        RUN.with_borrow_mut(|shared| {
            if Arc::strong_count(shared) > 1 {
                // Some receiver has yet to take the last one.
                *shared = Arc::default();
            }
            let run = Arc::make_mut(shared);
            run.clear();
            let totals = self.encode_run(frames, bounds, run);
            if totals.frames == 0 {
                return 0;
            }
            // A slow receiver should not hold more than it is charged with, or nearly so.
            let exact;
            let run = match run.len() {
                ..SHARED_PAYLOAD_BYTES => Payload::Copied(run),
                bytes if run.capacity() > 2 * bytes => {
                    exact = Arc::new(run.to_vec());
                    Payload::Shared(&exact, None)
                }
                _ => Payload::Shared(shared, None),
            };
            for receiver in &*receivers {
                let Inbox::Socket { outbox, .. } = &receiver.inbox else {
                    continue;
                };
                if let Push::Queued { settle } = outbox.push_run(run, totals) {
                    self.touch(receiver, settle);
                }
            }
            self.deliveries += totals.frames * receivers.len();
            totals.frames
        })
    }

    fn encode_run(
        &mut self,
        frames: &mut Repetitions<'_>,
        bounds: Vacancy,
        run: &mut Vec<u8>,
    ) -> RunTotals {
        self.encode_run_head(frames, FrameKind::Publish);
        let head = &mut self.scratch;
        let mut totals = RunTotals {
            realtime: frames.qos().is_realtime(),
            ..RunTotals::default()
        };
        while let Some(payload) = small(frames.peek())
            && totals.frames < bounds.frames
            && run.len() + head.len() + payload.len() <= bounds.bytes
        {
            delivery::set_payload_bytes(head, payload.len());
            run.extend_from_slice(head);
            run.extend_from_slice(payload);
            totals.frames += 1;
            totals.counted += frames.text().len() + payload.len();
            frames.advance(payload);
        }
        head.clear();
        totals
    }
}

/// What all of them have room for; `None` if some do not get bytes.
fn common_vacancy(receivers: &[Arc<Peer>]) -> Option<Vacancy> {
    receivers
        .iter()
        .try_fold(Vacancy::UNLIMITED, |least, receiver| {
            match &receiver.inbox {
                Inbox::Socket { outbox, .. } => Some(least.min(outbox.vacancy())),
                _ => None,
            }
        })
}

/// Larger payloads are not copied.
#[inline]
fn small(payload: Option<&[u8]>) -> Option<&[u8]> {
    payload.filter(|payload| payload.len() < SHARED_PAYLOAD_BYTES)
}

/// Frames for nobody.
fn skip(frames: &mut Repetitions<'_>) -> usize {
    let mut count = 0;
    while let Some(payload) = frames.peek() {
        frames.advance(payload);
        count += 1;
    }
    count
}
