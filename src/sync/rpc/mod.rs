//! The RPC layer for programs that block: calls with replies, calls without, and notifications,
//! carried by direct messages (protocol, section 9).
//!
//! What others ask of an [`RpcClient`] goes to its [`RpcHandlers`]; what it asks of others is one of
//! its own calls.
//!
//! ```no_run
//! use elbus::QoS;
//! use elbus::sync::rpc::{RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult};
//! use elbus::sync::{Client, Config};
//!
//! /// Answers `double` with twice each byte it gets.
//! struct Doubler;
//!
//! impl RpcHandlers for Doubler {
//!     fn handle_call(&self, event: RpcEvent) -> RpcResult {
//!         match event.parse_method()? {
//!             "double" => Ok(Some(event.payload().iter().map(|byte| byte << 1).collect())),
//!             _ => Err(RpcError::method(None)),
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), RpcError> {
//! let client = Client::connect(&Config::new("/run/elbus.sock", "doubler"))?;
//! let rpc = RpcClient::new(client, Doubler);
//! let params = elbus::empty_payload!();
//! let reply = rpc.call(".broker", "test", params, QoS::Processed)?;
//! assert_eq!(reply.payload(), b"\x81\xA2ok\xC3");
//! # Ok(())
//! # }
//! ```
//!
//! Handlers run in threads, which are started when there is work and kept until the client is dropped:
//! as many as have been busy at the same time, [`Options::max_tasks`] at most. *Blocking* ones
//! ([`Options`]) share one thread, so that one runs after the other, in the order of arrival. A handler
//! may call others: replies do not wait for handlers. One more thread takes what arrives, and pings the
//! broker once per timeout.
//!
//! Every call ends within a timeout; see [`Options::timeout`].

mod client;
mod dispatch;
mod handlers;
mod workers;

pub use crate::rpc::{Options, RpcError, RpcEvent, RpcEventKind, RpcResult, rpc_err_str};
pub use client::RpcClient;
pub use handlers::{DummyHandlers, RpcHandlers};
