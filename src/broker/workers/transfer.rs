//! How a session goes from one runtime to another: its task ends here, and a new one goes on there,
//! with the same queues, the same beginning of a frame, and a new registration of the socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::broker::hub::Hub;
use crate::broker::listener::Counted;
use crate::broker::peer::{Inbox, Peer};
use crate::broker::router::Router;
use crate::broker::session::Session;
use crate::transport::intake::{Intake, Unread};
use crate::transport::socket::{Detached, Socket, WriteHalf};

/// Serves a client on the present runtime, until its end or until it goes to another one.
pub(in crate::broker) async fn lead(session: Box<Session>, counted: Counted) {
    if let Some((session, output)) = session.serve().await {
        let name = session.peer.name.clone();
        if let Err(e) = go_on_elsewhere(*session, output, counted) {
            log::warn!("client {name:?}: connection lost between two workers: {e}");
        }
    }
}

fn go_on_elsewhere(session: Session, output: WriteHalf, counted: Counted) -> io::Result<()> {
    let passage = Passage::of(&session);
    let place = passage.peer.placement.wanted();
    let Some(worker) = passage.hub.crew.workers.get(place).cloned() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let (luggage, socket) = Luggage::pack(session, output)?;
    // A runtime that has ended drops this at once.
    worker.spawn(async move {
        let name = passage.peer.name.clone();
        match passage.arrive(luggage, socket, place) {
            Ok(session) => lead(session, counted).await,
            Err(e) => log::warn!("client {name:?}: connection lost on worker {place}: {e}"),
        }
    });
    Ok(())
}

/// A session without its socket.
struct Luggage {
    router: Router,
    unread: Unread,
    max_frame: usize,
    timeout: Duration,
}

impl Luggage {
    fn pack(session: Session, output: WriteHalf) -> io::Result<(Box<Self>, Detached)> {
        let Session {
            router,
            intake,
            max_frame,
            timeout,
            ..
        } = session;
        let (input, unread) = intake.detach();
        let socket = Socket::reunite(input, output)?.detach()?;
        let luggage = Self {
            router,
            unread,
            max_frame,
            timeout,
        };
        Ok((Box::new(luggage), socket))
    }
}

/// A client between two runtimes. If it does not arrive, it is unregistered.
struct Passage {
    hub: Arc<Hub>,
    peer: Arc<Peer>,
    arrived: bool,
}

impl Passage {
    fn of(session: &Session) -> Self {
        Self {
            hub: session.router.hub.clone(),
            peer: session.peer.clone(),
            arrived: false,
        }
    }

    /// Makes it a session of the present runtime.
    fn arrive(
        mut self,
        luggage: Box<Luggage>,
        socket: Detached,
        place: usize,
    ) -> io::Result<Box<Session>> {
        let Luggage {
            router,
            unread,
            max_frame,
            timeout,
        } = *luggage;
        let (input, output) = socket.attach()?.split();
        if let Inbox::Socket { outbox, .. } = &self.peer.inbox {
            outbox.attach(output);
        }
        self.peer.placement.arrive(place);
        self.arrived = true;
        let intake = Intake::resume(input, unread);
        let session = Session::new(router, intake, max_frame, timeout);
        Ok(Box::new(session))
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if self.arrived {
            return;
        }
        self.hub.unregister(&self.peer, true);
        if let Inbox::Socket { outbox, .. } = &self.peer.inbox {
            outbox.close();
        }
    }
}
