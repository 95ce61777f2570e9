//! Bytes in, bytes out: what the broker's sessions and the client have in common. Knows sockets,
//! buffers and bounds; knows nothing of names, topics or routing.
//!
//! - [`socket`]: UNIX, TCP and TLS streams behind one type
//! - `tls`: records, with the feature of that name; `pem`: certificates and keys, for the bridge, too
//! - [`intake`]: reading; one large buffer per thread, lent to whoever has something to read
//! - [`large`]: a large frame is received by itself, by the blocking client, too
//! - [`outbox`]: writing; a bounded queue of encoded bytes that leave from the task that queued them

#[cfg(any(feature = "ipc", feature = "broker"))]
pub(crate) mod budget;
#[cfg(any(feature = "ipc", feature = "broker"))]
pub(crate) mod intake;
pub(crate) mod large;
#[cfg(any(feature = "ipc", feature = "broker"))]
pub(crate) mod outbox;
#[cfg(any(
    feature = "bridge",
    all(feature = "tls", any(feature = "ipc", feature = "broker"))
))]
pub(crate) mod pem;
#[cfg(any(feature = "ipc", feature = "broker"))]
mod room;
#[cfg(any(feature = "ipc", feature = "broker"))]
mod segments;
#[cfg(all(test, any(feature = "ipc", feature = "broker")))]
pub(crate) mod simulated;
#[cfg(any(feature = "ipc", feature = "broker"))]
pub(crate) mod socket;
#[cfg(any(feature = "ipc", feature = "broker"))]
mod sync;
#[cfg(all(feature = "tls", any(feature = "ipc", feature = "broker")))]
pub(crate) mod tls;
#[cfg(any(feature = "ipc", feature = "broker"))]
pub(crate) mod watch;
