//! The load: what the clients of a broker do while it is measured.

pub mod connection;
pub mod engine;
pub mod fan;
pub mod idle;
pub mod latency;
pub mod outgoing;
pub mod stages;
pub mod subscriptions;

use std::sync::atomic::{AtomicU32, Ordering};

/// A name that no client had before: brokers may notice late that the last owner has gone.
fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("load.{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
