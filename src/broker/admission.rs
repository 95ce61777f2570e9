//! Who may be in the handshake, when more want to than may.
//!
//! An honest client is through with its handshake within milliseconds; what stays there for long does
//! not want to register. So when all places are taken, the connection that has had its place for the
//! longest time gives it up to the newest one. With a bound alone, a few hundred idle connections
//! would keep everybody out for a whole timeout, again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::tally::Tally;

/// The places of one listener.
pub(super) struct Admission {
    /// What bounds the connections: whoever is told to leave counts until it has.
    places: Arc<Semaphore>,
    taken: Arc<Mutex<Taken>>,
    /// What those do who stay, for the log.
    fault: &'static str,
}

/// Handshakes by their age: the numbers grow.
#[derive(Default)]
struct Taken {
    next: u64,
    leave: BTreeMap<u64, Arc<Notify>>,
    crowd: Tally,
}

impl Admission {
    /// `fault` tells the log what is wrong with those who stay: they "do not register".
    pub(super) fn new(places: usize, fault: &'static str) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            taken: Arc::default(),
            fault,
        }
    }

    /// Waits for a place, which is free as soon as the oldest handshake has ended. `port` is for the
    /// log.
    pub(super) async fn enter(&self, port: &str) -> Place {
        if let Some(place) = self.try_enter() {
            return place;
        }
        self.make_room(port);
        // Fails only if closed, which it never is.
        self.give_place(self.places.clone().acquire_owned().await.ok())
    }

    /// Takes a place if one is free.
    pub(super) fn try_enter(&self) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        Some(self.give_place(Some(permit)))
    }

    #[cfg(test)]
    pub(super) fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    fn give_place(&self, permit: Option<OwnedSemaphorePermit>) -> Place {
        let leave = Arc::new(Notify::new());
        let mut taken = self.taken.lock();
        let number = taken.next;
        taken.next += 1;
        taken.leave.insert(number, leave.clone());
        Place {
            number,
            leave,
            taken: self.taken.clone(),
            _permit: permit,
        }
    }

    fn make_room(&self, port: &str) {
        let mut taken = self.taken.lock();
        let Some((_, oldest)) = taken.leave.pop_first() else {
            return;
        };
        oldest.notify_one();
        let told = taken.crowd.count(Instant::now());
        drop(taken);
        if let Some(left) = told {
            let fault = self.fault;
            log::warn!("{port}: too many connections that {fault}, {left} had to make room");
        }
    }
}

/// The right to be in the handshake, until it is dropped.
pub(super) struct Place {
    number: u64,
    leave: Arc<Notify>,
    taken: Arc<Mutex<Taken>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Ends when somebody else needs the place.
    pub(super) async fn needed(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.lock().leave.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn enter(admission: &Admission) -> Place {
        match poll(pin!(admission.enter("port"))) {
            Poll::Ready(place) => place,
            Poll::Pending => panic!("no place"),
        }
    }

    fn is_needed(place: &Place) -> bool {
        poll(pin!(place.needed())).is_ready()
    }

    #[test]
    fn the_oldest_makes_room_for_the_newest() {
        let admission = Admission::new(2, "do not register");
        let (first, second) = (enter(&admission), enter(&admission));
        assert!(!is_needed(&first));
        let mut third = pin!(admission.enter("port"));
        assert!(poll(third.as_mut()).is_pending());
        assert!(is_needed(&first) && !is_needed(&second));
        // Its place counts until it is given up.
        assert!(poll(third.as_mut()).is_pending());
        drop(first);
        assert!(poll(third.as_mut()).is_ready());
    }

    #[test]
    fn nobody_has_to_leave_while_there_is_room() {
        let admission = Admission::new(2, "do not register");
        let first = enter(&admission);
        for _ in 0..10 {
            drop(enter(&admission));
        }
        assert!(!is_needed(&first));
    }
}
