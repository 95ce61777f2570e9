//! Putting a frame into the queues of its receivers, and what their policies say if there is no room.

use std::mem;
use std::sync::Arc;

use async_channel::TrySendError;
use tokio::time::Instant;

use super::wait::{Held, Reluctant};
use super::{Routed, Router};
use crate::broker::config::Overflow;
use crate::broker::parcel::{Contents, Parcel};
use crate::broker::peer::{Channel, Inbox, Peer};
use crate::limits::SHARED_PAYLOAD_BYTES;
use crate::protocol::{
    ERR_CLIENT_NOT_REGISTERED, ERR_DATA, ERR_NOT_DELIVERED, RESPONSE_OK, delivery,
};
use crate::transport::outbox::{Account, Encoded, Payload, Push};
use crate::{Frame, FrameKind, QoS};

/// What became of one offer to one receiver.
pub(super) enum Offered {
    Done(u8),
    Wait(Lack),
}

/// What a receiver does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// Room in its queue.
    Room,
    /// Memory, of which all clients together have taken what there is.
    Memory,
}

/// Outboxes that this source has promised to settle. Keeps the promise also when the source ends
/// in the middle of a batch.
#[derive(Default)]
pub(super) struct Touched(Vec<Arc<Peer>>);

impl Touched {
    fn settle(&mut self) {
        for peer in self.0.drain(..) {
            peer.settle();
        }
    }
}

impl Drop for Touched {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Router {
    /// The short way of nearly all messages: small ones, to a socket whose queue has room. False if
    /// this is none, and nothing has happened.
    #[inline]
    pub(super) fn push_small(
        &mut self,
        receiver: &Arc<Peer>,
        payload: &[u8],
        qos: QoS,
        counted: usize,
    ) -> bool {
        let Inbox::Socket { outbox, .. } = &receiver.inbox else {
            return false;
        };
        if payload.len() >= SHARED_PAYLOAD_BYTES {
            return false;
        }
        let realtime = qos.is_realtime();
        let (head, sender) = (&mut self.scratch, &self.source.name);
        head.clear();
        delivery::encode_head(
            head,
            FrameKind::Message,
            realtime,
            sender,
            None,
            payload.len(),
        );
        let frame = Encoded {
            head,
            payload: Payload::Copied(payload),
            realtime,
            counted,
        };
        let pushed = outbox.push(frame, Account::Frame);
        self.scratch.clear();
        let Push::Queued { settle } = pushed else {
            return false;
        };
        self.deliveries += 1;
        self.touch(receiver, settle);
        true
    }

    /// The short way of messages to a client in this process.
    pub(super) fn push_here(
        &mut self,
        receiver: &Arc<Peer>,
        channel: &Channel,
        frame: Frame,
        counted: usize,
    ) -> Routed {
        self.deliveries += 1;
        match channel.offer(frame, counted) {
            Ok(()) => Routed::Done(RESPONSE_OK),
            Err(TrySendError::Closed(_)) => Routed::Done(ERR_CLIENT_NOT_REGISTERED),
            Err(TrySendError::Full(frame)) => {
                let mut parcel = Parcel::of_frame(self.source.name.clone(), frame, counted);
                parcel.set_charge(self.charge.take());
                self.distribute(parcel, std::slice::from_ref(receiver), true)
            }
        }
    }

    /// Remembers whom to settle.
    #[inline]
    pub(super) fn touch(&mut self, receiver: &Arc<Peer>, settle: bool) {
        if settle {
            self.touched.0.push(receiver.clone());
        }
    }

    /// Offers one frame to each receiver. A message (`single`) is answered with what became of it,
    /// a broadcast or publication always with success.
    pub(super) fn deliver(
        &mut self,
        sender: Arc<str>,
        contents: Contents<'_>,
        receivers: &[Arc<Peer>],
        single: bool,
    ) -> Routed {
        let scratch = mem::take(&mut self.scratch);
        let mut parcel = Parcel::new(sender, contents, scratch);
        parcel.set_charge(self.charge.take());
        if !parcel.fits_the_wire() {
            self.scratch = parcel.into_scratch();
            return Routed::Done(ERR_DATA);
        }
        self.distribute(parcel, receivers, single)
    }

