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
const REST_AFTER: Duration = Duration::from_millis(250);

/// The runtimes of the process.
pub struct Workers {
    main: Runtime,
    threads: Threads,
}

impl Workers {
    /// Prepares `count` workers, the calling thread being one of them.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors left.
    pub fn prepare(count: usize) -> io::Result<Self> {
        let main = new_runtime()?;
        let others = (1..count).map(|_| Other::prepare());
        let threads = Threads {
            main: main.handle().clone(),
            others: others.collect::<io::Result<_>>()?,
        };
        Ok(Self { main, threads })
    }

    /// One handle for each worker.
    pub fn handles(&self) -> Vec<Handle> {
        let others = self.threads.others.iter().map(|other| other.handle.clone());
        std::iter::once(self.main.handle().clone())
            .chain(others)
            .collect()
    }

    /// The threads that the workers have, and may get.
    pub fn threads(&self) -> Threads {
        self.threads.clone()
    }

    /// Works on the calling thread until the future is done, then stops all workers. Tasks that
    /// still run are dropped.
    pub fn run<T>(self, future: impl Future<Output = T>) -> T {
        let result = self.main.block_on(future);
        for other in self.threads.others.iter() {
            other.stop();
        }
        self.main.shutdown_background();
        result
    }
}

/// Which workers have a thread. Known by their number, the first one is 0.
#[derive(Clone)]
pub struct Threads {
    main: Handle,
    others: Arc<[Arc<Other>]>,
}

impl Threads {
    /// Sees to it that tasks which were spawned on a worker before are carried out.
    ///
    /// # Errors
    ///
    /// When it has no thread, and the system has none left.
    pub fn wake(&self, worker: usize) -> io::Result<()> {
        match worker.checked_sub(1).and_then(|i| self.others.get(i)) {
            Some(other) => other.wake(worker),
            None => Ok(()),
        }
    }

    /// The workers that have one now.
    pub fn working(&self) -> Vec<(usize, Handle)> {
        let others = self.others.iter().enumerate();
        let working = others.filter(|(_, other)| other.state.lock().thread.is_some());
        std::iter::once((0, self.main.clone()))
            .chain(working.map(|(i, other)| (i + 1, other.handle.clone())))
            .collect()
    }
}

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
    async fn ids(handles: &[Handle], threads: &Threads) -> Vec<ThreadId> {
        let mut ids = Vec::new();
        for (number, handle) in handles.iter().enumerate() {
            let task = handle.spawn(async { std::thread::current().id() });
            threads.wake(number).expect("a thread");
            ids.push(task.await.expect("its id"));
        }
        ids
    }

    #[test]
    fn each_worker_is_a_thread_of_its_own_and_the_caller_is_one_of_them() {
        let workers = Workers::prepare(3).expect("three workers");
        let (handles, threads) = (workers.handles(), workers.threads());
        let ids = workers.run(async move { ids(&handles, &threads).await });
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
        assert!(ids.contains(&std::thread::current().id()));
    }

    #[test]
    fn a_worker_gives_its_thread_up_and_gets_another_one() {
        let workers = Workers::prepare(2).expect("two workers");
        let (handles, threads) = (workers.handles(), workers.threads());
        let (before, after) = workers.run(async move {
            let before = ids(&handles, &threads).await;
            while threads.working().len() > 1 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (before, ids(&handles, &threads).await)
        });
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
    }

    #[test]
    fn a_worker_with_a_task_keeps_its_thread() {
        let workers = Workers::prepare(2).expect("two workers");
        let (handles, threads) = (workers.handles(), workers.threads());
        workers.run(async move {
            let task = handles[1].spawn(tokio::time::sleep(REST_AFTER * 2));
            threads.wake(1).expect("a thread");
            task.await.expect("its end");
            assert_eq!(threads.working().len(), 2);
        });
    }

    #[test]
    fn tasks_that_never_end_do_not_hold_up_the_stop() {
        let workers = Workers::prepare(2).expect("two workers");
        for (number, handle) in workers.handles().iter().enumerate() {
            handle.spawn(std::future::pending::<()>());
            workers.threads().wake(number).expect("a thread");
        }
        workers.run(async {});
    }
}
