//! Gives free memory back to the system. jemalloc does so a second after it was freed, but only when
//! somebody allocates or frees, so a broker that falls idle would keep what its last burst took. A
//! thread of the allocator's own would do it, and wake up for it; the keep-alive tick wakes up anyway.

#[cfg(not(feature = "std-alloc"))]
use crate::unchecked::command_allocator;

/// To be called with each keep-alive tick of a listener that has so many clients.
#[cfg(not(feature = "std-alloc"))]
pub fn tick(clients: usize) {
    // Everything is in the one arena that the built-in configuration asks for. With more of them, set
    // in the environment, the others go on as jemalloc does it.
    command_allocator(match clients {
        // There may be no further tick.
        0 => c"arena.0.purge",
        _ => c"arena.0.decay",
    });
}

/// The allocator of the standard library has its own ways.
#[cfg(feature = "std-alloc")]
pub fn tick(_: usize) {}
