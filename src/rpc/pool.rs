//! A bounded number of tasks that handle items in the order of arrival.
//!
//! An item goes to a new task as long as there are less than `max_tasks` of them; then items wait,
//! and each task takes the next one when it is done. One task only means one item after the other.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::Notify;
use tokio::task::{JoinSet, consume_budget};

use super::backlog::Backlog;

/// The tasks, and what waits for them. Dropping the pool ends its tasks.
pub(super) struct Pool<T, F> {
    shared: Arc<Shared<T, F>>,
    tasks: JoinSet<()>,
}

struct Shared<T, F> {
    handler: F,
    max_tasks: usize,
    state: Mutex<State<T>>,
    /// Something that waited has been taken up.
    room: Notify,
}

struct State<T> {
    /// Tasks that have not decided to end. Nothing waits while there are less than `max_tasks`.
    tasks: usize,
    waiting: Backlog<T>,
}

impl<T, F, Fut> Pool<T, F>
where
    T: Send + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    /// A pool without tasks. If `handler` panics, the task goes on with the next item.
    pub(super) fn new(max_tasks: usize, handler: F) -> Self {
        let state = State {
            tasks: 0,
            waiting: Backlog::new(),
        };
        let shared = Shared {
            handler,
            max_tasks,
            state: Mutex::new(state),
            room: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            tasks: JoinSet::new(),
        }
    }

    /// Takes an item of `bytes` bytes; waits if too many wait already.
    pub(super) async fn submit(&mut self, item: T, bytes: usize) {
        while self.tasks.try_join_next().is_some() {}
        loop {
            {
                let mut state = self.shared.state();
                if state.tasks < self.shared.max_tasks {
                    state.tasks += 1;
                    break;
                }
                if state.waiting.has_room(bytes) {
                    state.waiting.push(item, bytes);
                    return;
                }
            }
            self.shared.room.notified().await;
        }
        self.tasks.spawn(run(Arc::clone(&self.shared), item));
    }

    /// Waits until everything that was taken is handled.
    pub(super) async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

impl<T, F> Shared<T, F> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // The state is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the calling task has to do next; it must end if that is `None`.
    fn next(&self) -> Option<T> {
        let mut state = self.state();
        let Some(item) = state.waiting.pop() else {
            state.tasks -= 1;
            return None;
        };
        self.room.notify_one();
        Some(item)
    }
}

async fn run<T, F, Fut>(shared: Arc<Shared<T, F>>, first: T)
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut next = Some(first);
    while let Some(item) = next {
        contain_panic(async { (shared.handler)(item).await }).await;
        // Handlers that never wait would keep the thread until nothing waits.
        consume_budget().await;
        next = shared.next();
    }
}

/// Runs a handler to its end; `None` if it panics. Whoever waits for it can go on then.
pub(super) async fn contain_panic<T>(handler: impl Future<Output = T>) -> Option<T> {
    let mut handler = pin!(handler);
    poll_fn(|cx| {
        // What the handler leaves half-done is its own; it is never polled again.
        match catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => {
                log::error!("an RPC handler panicked");
                Poll::Ready(None)
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use tokio::task::yield_now;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::limits::{MAX_RPC_WAITING, MAX_RPC_WAITING_BYTES};

    #[tokio::test(start_paused = true)]
    async fn no_more_tasks_than_allowed() {
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let handler = {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            move |()| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                async move {
                    most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                    sleep(Duration::from_millis(1)).await;
                    running.fetch_sub(1, SeqCst);
                }
            }
        };
        let mut pool = Pool::new(3, handler);
        for _ in 0..10 {
            pool.submit((), 0).await;
        }
        pool.finish().await;
        assert_eq!((most.load(SeqCst), running.load(SeqCst)), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn one_task_keeps_the_order() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handler = {
            let seen = Arc::clone(&seen);
            move |n: u64| {
                let seen = Arc::clone(&seen);
                async move {
                    // The first take longest.
                    sleep(Duration::from_millis(10 - n)).await;
                    seen.lock().unwrap().push(n);
                }
            }
        };
        let mut pool = Pool::new(1, handler);
        for n in 0..10 {
            pool.submit(n, 0).await;
            yield_now().await;
        }
        pool.finish().await;
        assert!(seen.lock().unwrap().iter().copied().eq(0..10));
    }

    #[tokio::test]
    async fn items_wait_up_to_a_number_and_a_size() {
        let full = async |bytes: usize, expected: usize| {
            let mut pool = Pool::new(1, |()| std::future::pending());
            pool.submit((), bytes).await;
            let mut waiting = 0;
            while timeout(Duration::ZERO, pool.submit((), bytes))
                .await
                .is_ok()
            {
                waiting += 1;
            }
            assert_eq!(waiting, expected, "{bytes} bytes each");
        };
        full(0, MAX_RPC_WAITING).await;
        full(MAX_RPC_WAITING_BYTES / 4, 4).await;
        full(MAX_RPC_WAITING_BYTES + 1, 1).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_pool_takes_the_next_item_when_one_is_taken_up() {
        let done = Arc::new(AtomicUsize::new(0));
        let handler = {
            let done = Arc::clone(&done);
            move |()| {
                let done = Arc::clone(&done);
                async move {
                    sleep(Duration::from_millis(1)).await;
                    done.fetch_add(1, SeqCst);
                }
            }
        };
        let mut pool = Pool::new(1, handler);
        let shared = Arc::clone(&pool.shared);
        for _ in 0..5 {
            pool.submit((), MAX_RPC_WAITING_BYTES).await;
        }
        pool.finish().await;
        assert_eq!(done.load(SeqCst), 5);
        let state = shared.state();
        assert_eq!((state.tasks, state.waiting.bytes()), (0, 0));
    }

    #[tokio::test]
    async fn a_panic_costs_the_pool_no_task() {
        let done = Arc::new(AtomicUsize::new(0));
        let handler = {
            let done = Arc::clone(&done);
            move |n: usize| {
                let done = Arc::clone(&done);
                async move {
                    assert!(n.is_multiple_of(2), "every other item panics");
                    done.fetch_add(1, SeqCst);
                }
            }
        };
        let mut pool = Pool::new(1, handler);
        for n in 0..6 {
            pool.submit(n, 0).await;
        }
        pool.finish().await;
        assert_eq!(done.load(SeqCst), 3);
    }

    #[tokio::test]
    async fn dropping_the_pool_ends_its_tasks() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let mut pool = Pool::new(1, move |()| {
            let held = Arc::clone(&held);
            async move {
                std::future::pending::<()>().await;
                drop(held);
            }
        });
        pool.submit((), 0).await;
        yield_now().await;
        assert!(Arc::strong_count(&alive) > 2);
        drop(pool);
        yield_now().await;
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
