//! The client for programs that block: the calls of [`ipc::Client`](crate::ipc::Client), without an
//! asynchronous runtime and without `tokio` in the program.
//!
//! ```no_run
//! use elbus::QoS;
//! use elbus::sync::{Client, Config};
//!
//! # fn main() -> Result<(), elbus::Error> {
//! // A path, or HOST:PORT; and the name by which others reach this client.
//! let client = Client::connect(&Config::new("/run/elbus.sock", "display.1"))?;
//! let events = client.take_event_channel().expect("nobody else has taken it");
//! client.subscribe("plant/#", QoS::Processed)?.expect("this QoS asks for one").wait()?;
//!
//! // The channel ends with the connection.
//! while let Ok(frame) = events.recv() {
//!     println!("{}: {} bytes", frame.topic().unwrap_or("message"), frame.payload().len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A client has one thread, which reads. What is sent is written by the thread that calls; any number
//! of them may, a client is shared by reference or in an [`Arc`](std::sync::Arc). Nothing polls: an
//! idle client does not wake up. Every call ends within the timeout of the [`Config`].
//!
//! Messages, broadcasts and publications arrive on the event channel, in the order in which they were
//! sent. Confirmations do not; they belong to the calls that asked for them. As with the other clients
//! of this crate, a new connection is a new client, and [`ping`](Client::ping) is how the loss of a
//! silent connection is noticed; an [`RpcClient`](rpc::RpcClient) pings by itself.
//!
//! TLS is not for this client: an address `tls://…` is refused.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `client` | operations |
//! | `confirmation` | the broker's answer to one of them |
//! | `events` | the channel on which frames arrive |
//! | `shared` | what the client, its channel and its thread share: queue, pending answers, the end |
//! | `reader` | the thread that reads |
//! | `output` | one writer at a time |
//! | `stream` | UNIX and TCP streams, connecting |
//! | `rpc` | the RPC layer |

mod client;
mod confirmation;
mod deadline;
mod events;
mod output;
mod reader;
#[cfg(feature = "rpc-sync")]
pub mod rpc;
mod shared;
mod stream;

pub use crate::link::Config;
pub use client::Client;
pub use confirmation::{Confirmation, OpConfirm};
pub use events::EventChannel;
