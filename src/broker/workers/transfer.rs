//! How a session goes from one runtime to another: its task ends here, and a new one goes on there.
//! Only the watching of its input moves with it; others queue and write meanwhile as always.

use std::io;

use crate::broker::listener::Counted;
use crate::broker::peer::Inbox;
use crate::broker::session::Session;

/// Serves a client on the present runtime, until its end or until it goes to another one.
pub(in crate::broker) async fn lead(session: Box<Session>, counted: Counted) {
    if let Some(session) = session.serve().await {
        go_on_elsewhere(Passage(Some(session)), counted);
    }
}

fn go_on_elsewhere(passage: Passage, counted: Counted) {
    let Some(session) = &passage.0 else { return };
    let (hub, peer) = (session.router.hub.clone(), session.peer.clone());
    let place = peer.placement.wanted();
    // A runtime that has ended drops this at once.
    let arrival = async move {
        match passage.arrive(place) {
            Ok(Some(session)) => lead(session, counted).await,
            Ok(None) => {}
            Err(e) => {
                let name = &peer.name;
                log::warn!("client {name:?}: connection lost on worker {place}: {e}");
            }
        }
    };
    hub.crew.spawn(place, arrival);
}

/// A session between two runtimes. If it does not arrive, its client is unregistered.
struct Passage(Option<Box<Session>>);

impl Passage {
    /// Makes it a session of the present runtime.
    fn arrive(mut self, place: usize) -> io::Result<Option<Box<Session>>> {
        // It may have been called back before it left. A runtime watches a descriptor only once.
        if let Some(session) = &mut self.0
            && !session.peer.placement.is_at(place)
        {
            session.intake.move_here()?;
            session.peer.placement.arrive(place);
        }
        Ok(self.0.take())
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let Some(session) = &self.0 else { return };
        let name = &session.peer.name;
        log::warn!("client {name:?} disconnected: it could not go on on another worker");
        session.router.hub.unregister(&session.peer, true);
        if let Inbox::Socket { outbox, .. } = &session.peer.inbox {
            outbox.close();
        }
    }
}
