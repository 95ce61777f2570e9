//! Clients that do nothing: what a broker needs for them.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use super::fresh_name;
use crate::proc::{Memory, memory};
use crate::wire::{Address, Protocol, Stream};

/// How long memory is left to settle. Shorter than what the strictest broker grants silent clients.
const SETTLE: Duration = Duration::from_secs(2);

pub const CLIENTS: [usize; 3] = [0, 100, 1000];

/// Memory of the broker with each number of clients, connected over TCP or UNIX sockets.
pub fn measure(protocol: Protocol, address: &Address, pid: u32) -> Result<Vec<(usize, Memory)>> {
    let mut clients: Vec<Stream> = Vec::new();
    let mut rows = Vec::new();
    for count in CLIENTS {
        while clients.len() < count {
            clients.push(protocol.open(address, &fresh_name())?);
        }
        sleep(SETTLE);
        rows.push((count, memory(pid)?));
    }
    Ok(rows)
}
