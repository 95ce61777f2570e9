//! The threads that the workers of the benchmark share.
//!
//! Each has a single-threaded runtime of its own: what a worker and its connections have to tell
//! each other wakes no other thread. Half of the processors are left to the broker.

use std::io;
use std::num::NonZero;
use std::thread::Builder as Thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Runtimes that run until this is dropped.
pub struct Threads {
    handles: Vec<Handle>,
    _running: watch::Sender<()>,
}

impl Threads {
    /// Starts as many as `workers` can use.
    ///
    /// # Errors
    ///
    /// When the system has no descriptors or threads left.
    pub fn start(workers: usize) -> io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let running = watch::Sender::new(());
        let mut handles = Vec::new();
        for _ in 0..(processors / 2).clamp(1, workers.max(1)) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let mut running = running.subscribe();
            Thread::new().name("benchmark".to_owned()).spawn(move || {
                // Nothing is ever sent: the error that ends the wait is the sender's end.
                let _ = runtime.block_on(running.changed());
                runtime.shutdown_background();
            })?;
        }
        Ok(Self {
            handles,
            _running: running,
        })
    }

    /// Where the worker with this number lives.
    pub fn of(&self, worker: usize) -> &Handle {
        &self.handles[worker % self.handles.len()]
    }
}
