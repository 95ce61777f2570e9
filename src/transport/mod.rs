//! Bytes in, bytes out: what the broker's sessions and the client have in common. Knows sockets,
//! buffers and bounds; knows nothing of names, topics or routing.
//!
//! - [`socket`]: UNIX, TCP and TLS streams behind one type
//! - `tls`: records and certificates, with the feature of that name
//! - [`deadline`]: how long peers have for all of this
//! - [`intake`]: reading; one large buffer per thread, lent to whoever has something to read
//! - [`outbox`]: writing; a bounded queue of encoded bytes that leave from the task that queued them

pub(crate) mod budget;
pub(crate) mod deadline;
pub(crate) mod intake;
pub(crate) mod outbox;
mod room;
mod segments;
#[cfg(test)]
pub(crate) mod simulated;
pub(crate) mod socket;
mod sync;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod watch;
