//! Calls through the bridge, in both directions, over requests and responses of MQTT 5.
//!
//! | file | job |
//! |---|---|
//! | here | what both have in common: how many may wait, which clients they concern |
//! | `serve` | hosts call methods of clients of the bus |
//! | `ask` | clients of the bus call services of hosts |

pub(super) mod ask;
pub(super) mod serve;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::matching::MASK;

/// The user property of a response that is an error: its code.
pub(super) const ERROR_PROPERTY: &str = "elbus-error";

/// What the names of the broker's own clients begin with.
const INTERNAL_MARK: char = '.';

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

/// Is it one of these clients? The clients of the broker's process are meant by masks only that begin
/// like their names: `*` is for those who write it no invitation to end connections of others.
fn is_one_of(masks: &[String], client: &str) -> bool {
    masks.iter().any(|mask| {
        MASK.matches(mask, client)
            && (!client.starts_with(INTERNAL_MARK) || mask.starts_with(INTERNAL_MARK))
    })
}

#[cfg(test)]
mod tests {
    use super::is_one_of;

    #[test]
    fn masks_name_clients_and_those_of_the_broker_only_if_they_say_so() {
        let is_one = |mask: &str, client| is_one_of(&[mask.to_owned()], client);
        assert!(is_one("plc.*", "plc.1") && is_one("*", "plc.1") && is_one("?", "x"));
        assert!(!is_one("plc.*", "plc") && !is_one("plc.?", "plc.1.2"));
        assert!(!is_one("*", ".broker") && !is_one("?.broker", ".broker"));
        assert!(is_one(".broker", ".broker") && is_one(".*", ".broker"));
        assert!(!is_one_of(&[], "plc"));
    }
}
