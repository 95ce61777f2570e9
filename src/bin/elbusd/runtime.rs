//! The worker threads. Each has a single-threaded runtime of its own: a frame is read, routed and
//! written on one thread, without a switch of tasks. The main thread is the first worker, so one
//! worker is one thread; the broker keeps connections there, and uses the others when that pays.

use std::future::Future;
use std::io;
use std::thread::{Builder as Thread, JoinHandle};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;

/// The runtimes of the process.
pub struct Workers {
    main: Runtime,
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<()>>,
    /// The other workers run until it is dropped.
    running: watch::Sender<()>,
}

impl Workers {
    /// Starts `count` workers, the calling thread being one of them.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors or threads left.
    pub fn start(count: usize) -> io::Result<Self> {
        let main = new_runtime()?;
        let mut workers = Self {
            handles: vec![main.handle().clone()],
            main,
            threads: Vec::new(),
            running: watch::Sender::new(()),
        };
        for number in 1..count {
            workers.add(number)?;
        }
        Ok(workers)
    }

    fn add(&mut self, number: usize) -> io::Result<()> {
        let runtime = new_runtime()?;
        let handle = runtime.handle().clone();
        let mut running = self.running.subscribe();
        let thread = Thread::new()
            .name(format!("elbusd-{number}"))
            .spawn(move || {
                // Nothing is ever sent: the error that ends the wait is the sender's end.
                let _ = runtime.block_on(running.changed());
                runtime.shutdown_background();
            })?;
        self.handles.push(handle);
        self.threads.push(thread);
        Ok(())
    }

    /// One handle for each worker.
    pub fn handles(&self) -> Vec<Handle> {
        self.handles.clone()
    }

    /// Works on the calling thread until the future is done, then stops all workers. Tasks that
    /// still run are dropped.
    pub fn run<T>(self, future: impl Future<Output = T>) -> T {
        let result = self.main.block_on(future);
        drop(self.running);
        for thread in self.threads {
            // A worker that has panicked has said so, and has nothing left to stop.
            let _ = thread.join();
        }
        self.main.shutdown_background();
        result
    }
}

fn new_runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_worker_is_a_thread_of_its_own_and_the_caller_is_one_of_them() {
        let workers = Workers::start(3).expect("three workers");
        let handles = workers.handles();
        let threads = workers.run(async move {
            let mut threads = HashSet::new();
            for handle in handles {
                let task = handle.spawn(async { std::thread::current().id() });
                threads.insert(task.await.expect("a thread"));
            }
            threads
        });
        assert_eq!(threads.len(), 3);
        assert!(threads.contains(&std::thread::current().id()));
    }

    #[test]
    fn tasks_that_never_end_do_not_hold_up_the_stop() {
        let workers = Workers::start(2).expect("two workers");
        for handle in workers.handles() {
            handle.spawn(std::future::pending::<()>());
        }
        workers.run(async {});
    }
}
