//! A bounded number of threads that handle items in the order of arrival. One thread only means one
//! item after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::rpc::backlog::Backlog;
use crate::sync::deadline::left;

/// The threads, and what waits for them. They end when told so.
pub(super) struct Workers<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    handler: Box<dyn Fn(T) + Send + Sync>,
    max_threads: usize,
    state: Mutex<State<T>>,
    /// There is an item, or nothing more to come.
    work: Condvar,
    /// Something that waited has been taken up.
    room: Condvar,
}

struct State<T> {
    backlog: Backlog<T>,
    threads: usize,
    /// Threads that wait for work.
    idle: usize,
    end: End,
}

#[derive(PartialEq, Clone, Copy)]
enum End {
    /// Not yet.
    Open,
    /// When everything that waits is done.
    Finish,
    /// At once.
    Abandon,
}

impl<T: Send + 'static> Workers<T> {
    /// Workers without threads. If `handler` panics, the thread goes on with the next item.
    pub(super) fn new(max_threads: usize, handler: impl Fn(T) + Send + Sync + 'static) -> Self {
        let state = State {
            backlog: Backlog::new(),
            threads: 0,
            idle: 0,
            end: End::Open,
        };
        let shared = Shared {
            handler: Box::new(handler),
            max_threads,
            state: Mutex::new(state),
            work: Condvar::new(),
            room: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Takes an item of `bytes` bytes; waits if too many wait already. The item comes back if there is
    /// no room by the deadline.
    pub(super) fn submit(&self, item: T, bytes: usize, deadline: Instant) -> Result<(), T> {
        let mut state = self.shared.state();
        while !state.backlog.has_room(bytes) && state.end == End::Open {
            let Some(left) = left(deadline) else {
                return Err(item);
            };
            let waited = self.shared.room.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if state.end != End::Open {
            return Ok(());
        }
        state.backlog.push(item, bytes);
        if state.backlog.len() <= state.idle {
            self.shared.work.notify_one();
        } else if state.threads < self.shared.max_threads {
            state.threads += 1;
            drop(state);
            self.start_thread();
        }
        Ok(())
    }

    fn start_thread(&self) {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("elbus handler".to_owned());
        if let Err(e) = thread.spawn(move || shared.work()) {
            // The item waits for a thread that there is, or for the next attempt.
            log::error!("no thread for an RPC handler: {e}");
            self.shared.state().threads -= 1;
        }
    }

    /// No more items come; those that wait are handled.
    pub(super) fn finish(&self) {
        self.end(End::Finish);
    }

    /// Nothing is handled any more but what is being handled.
    pub(super) fn abandon(&self) {
        self.end(End::Abandon);
    }

    fn end(&self, end: End) {
        let mut state = self.shared.state();
        if state.end != End::Abandon {
            state.end = end;
        }
        self.shared.work.notify_all();
        self.shared.room.notify_all();
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // The state is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread.
    fn work(&self) {
        while let Some(item) = self.next() {
            // What the handler leaves half-done is its own.
            if catch_unwind(AssertUnwindSafe(|| (self.handler)(item))).is_err() {
                log::error!("an RPC handler panicked");
            }
        }
    }

    /// What the calling thread has to do next; it must end if that is `None`.
    fn next(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if state.end == End::Abandon {
                return None;
            }
            if let Some(item) = state.backlog.pop() {
                self.room.notify_one();
                return Some(item);
            }
            if state.end == End::Finish {
                return None;
            }
            state.idle += 1;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::limits::{MAX_RPC_WAITING, MAX_RPC_WAITING_BYTES};
    use crate::sync::deadline::after;

    /// What only a failure needs.
    const DEADLINE: Duration = Duration::from_secs(60);

    fn submit<T: Send + 'static>(workers: &Workers<T>, item: T) {
        let taken = workers.submit(item, 0, after(DEADLINE));
        assert!(taken.is_ok(), "no room");
    }

    #[test]
    fn one_thread_keeps_the_order() {
        let (done, handled) = channel();
        let workers = Workers::new(1, move |n: u32| done.send(n).unwrap());
        (0..100).for_each(|n| submit(&workers, n));
        workers.finish();
        // The last thread drops the other end.
        drop(workers);
        assert!(handled.iter().eq(0..100));
    }

    /// Each handler waits for one that comes later.
    #[test]
    fn as_many_at_a_time_as_allowed() {
        let barrier = Arc::new(std::sync::Barrier::new(4));
        let (done, handled) = channel();
        let workers = {
            let barrier = Arc::clone(&barrier);
            Workers::new(3, move |n: u32| {
                barrier.wait();
                done.send(n).unwrap();
            })
        };
        (0..6).for_each(|n| submit(&workers, n));
        for _ in 0..2 {
            barrier.wait();
            for _ in 0..3 {
                handled.recv_timeout(DEADLINE).unwrap();
            }
        }
        assert_eq!(workers.shared.state().threads, 3);
    }

    #[test]
    fn a_thread_that_has_nothing_to_do_takes_the_next_item() {
        let (done, handled) = channel();
        let workers = Workers::new(8, move |()| done.send(thread::current().id()).unwrap());
        let mut used = std::collections::HashSet::new();
        for _ in 0..20 {
            submit(&workers, ());
            used.insert(handled.recv_timeout(DEADLINE).unwrap());
            while workers.shared.state().idle == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(used.len(), 1);
    }

    #[test]
    fn items_wait_up_to_a_number_and_a_size() {
        let full = |bytes: usize, expected: usize| {
            let (begun, begins) = channel();
            let (go_on, gate) = channel::<()>();
            let gate = Mutex::new(gate);
            let workers = Workers::new(1, move |()| {
                begun.send(()).unwrap();
                let _ = gate.lock().unwrap().recv();
            });
            submit(&workers, ());
            begins.recv_timeout(DEADLINE).unwrap();
            let mut waiting = 0;
            while workers.submit((), bytes, Instant::now()).is_ok() {
                waiting += 1;
            }
            assert_eq!(waiting, expected, "{bytes} bytes each");
            workers.abandon();
            drop(go_on);
        };
        full(0, MAX_RPC_WAITING);
        full(MAX_RPC_WAITING_BYTES / 4, 4);
        full(MAX_RPC_WAITING_BYTES + 1, 1);
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let (done, handled) = channel();
        let workers = Workers::new(1, move |n: usize| {
            assert!(n.is_multiple_of(2), "every other item panics");
            done.send(n).unwrap();
        });
        (0..6).for_each(|n| submit(&workers, n));
        workers.finish();
        drop(workers);
        assert!(handled.iter().eq([0, 2, 4]));
    }
}
