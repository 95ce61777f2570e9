//! The worker threads. Each has a single-threaded runtime of its own: a frame is read, routed and
//! written on one thread, without a switch of tasks. The main thread is the first worker, so one
//! worker is one thread; the broker keeps connections there, and uses the others when that pays.
//!
//! The others have a thread only while they have something to do. Not for the sake of its memory
//! alone: system calls of a process with one thread are cheaper, because nothing has to be counted
//! that nobody else can touch.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{Builder as Thread, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

/// A worker that had nothing to do for so long gives up its thread.
const REST_AFTER: Duration = Duration::from_secs(2);

/// The runtimes of the process.
pub struct Workers {
    main: Runtime,
    others: Arc<Others>,
}

impl Workers {
    /// Prepares `count` workers, the calling thread being one of them.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    pub fn prepare(count: usize) -> io::Result<Self> {
        let others = (1..count).map(|_| Other::prepare());
        Ok(Self {
            main: new_runtime()?,
            others: Arc::new(Others(others.collect::<io::Result<_>>()?)),
        })
    }

    /// One handle for each worker.
    pub fn handles(&self) -> Vec<Handle> {
        let others = self.others.0.iter().map(|other| other.handle.clone());
        std::iter::once(self.main.handle().clone())
            .chain(others)
            .collect()
    }

    /// What gives a worker its thread, by its number.
    pub fn waker(&self) -> impl Fn(usize) -> io::Result<()> + Send + Sync + 'static {
        let others = self.others.clone();
        move |number| match number.checked_sub(1).and_then(|i| others.0.get(i)) {
            Some(other) => other.wake(number),
            None => Ok(()),
        }
    }

    /// Works on the calling thread until the future is done, then stops all workers. Tasks that
    /// still run are dropped.
    pub fn run<T>(self, future: impl Future<Output = T>) -> T {
        let result = self.main.block_on(future);
        for other in &self.others.0 {
            other.stop();
        }
        self.main.shutdown_background();
        result
    }
}

struct Others(Vec<Arc<Other>>);

/// A worker beside the first one.
struct Other {
    handle: Handle,
    running: watch::Sender<bool>,
    state: Mutex<State>,
}

/// Either the runtime is at rest here, or a thread has it.
struct State {
    runtime: Option<Runtime>,
    thread: Option<JoinHandle<()>>,
}

impl Other {
    fn prepare() -> io::Result<Arc<Self>> {
        let runtime = new_runtime()?;
        Ok(Arc::new(Self {
            handle: runtime.handle().clone(),
            running: watch::Sender::new(true),
            state: Mutex::new(State {
                runtime: Some(runtime),
                thread: None,
            }),
        }))
    }

    /// Sees to it that tasks that were spawned before are worked on.
    fn wake(self: &Arc<Self>, number: usize) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.thread.is_none() {
            let other = self.clone();
            let thread = Thread::new().name(format!("elbusd-{number}"));
            state.thread = Some(thread.spawn(move || other.work())?);
        }
        Ok(())
    }

    /// The life of the thread.
    fn work(&self) {
        let Some(runtime) = self.state.lock().runtime.take() else {
            return;
        };
        let mut running = self.running.subscribe();
        loop {
            let stopped = runtime.block_on(async {
                tokio::select! {
                    _ = running.wait_for(|running| !running) => true,
                    () = tokio::time::sleep(REST_AFTER) => false,
                }
            });
            if stopped {
                return runtime.shutdown_background();
            }
            let mut state = self.state.lock();
            // Whoever spawns a task wakes the worker after that, and waits for this lock.
            if runtime.metrics().num_alive_tasks() == 0 {
                state.runtime = Some(runtime);
                state.thread = None;
                return;
            }
        }
    }

    fn stop(&self) {
        self.running.send_replace(false);
        let thread = self.state.lock().thread.take();
        if let Some(thread) = thread {
            // A worker that has panicked has said so, and has nothing left to stop.
            let _ = thread.join();
        }
    }
}

fn new_runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread::ThreadId;

    /// The thread of each worker, the way the broker gives them work.
    async fn threads(handles: &[Handle], wake: impl Fn(usize) -> io::Result<()>) -> Vec<ThreadId> {
        let mut threads = Vec::new();
        for (number, handle) in handles.iter().enumerate() {
            let task = handle.spawn(async { std::thread::current().id() });
            wake(number).expect("a thread");
            threads.push(task.await.expect("its id"));
        }
        threads
    }

    #[test]
    fn each_worker_is_a_thread_of_its_own_and_the_caller_is_one_of_them() {
        let workers = Workers::prepare(3).expect("three workers");
        let (handles, wake) = (workers.handles(), workers.waker());
        let threads = workers.run(async move { threads(&handles, wake).await });
        assert_eq!(threads.iter().collect::<HashSet<_>>().len(), 3);
        assert!(threads.contains(&std::thread::current().id()));
    }

    #[test]
    fn a_worker_gives_its_thread_up_and_gets_another_one() {
        let workers = Workers::prepare(2).expect("two workers");
        let (handles, wake, others) = (workers.handles(), workers.waker(), workers.others.clone());
        let (before, after) = workers.run(async move {
            let before = threads(&handles, &wake).await;
            while others.0[0].state.lock().thread.is_some() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (before, threads(&handles, &wake).await)
        });
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
    }

    #[test]
    fn a_worker_with_a_task_keeps_its_thread() {
        let workers = Workers::prepare(2).expect("two workers");
        let (handles, wake, others) = (workers.handles(), workers.waker(), workers.others.clone());
        workers.run(async move {
            let task = handles[1].spawn(tokio::time::sleep(REST_AFTER * 2));
            wake(1).expect("a thread");
            task.await.expect("its end");
            assert!(others.0[0].state.lock().thread.is_some());
        });
    }

    #[test]
    fn tasks_that_never_end_do_not_hold_up_the_stop() {
        let workers = Workers::prepare(2).expect("two workers");
        for (number, handle) in workers.handles().iter().enumerate() {
            handle.spawn(std::future::pending::<()>());
            workers.waker()(number).expect("a thread");
        }
        workers.run(async {});
    }
}
