//! elbus: a message broker for Linux edge and IoT devices.
//!
//! Clients have names. They send each other *messages*, reach many with a *broadcast* to a mask of
//! names (`sensor.*`), *publish* to topics (`plant/line1/temperature`) that others subscribe to,
//! and call each other's methods over the RPC layer. A broker carries it all, over UNIX and TCP
//! sockets and between threads of one process.
//!
//! | feature | what it brings |
//! |---|---|
//! | `ipc` | [`ipc::Client`]: connect to a broker over a socket |
//! | `rpc` | [`rpc`]: calls, notifications, handlers |
//! | `ipc-sync` | [`sync`]: the same client for programs that block, without a runtime |
//! | `rpc-sync` | [`sync::rpc`]: calls, notifications, handlers for that |
//! | `broker` | [`broker::Broker`]: embed the broker in an application |
//! | `full` | `ipc`, `rpc`, `broker` |
//! | `bridge` | [`bridge`]: join the bus with an MQTT broker or cluster; what the program `elbus-bridge` needs |
//! | `server` | what the program `elbusd` needs |
//! | `cli` | what the program `elbus` needs |
//! | `tls` | TLS over TCP, for whichever of these are there |
//! | `std-alloc` | the programs use the standard allocator |
//!
//! No feature is on by default.
//!
//! Where to start: [`ipc`] for a program that uses a broker, [`rpc`] for one that offers or calls
//! methods, [`broker`] for one that is a broker. What can be done with a client, whichever it is, is
//! the trait [`client::AsyncClient`]; what it receives is a [`Frame`]; whether the broker confirms an
//! operation is its [`QoS`]. The directory `examples` has a program for each of these.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
// The transport and the frames serve both the broker and the client. What one of them does not use
// is no dead code; what nobody uses shows when all features are on.
#![cfg_attr(
    not(all(
        feature = "ipc",
        feature = "rpc",
        feature = "broker",
        feature = "rpc-sync"
    )),
    allow(dead_code)
)]

#[cfg(any(feature = "ipc", feature = "ipc-sync", feature = "broker"))]
pub mod address;
pub mod borrow;
#[cfg(feature = "bridge")]
pub mod bridge;
#[cfg(feature = "broker")]
pub mod broker;
// Each program has use for a part of it.
#[cfg(feature = "bridge")]
#[allow(dead_code)]
mod config_file;
#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
mod deadline;
mod error;
mod frame;
pub mod limits;
#[cfg(any(feature = "ipc", feature = "ipc-sync"))]
mod link;
#[cfg(any(feature = "broker", feature = "bridge"))]
mod maps;
#[cfg(any(feature = "broker", feature = "bridge"))]
mod matching;
pub mod protocol;

#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
pub mod client;
#[cfg(any(feature = "ipc", feature = "broker"))]
pub mod comm;
#[cfg(any(feature = "rpc-base", feature = "broker"))]
pub mod common;
#[cfg(feature = "rpc-base")]
pub mod rpc;
#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
pub mod tools;
#[cfg(any(feature = "ipc", feature = "ipc-sync", feature = "broker"))]
mod transport;

#[cfg(feature = "ipc-sync")]
pub mod sync;

/// The client for UNIX and TCP sockets.
///
/// ```no_run
/// use elbus::QoS;
/// use elbus::client::AsyncClient;
/// use elbus::ipc::{Client, Config};
///
/// # async fn example() -> Result<(), elbus::Error> {
/// // A path, or HOST:PORT; and the name by which others reach this client.
/// let config = Config::new("/run/elbus.sock", "display.1");
/// let mut client = Client::connect(&config).await?;
/// let events = client.take_event_channel().expect("nobody else has taken it");
/// client.subscribe("plant/#", QoS::Realtime).await?;
///
/// // The channel ends with the connection.
/// while let Ok(frame) = events.recv().await {
///     println!("{}: {} bytes", frame.topic().unwrap_or("message"), frame.payload().len());
/// }
/// # Ok(())
/// # }
/// ```
///
/// Messages, broadcasts and publications arrive on the event channel, in the order in which they were
/// sent. Confirmations do not; they belong to the calls that asked for them.
///
/// A client does not connect again by itself: a new one starts without the subscriptions of the old
/// one, and what was sent in between is lost. Nor does it [`ping`](crate::client::AsyncClient::ping),
/// which is how the loss of a silent connection is noticed; an [`RpcClient`](crate::rpc::RpcClient)
/// on top of it does.
#[cfg(feature = "ipc")]
pub mod ipc {
    pub use crate::client::ipc::Client;
    pub use crate::link::Config;
}

/// The blocks of the book that are programs in Rust, compiled and run.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../docs/embedding.md")]
mod embedding {}

use std::time::Duration;

#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
pub use async_trait::async_trait;
pub use error::{Error, ErrorKind, IntoElbusResult};
pub use frame::{Frame, FrameData};
pub use protocol::operation::{FrameKind, FrameOp, QoS};
pub use protocol::{
    ERR_ACCESS, ERR_BUSY, ERR_CLIENT_NOT_REGISTERED, ERR_DATA, ERR_IO, ERR_NOT_DELIVERED,
    ERR_NOT_SUPPORTED, ERR_OTHER, ERR_TIMEOUT, GREETINGS, OP_ACK, OP_BROADCAST, OP_EXCLUDE,
    OP_MESSAGE, OP_NOP, OP_PUBLISH, OP_PUBLISH_FOR, OP_SUBSCRIBE, OP_UNEXCLUDE, OP_UNSUBSCRIBE,
    PING_FRAME, PROTOCOL_VERSION, RESPONSE_OK, SECONDARY_SEP,
};

/// The version of this crate.
pub static VERSION: &str = env!("CARGO_PKG_VERSION");

/// Who makes this crate.
pub static AUTHOR: &str = "The elbus authors";

/// How long a client waits for an answer, unless configured.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a frame that is not real-time may wait to be joined by others, unless configured.
pub const DEFAULT_BUF_TTL: Duration = Duration::from_micros(10);

/// Size of an I/O buffer in bytes, unless configured.
pub const DEFAULT_BUF_SIZE: usize = 8192;

/// Frames that wait in a queue, unless configured.
pub const DEFAULT_QUEUE_SIZE: usize = limits::DEFAULT_QUEUE_FRAMES;

/// The channel on which a client receives frames.
#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
pub type EventChannel = async_channel::Receiver<Frame>;

/// The confirmation of an operation: `None` if its QoS asks for none.
#[cfg(any(feature = "ipc", feature = "rpc", feature = "broker"))]
pub type OpConfirm = Option<tokio::sync::oneshot::Receiver<Result<(), Error>>>;
