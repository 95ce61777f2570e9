//! The RPC layer: calls with replies, calls without, and notifications, carried by direct messages
//! (protocol, section 9).
//!
//! [`RpcClient`] wraps any [`AsyncClient`](crate::client::AsyncClient). What others ask of it goes
//! to its [`RpcHandlers`]; what it asks of others goes through the trait [`Rpc`].
//!
//! ```
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
//! ```

mod calls;
mod client;
mod dispatch;
mod error;
mod event;
mod handlers;
mod options;
mod pool;
#[cfg(test)]
mod tests;

pub use crate::protocol::rpc::{
    RPC_ERROR, RPC_ERROR_CODE_INTERNAL, RPC_ERROR_CODE_INVALID_METHOD_PARAMS,
    RPC_ERROR_CODE_INVALID_REQUEST, RPC_ERROR_CODE_METHOD_NOT_FOUND, RPC_ERROR_CODE_PARSE,
    RPC_NOTIFICATION, RPC_REPLY, RPC_REQUEST,
};
pub use client::{Rpc, RpcClient};
pub use error::{RpcError, rpc_err_str};
pub use event::{RpcEvent, RpcEventKind};
pub use handlers::{DummyHandlers, RpcHandlers, RpcResult};
pub use options::Options;
