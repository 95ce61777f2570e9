//! One connection, from its registration to its end, or until another thread goes on with it: reads
//! frames, has them routed, acknowledges.
//!
//! Three things go on side by side in one task: reading, writing what the socket did not take at
//! once, and listening for a reason to end. None of them holds up the others, so a client that
//! waits for room in somebody's queue still gets its own frames.
//!
//! What is needed only now and then is boxed: a device may have a thousand connections, and what a
//! session may ever wait for would otherwise be part of each of them.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::batch::{Batch, Obstacle};
use super::config::Overflow;
use super::peer::{Inbox, Peer, Reason};
use super::router::Router;
use crate::limits::{LINGER, READ_BUFFER_BYTES};
use crate::protocol::{DecodeError, delivery};
use crate::transport::intake::{Input, Intake};
use crate::transport::outbox::Outbox;

/// A client with so many reads that have filled the buffer floods the broker.
const FULL_READS: u8 = 32;

/// Why a session is over.
#[derive(Debug)]
enum Ending {
    /// The client has closed its sending side.
    EndOfStream,
    /// The client has sent what is not the protocol.
    Malformed(DecodeError),
    /// Reading or writing failed.
    Io(io::Error),
    /// The broker has decided so.
    Told(Reason),
}

/// A registered client that is being served.
pub(super) struct Session {
    pub(super) router: Router,
    pub(super) peer: Arc<Peer>,
    pub(super) intake: Intake,
    pub(super) max_frame: usize,
    pub(super) timeout: Duration,
    /// By how many more reads have filled the buffer than not.
    full_reads: u8,
}

/// Writes what the socket does not take at once. Ends when it takes nothing for too long, but not
/// when it fails: a client that has gone may have sent something before, and reading ends by itself
/// when all of that is carried out.
async fn stalled(outbox: &Outbox, limit: Option<Duration>) {
    match outbox.drain(limit).await {
        Err(e) if e.kind() == io::ErrorKind::TimedOut => {}
        Ok(()) | Err(_) => {
            outbox.close();
            std::future::pending().await
        }
    }
}

impl Session {
    pub(super) fn new(router: Router, intake: Intake, max_frame: usize, timeout: Duration) -> Self {
        Self {
            peer: router.source.clone(),
            router,
            intake,
            max_frame,
            timeout,
            full_reads: 0,
        }
    }

    /// Serves the client until its end, or until it is to go to another worker: then comes back.
    pub(super) async fn serve(mut self: Box<Self>) -> Option<Box<Self>> {
        let (hub, peer) = (self.router.hub.clone(), self.peer.clone());
        let Inbox::Socket {
            outbox, overflow, ..
        } = &peer.inbox
        else {
            return None;
        };
        // A receiver that may lose frames may also take its time.
        let stall_limit = (*overflow != Overflow::Drop).then_some(self.timeout);
        let ending = tokio::select! {
            biased;
            reason = peer.told_to_end() => Some(Ending::Told(reason)),
            () = stalled(outbox, stall_limit) => {
                hub.expel_slow(&peer);
                Some(Ending::Told(Reason::SlowConsumer))
            },
            ending = self.receive(outbox) => ending,
        };
        let Some(ending) = ending else {
            return Some(self);
        };
        log_ending(&peer, &ending);
        if matches!(&ending, Ending::Io(e) if e.kind() == io::ErrorKind::OutOfMemory) {
            hub.warn_of_memory();
        }
        // From here on nothing more is queued for it, and its name is free.
        // When everybody goes, nobody needs to be told of each.
        let announced = !matches!(ending, Ending::Told(Reason::Shutdown));
        hub.unregister(&peer, announced);
        if !matches!(ending, Ending::Io(_) | Ending::Told(Reason::SlowConsumer)) {
            let limit = self.timeout.min(LINGER);
            // What the client does not take by then, it does not want.
            let last_words = outbox.finish(Some(limit));
            let _ = Box::pin(tokio::time::timeout(limit, last_words)).await;
        }
        outbox.close();
        None
    }

    /// Reads until the connection is over, or, without an ending, until it is to go on elsewhere.
    async fn receive(&mut self, outbox: &Outbox) -> Option<Ending> {
        loop {
            let mut batch = Batch::new(&mut self.router, &self.peer, self.max_frame);
            let full_reads = &mut self.full_reads;
            let read = {
                let mut read = pin!(self.intake.read(|input| {
                    *full_reads = match fills_the_buffer(&input) {
                        true => full_reads.saturating_add(1),
                        false => full_reads.saturating_sub(1),
                    };
                    batch.process(input)
                }));
                // Nothing is lost if a read is given up.
                poll_fn(|cx| match self.peer.placement.is_elsewhere() {
                    true => Poll::Ready(None),
                    false => read.as_mut().poll(cx).map(Some),
                })
                .await?
            };
            let obstacle = batch.obstacle;
            if self.full_reads >= FULL_READS {
                self.full_reads = 0;
                self.router.hub.crew.alert();
            }
            match read {
                Ok(true) => {}
                Ok(false) => return Some(Ending::EndOfStream),
                Err(e) => return Some(Ending::Io(e)),
            }
            if !self.peer.is_alive() {
                return Some(Ending::Told(self.peer.told_to_end().await));
            }
            match obstacle {
                None => {}
                Some(Obstacle::Held(held, wanted)) => {
                    let code = Box::pin(self.router.wait(held)).await;
                    if let Some((op_id, qos)) = wanted {
                        self.router.acknowledge(&delivery::ack(op_id, code), qos);
                        self.router.settle();
                    }
                }
                Some(Obstacle::OwnAcks) => Box::pin(wait_for_ack_room(outbox)).await,
                Some(Obstacle::Turn) => tokio::task::yield_now().await,
                Some(Obstacle::Malformed(e)) => return Some(Ending::Malformed(e)),
            }
        }
    }
}

/// Waits until the client has read some of its acks. Its own drain task sees to it that this ends.
async fn wait_for_ack_room(outbox: &Outbox) {
    loop {
        let mut room = pin!(outbox.room());
        room.as_mut().enable();
        if outbox.has_ack_room() {
            return;
        }
        room.await;
    }
}

fn fills_the_buffer(input: &Input<'_>) -> bool {
    match input {
        Input::Frames(bytes) => bytes.len() >= READ_BUFFER_BYTES,
        Input::Large { .. } => true,
    }
}

fn log_ending(peer: &Peer, ending: &Ending) {
    let name = &peer.name;
    match ending {
        Ending::EndOfStream => log::info!("client {name:?} disconnected"),
        Ending::Malformed(e) => log::warn!("client {name:?} disconnected: {e}"),
        Ending::Io(e) if e.kind() == io::ErrorKind::TimedOut => {
            log::warn!("client {name:?} disconnected: no progress within the timeout");
        }
        Ending::Io(e) if e.kind() == io::ErrorKind::OutOfMemory => {
            log::warn!("client {name:?} disconnected: no memory for its frame within the timeout");
        }
        Ending::Io(e) => log::info!("client {name:?} disconnected: {e}"),
        Ending::Told(reason) => log::info!("client {name:?} disconnected: {}", reason.as_str()),
    }
}
