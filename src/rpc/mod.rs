//! The RPC layer: calls with replies, calls without, and notifications, carried by direct messages
//! (protocol, section 9).
//!
//! [`RpcClient`] wraps any [`AsyncClient`](crate::client::AsyncClient). What others ask of it goes
//! to its [`RpcHandlers`]; what it asks of others goes through the trait [`Rpc`].
//!
//! ```
//! # #[cfg(feature = "rpc")]
//! # mod example {
//! use elbus::QoS;
//! use elbus::client::AsyncClient;
//! use elbus::rpc::{Rpc, RpcClient};
//! use elbus::rpc::{RpcError, RpcEvent, RpcHandlers, RpcResult};
//!
//! /// Answers `double` with twice each byte it gets.
//! struct Doubler;
//!
//! #[elbus::async_trait]
//! impl RpcHandlers for Doubler {
//!     async fn handle_call(&self, event: RpcEvent) -> RpcResult {
//!         match event.parse_method()? {
//!             "double" => Ok(Some(event.payload().iter().map(|byte| byte << 1).collect())),
//!             _ => Err(RpcError::method(None)),
//!         }
//!     }
//! }
//!
//! /// Two clients of one broker.
//! async fn example(
//!     server: impl AsyncClient + 'static,
//!     caller: impl AsyncClient + 'static,
//! ) -> Result<(), RpcError> {
//!     let name = server.get_name().to_owned();
//!     let _server = RpcClient::new(server, Doubler);
//!     let caller = RpcClient::new0(caller);
//!
//!     let params = b"\x01\x02".as_slice().into();
//!     let reply = caller.call(&name, "double", params, QoS::Processed).await?;
//!     assert_eq!(reply.payload(), b"\x02\x04");
//!
//!     let params = elbus::empty_payload!();
//!     let error = caller.call(&name, "halve", params, QoS::Processed).await;
//!     let code = error.expect_err("there is no such method").code();
//!     assert_eq!(code, elbus::rpc::RPC_ERROR_CODE_METHOD_NOT_FOUND);
//!     Ok(())
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # pub async fn main() -> Result<(), RpcError> {
//! #     #[cfg(feature = "broker")]
//! #     {
//! #         let broker = elbus::broker::Broker::new();
//! #         let server = broker.register_client("server").await?;
//! #         example(server, broker.register_client("caller").await?).await?;
//! #     }
//! #     Ok(())
//! # }
//! # }
//! # fn main() {
//! #     #[cfg(feature = "rpc")]
//! #     example::main().unwrap();
//! # }
//! ```
//!
//! Params and results are bytes. MessagePack maps are the custom (`rmp_serde::to_vec_named`,
//! `rmp_serde::from_slice`), and what the methods of `.broker` and the command line use; errors of
//! `rmp_serde` become [`RpcError`]s with `?`.
//!
//! Handlers run at the same time, each in a task of its own, unless [`Options`] make them *blocking*:
//! then one runs after the other, in the order of arrival. A handler that calls others does so by a
//! client of its own. A *secondary* is made for that
//! ([`ipc::Client::register_secondary`](crate::ipc::Client::register_secondary)): make an `RpcClient`
//! of it and give it to the handlers. The program `rpc_blocking_handler` among the examples shows it.
//!
//! Every call ends within a timeout; see [`Options::timeout`].

pub(crate) mod backlog;
pub(crate) mod calls;
#[cfg(feature = "rpc")]
mod client;
#[cfg(feature = "rpc")]
mod dispatch;
mod error;
mod event;
#[cfg(feature = "rpc")]
mod handlers;
mod options;
#[cfg(feature = "rpc")]
mod pool;
#[cfg(all(test, feature = "rpc"))]
mod tests;
pub(crate) mod work;

pub use crate::protocol::rpc::{
    RPC_ERROR, RPC_ERROR_CODE_INTERNAL, RPC_ERROR_CODE_INVALID_METHOD_PARAMS,
    RPC_ERROR_CODE_INVALID_REQUEST, RPC_ERROR_CODE_METHOD_NOT_FOUND, RPC_ERROR_CODE_PARSE,
    RPC_NOTIFICATION, RPC_REPLY, RPC_REQUEST,
};
#[cfg(feature = "rpc")]
pub use client::{Rpc, RpcClient};
pub use error::{RpcError, RpcResult, rpc_err_str};
pub use event::{RpcEvent, RpcEventKind};
#[cfg(feature = "rpc")]
pub use handlers::{DummyHandlers, RpcHandlers};
pub use options::Options;