    fn distribute(
        &mut self,
        mut parcel: Parcel<'_>,
        receivers: &[Arc<Peer>],
        single: bool,
    ) -> Routed {
        let mut code = RESPONSE_OK;
        let mut waiting = Vec::new();
        let mut is_short = false;
        for receiver in receivers {
            match self.offer(receiver, &mut parcel) {
                Offered::Done(outcome) if single => code = outcome,
                Offered::Done(_) => {}
                Offered::Wait(lack) => {
                    is_short |= lack == Lack::Memory;
                    waiting.push(Reluctant {
                        peer: receiver.clone(),
                        progress: receiver.progress(),
                    });
                }
            }
        }
        if waiting.is_empty() {
            self.scratch = parcel.into_scratch();
            return Routed::Done(code);
        }
        if is_short {
            self.hub.warn_of_memory();
        }
        Routed::Held(Box::new(Held {
            parcel: parcel.into_owned(),
            receivers: waiting,
            since: Instant::now(),
        }))
    }

    /// Offers a frame to one receiver and, if it has no room, does what its policy says.
    #[inline]
    pub(super) fn offer(&mut self, receiver: &Arc<Peer>, parcel: &mut Parcel<'_>) -> Offered {
        self.deliveries += 1;
        match receiver.push(parcel, Account::Frame) {
            Push::Queued { settle } => {
                self.touch(receiver, settle);
                Offered::Done(RESPONSE_OK)
            }
            Push::Closed => Offered::Done(ERR_CLIENT_NOT_REGISTERED),
            Push::Full | Push::NoMemory => self.offer_again(receiver, parcel),
        }
    }

    /// The queue is full, or there is no memory; perhaps only on account of this very batch.
    #[cold]
    fn offer_again(&mut self, receiver: &Arc<Peer>, parcel: &mut Parcel<'_>) -> Offered {
        receiver.flush();
        let mut pushed = receiver.push(parcel, Account::Frame);
        if pushed == Push::NoMemory {
            self.touched.settle();
            pushed = receiver.push(parcel, Account::Frame);
        }
        match pushed {
            Push::Queued { settle } => {
                self.touch(receiver, settle);
                Offered::Done(RESPONSE_OK)
            }
            Push::Closed => Offered::Done(ERR_CLIENT_NOT_REGISTERED),
            Push::Full => match &receiver.inbox {
                // If the socket is not what is full, another source is emptying the queue right now.
                Inbox::Socket {
                    outbox, overflow, ..
                } if *overflow != Overflow::Backpressure && outbox.is_blocked() => {
                    let spell = self.refuse(receiver);
                    match overflow {
                        Overflow::Drop => self.hub.warn_of_drops(receiver, spell),
                        _ => self.hub.expel_slow(receiver),
                    }
                    Offered::Done(ERR_NOT_DELIVERED)
                }
                Inbox::Channel(channel) if !channel.is_taken() => {
                    self.refuse(receiver);
                    Offered::Done(ERR_NOT_DELIVERED)
                }
                _ => Offered::Wait(Lack::Room),
            },
            Push::NoMemory => {
                match &receiver.inbox {
                    // It is not this receiver that takes too much.
                    Inbox::Socket { overflow, .. } if *overflow != Overflow::Backpressure => {
                        self.hub.warn_of_memory();
                        self.refuse(receiver);
                        Offered::Done(ERR_NOT_DELIVERED)
                    }
                    _ => Offered::Wait(Lack::Memory),
                }
            }
        }
    }

    /// Counts a frame that is not delivered. Returns the number of the spell that it belongs to.
    pub(super) fn refuse(&self, receiver: &Peer) -> u64 {
        log::debug!(
            "client {:?}: no room, a frame of {:?} is refused",
            receiver.name,
            self.source.name
        );
        receiver.count_refused()
    }

    /// Ends a batch: lets everything that was queued leave.
    #[inline]
    pub(in crate::broker) fn settle(&mut self) {
        self.deliveries = 0;
        self.touched.settle();
    }

    /// Acknowledges an operation of the source.
    #[inline]
    pub(in crate::broker) fn acknowledge(&mut self, ack: &[u8], qos: QoS) {
        if let Push::Queued { settle: true } = self.source.push_ack(ack, qos.is_realtime()) {
            self.touched.0.push(self.source.clone());
        }
    }
}
