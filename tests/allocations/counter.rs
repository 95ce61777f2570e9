//! An allocator that counts, for the threads that ask for it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

#[global_allocator]
static COUNTER: Counter = Counter;

thread_local! {
    /// Where the allocations of this thread are counted.
    static TALLY: Cell<Option<&'static Tally>> = const { Cell::new(None) };
}

/// What the threads that count into it have allocated so far.
#[derive(Debug, Default)]
pub struct Tally {
    allocations: AtomicU64,
    bytes: AtomicU64,
    /// Print where each allocation comes from.
    traced: AtomicBool,
}

/// Allocations and reallocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocated {
    pub times: u64,
    pub bytes: u64,
}

impl Tally {
    /// A tally that outlives every thread, as an allocator needs it.
    pub fn new() -> &'static Self {
        Box::leak(Box::default())
    }

    /// Counts what the calling thread allocates from now on.
    pub fn count_this_thread(&'static self) {
        TALLY.set(Some(self));
    }

    /// What `work` makes the counted threads allocate. With `ALLOCATIONS_TRACE` in the environment,
    /// it is shown where.
    pub fn of(&self, work: impl FnOnce()) -> Allocated {
        let read = || (self.allocations.load(Relaxed), self.bytes.load(Relaxed));
        let before = read();
        let traced = std::env::var_os("ALLOCATIONS_TRACE").is_some();
        self.traced.store(traced, Relaxed);
        work();
        self.traced.store(false, Relaxed);
        let after = read();
        Allocated {
            times: after.0 - before.0,
            bytes: after.1 - before.1,
        }
    }
}

struct Counter;

fn note(bytes: usize) {
    // A thread that ends may allocate after its variables are gone. It is not counted any more.
    let Ok(Some(tally)) = TALLY.try_with(Cell::get) else {
        return;
    };
    tally.allocations.fetch_add(1, Relaxed);
    tally.bytes.fetch_add(bytes as u64, Relaxed);
    if tally.traced.load(Relaxed) {
        // What follows allocates as well.
        TALLY.set(None);
        eprintln!("{bytes} bytes\n{}", Backtrace::force_capture());
        TALLY.set(Some(tally));
    }
}

// SAFETY: every call is passed on as it is to the system's allocator, which keeps the contract.
// What is done besides neither unwinds nor touches the memory in question.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, new_size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}
