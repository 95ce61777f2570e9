//! Calls through the bridge, in both directions, over requests and responses of MQTT 5.
//!
//! | file | job |
//! |---|---|
//! | here | what both have in common: how many may wait |
//! | `serve` | hosts call methods of clients of the bus |
//! | `ask` | clients of the bus call services of hosts |

pub(super) mod ask;
pub(super) mod serve;

use std::sync::Arc;

use tokio::sync::Semaphore;

/// The user property of a response that is an error: its code.
pub(super) const ERROR_PROPERTY: &str = "elbus-error";

/// Calls that wait for their answer.
#[derive(Debug)]
pub(super) struct Calls {
    /// Places for calls of hosts.
    serve_places: Arc<Semaphore>,
    asked: ask::Asked,
}

impl Calls {
    /// So many may wait in each direction.
    pub(super) fn new(max_pending: usize) -> Self {
        Self {
            serve_places: Arc::new(Semaphore::new(max_pending.min(Semaphore::MAX_PERMITS))),
            asked: ask::Asked::new(max_pending),
        }
    }
}
