//! Bytes in, bytes out: what the broker's sessions and the client have in common. Knows sockets,
//! buffers and bounds; knows nothing of names, topics or routing.
//!
//! - [`socket`]: UNIX and TCP streams behind one type
//! - [`intake`]: reading; one large buffer per thread, lent to whoever has something to read
//! - [`outbox`]: writing; a bounded queue of encoded bytes that leave from the task that queued them

pub(crate) mod intake;
pub(crate) mod outbox;
mod segments;
#[cfg(test)]
pub(crate) mod simulated;
pub(crate) mod socket;
mod sync;
pub(crate) mod watch;
