//! Runs of frames that go the same way.
//!
//! A source that sends much sends much of the same: one read brings hundreds of small messages for
//! one receiver. They are checked, looked up and settled as one, and queued under one lock.

use std::sync::Arc;

use super::Router;
use crate::broker::peer::{Inbox, Peer};
use crate::limits::SHARED_PAYLOAD_BYTES;
use crate::protocol::delivery;
use crate::protocol::repetition::Repetitions;
use crate::protocol::request::HEADER_BYTES;
use crate::transport::outbox::{Account, Encoded, Payload, Push};
use crate::{FrameKind, QoS};

/// Where a frame has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To nobody: there is no such client, or no subscriber.
    Nowhere,
    /// To the last target.
    Target,
    /// To the one subscriber of the last topic.
    Subscriber,
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
        };
        let consumed = rest.len() - frames.rest().len();
        Run {
            frames: count,
            body_bytes: consumed as u64 - count * HEADER_BYTES as u64,
            consumed,
        }
    }

    fn queue_run(
        &mut self,
        frames: &mut Repetitions<'_>,
        receiver: Option<Arc<Peer>>,
        kind: FrameKind,
    ) -> u64 {
        let Some(receiver) = receiver else { return 0 };
        let Inbox::Socket { outbox, .. } = &receiver.inbox else {
            return 0;
        };
        let realtime = frames.qos().is_realtime();
        let head = &mut self.scratch;
        head.clear();
        delivery::encode_head(head, kind, realtime, &self.source.name, None, 0);
        if kind == FrameKind::Publish {
            head.extend_from_slice(frames.text());
        }
        let (mut count, mut promised) = (0, false);
        let mut queue = outbox.lock();
        while let Some(payload) = frames.peek() {
            if payload.len() >= SHARED_PAYLOAD_BYTES {
                break;
            }
            delivery::set_payload_bytes(head, payload.len());
            let frame = Encoded {
                head,
                payload: Payload::Copied(payload),
                realtime,
                counted: frames.text().len() + payload.len(),
            };
            match queue.push(frame, Account::Frame) {
                Push::Queued { settle } => promised |= settle,
                Push::Full | Push::Closed => break,
            }
            frames.advance(payload);
            count += 1;
        }
        drop(queue);
        self.scratch.clear();
        self.deliveries += count as usize;
        self.touch(&receiver, promised);
        count
    }
}

/// Frames for nobody.
fn skip(frames: &mut Repetitions<'_>) -> u64 {
    let mut count = 0;
    while let Some(payload) = frames.peek() {
        frames.advance(payload);
        count += 1;
    }
    count
}
