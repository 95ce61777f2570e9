//! Waiting for receivers that have no room.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::Router;
use super::offer::{Lack, Offered};
use crate::FrameKind;
use crate::broker::parcel::Parcel;
use crate::broker::peer::{Inbox, Peer};
use crate::deadline;
use crate::protocol::{ERR_CLIENT_NOT_REGISTERED, ERR_NOT_DELIVERED, RESPONSE_OK};
use crate::transport::outbox::Progress;

/// A parcel for receivers that have no room.
#[derive(Debug)]
pub(in crate::broker) struct Held {
    pub(super) parcel: Parcel<'static>,
    pub(super) receivers: Vec<Reluctant>,
    pub(super) since: Instant,
}

/// A receiver that has no room, and what it had taken when that was found.
#[derive(Debug)]
pub(super) struct Reluctant {
    pub(super) peer: Arc<Peer>,
    pub(super) progress: Progress,
}

impl Router {
    /// Waits for those who have no room. Returns the response code of the operation.
    pub(in crate::broker) async fn wait(&mut self, held: Box<Held>) -> u8 {
        self.settle();
        let Held {
            mut parcel,
            receivers,
            since,
        } = *held;
        let single = receivers.len() == 1;
        let mut code = RESPONSE_OK;
        for Reluctant {
            peer: receiver,
            progress,
        } in receivers
        {
            code = match &receiver.inbox {
                Inbox::Channel(channel) => {
                    let sending = channel.frames.send(parcel.frame());
                    match deadline::timeout_at(since + self.timeout, sending).await {
                        Ok(Ok(())) => {
                            channel.count(parcel.counted);
                            RESPONSE_OK
                        }
                        Ok(Err(_)) => ERR_NOT_DELIVERED,
                        Err(_) => {
                            let spell = self.refuse(&receiver);
                            self.hub.warn_of_drops(&receiver, spell);
                            ERR_NOT_DELIVERED
                        }
                    }
                }
                _ => {
                    self.wait_for_room(&receiver, progress, &mut parcel, since)
                        .await
                }
            };
        }
        self.settle();
        match parcel.kind() {
            FrameKind::Message if single => code,
            _ => RESPONSE_OK,
        }
    }

    async fn wait_for_room(
        &mut self,
        receiver: &Arc<Peer>,
        mut progress: Progress,
        parcel: &mut Parcel<'_>,
        since: Instant,
    ) -> u8 {
        let Inbox::Socket {
            outbox, patience, ..
        } = &receiver.inbox
        else {
            return ERR_NOT_DELIVERED;
        };
        let budget = self.hub.budget.clone();
        let mut until = since + *patience;
        let mut was_called = false;
        loop {
            let mut room = pin!(outbox.room());
            room.as_mut().enable();
            let mut memory = pin!(budget.given_back());
            memory.as_mut().enable();
            let lack = match self.offer(receiver, parcel) {
                // It was there when the frame was offered first.
                Offered::Done(ERR_CLIENT_NOT_REGISTERED) => return ERR_NOT_DELIVERED,
                Offered::Done(code) => return code,
                Offered::Wait(lack) => lack,
            };
            // The last look is taken after the last call.
            if Instant::now() >= until && std::mem::replace(&mut was_called, true) {
                // Others take the memory that it would need.
                if lack == Lack::Memory {
                    self.refuse(receiver);
                    return ERR_NOT_DELIVERED;
                }
                // Others may have been faster to use the room that was there. A receiver that reads
                // is not to be cut off for that.
                if !outbox.has_drained_since(progress) {
                    self.refuse(receiver);
                    self.hub.expel_slow(receiver);
                    return ERR_NOT_DELIVERED;
                }
                progress = outbox.progress();
                until = Instant::now() + *patience;
                was_called = false;
            }
            // Room is announced when there is plenty. When the time is up there may be enough.
            let change = async {
                tokio::select! {
                    () = room => {}
                    () = memory, if lack == Lack::Memory => {}
                }
            };
            let _ = deadline::timeout_at(until, change).await;
        }
    }
}
