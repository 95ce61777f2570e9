//! What an application does about the calls, notifications and frames that it receives.

use super::{RpcError, RpcEvent, RpcResult};
use crate::Frame;

/// Handlers of an [`RpcClient`](super::RpcClient). The defaults refuse calls and ignore all else.
///
/// A handler that panics ends alone: its caller gets
/// [`RPC_ERROR_CODE_INTERNAL`](crate::rpc::RPC_ERROR_CODE_INTERNAL), the client goes on.
pub trait RpcHandlers {
    /// Answers a call. If the caller wants no reply
    /// ([`is_response_required`](RpcEvent::is_response_required)), the result is dropped.
    fn handle_call(&self, event: RpcEvent) -> RpcResult {
        let _ = event;
        Err(RpcError::method(None))
    }

    /// Takes note of a notification.
    fn handle_notification(&self, event: RpcEvent) {
        let _ = event;
    }

    /// Takes a publication or a broadcast.
    fn handle_frame(&self, frame: Frame) {
        let _ = frame;
    }
}

/// The default handlers, for clients that only call others.
#[derive(Debug, Default, Clone, Copy)]
pub struct DummyHandlers {}

impl RpcHandlers for DummyHandlers {}
