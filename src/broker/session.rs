//! One connection, from its registration to its end: reads frames, has them routed, acknowledges.
//!
//! Three things go on side by side in one task: reading, writing what the socket did not take at
//! once, and listening for a reason to end. None of them holds up the others, so a client that
//! waits for room in somebody's queue still gets its own frames.
//!
//! What is needed only now and then is boxed: a device may have a thousand connections, and what a
//! session may ever wait for would otherwise be part of each of them.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::access::{LiveAccess, Refreshed};
use super::batch::{Batch, Obstacle};
use super::config::Overflow;
use super::hub::Hub;
use super::peer::{Inbox, Peer, Reason};
use super::router::Router;
use crate::limits::LINGER;
use crate::protocol::{DecodeError, delivery};
use crate::transport::intake::Intake;
use crate::transport::outbox::Outbox;
use crate::transport::socket::ReadHalf;

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

struct Session {
    router: Router,
    peer: Arc<Peer>,
    intake: Intake,
    max_frame: usize,
}

/// Serves a registered client until its end.
pub(super) async fn serve(
    hub: Arc<Hub>,
    peer: Arc<Peer>,
    input: ReadHalf,
    timeout: Duration,
    max_frame: usize,
) {
    let Inbox::Socket {
        outbox, overflow, ..
    } = &peer.inbox
    else {
        return;
    };
    // A receiver that may lose frames may also take its time.
    let stall_limit = (*overflow != Overflow::Drop).then_some(timeout);
    let mut session = Session {
        router: Router::new(hub.clone(), peer.clone(), timeout),
        peer: peer.clone(),
        intake: Intake::new(input, timeout),
        max_frame,
    };
    let ending = tokio::select! {
        biased;
        reason = peer.told_to_end() => Ending::Told(reason),
        () = stalled(outbox, stall_limit) => {
            hub.expel_slow(&peer);
            Ending::Told(Reason::SlowConsumer)
        },
        ending = session.receive(outbox) => ending,
    };
    log_ending(&peer, &ending);
    // From here on nothing more is queued for it, and its name is free.
    // When everybody goes, nobody needs to be told of each.
    let announced = !matches!(ending, Ending::Told(Reason::Shutdown));
    hub.unregister(&peer, announced);
    if !matches!(ending, Ending::Io(_) | Ending::Told(Reason::SlowConsumer)) {
        let limit = timeout.min(LINGER);
        // What the client does not take by then, it does not want.
        let last_words = outbox.finish(Some(limit));
        let _ = Box::pin(tokio::time::timeout(limit, last_words)).await;
    }
    outbox.close();
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
    /// Reads until the connection is over.
    async fn receive(&mut self, outbox: &Outbox) -> Ending {
        loop {
            let mut batch = Batch::new(&mut self.router, &self.peer, self.max_frame);
            let read = self.intake.read(|input| batch.process(input)).await;
            let obstacle = batch.obstacle;
            match read {
                Ok(true) => {}
                Ok(false) => return Ending::EndOfStream,
                Err(e) => return Ending::Io(e),
            }
            if !self.peer.is_alive() {
                return Ending::Told(self.peer.told_to_end().await);
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
                Some(Obstacle::Malformed(e)) => return Ending::Malformed(e),
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

/// Makes the rights of many clients those that the access map has now. Nobody is told of those who
/// have to go before everybody has only the subscriptions that are still allowed.
pub(super) fn refresh_all(hub: &Hub, peers: &[Arc<Peer>]) {
    let revoked: Vec<_> = peers
        .iter()
        .filter(|peer| !refresh_access(hub, peer))
        .collect();
    for peer in revoked {
        hub.expel(peer, Reason::Access);
    }
}

/// Makes the client's rights those that the access map has now. False if it is not admitted any
/// more.
pub(super) fn refresh_access(hub: &Hub, peer: &Arc<Peer>) -> bool {
    let Some(access) = &peer.access else {
        return true;
    };
    match access.refresh() {
        Refreshed::Unchanged => true,
        Refreshed::Changed => {
            revoke_denied(hub, peer, access);
            true
        }
        Refreshed::Revoked => false,
    }
}

/// Ends the subscriptions that the client may not have any more.
pub(super) fn revoke_denied(hub: &Hub, peer: &Arc<Peer>, access: &LiveAccess) {
    let rights = access.current();
    hub.topics.revoke(peer, |filter| {
        filter == super::BROKER_WARN_TOPIC || rights.may_subscribe_to(filter)
    });
}

fn log_ending(peer: &Peer, ending: &Ending) {
    let name = &peer.name;
    match ending {
        Ending::EndOfStream => log::info!("client {name:?} disconnected"),
        Ending::Malformed(e) => log::warn!("client {name:?} disconnected: {e}"),
        Ending::Io(e) if e.kind() == io::ErrorKind::TimedOut => {
            log::warn!("client {name:?} disconnected: no progress within the timeout");
        }
        Ending::Io(e) => log::info!("client {name:?} disconnected: {e}"),
        Ending::Told(reason) => log::info!("client {name:?} disconnected: {}", reason.as_str()),
    }
}
