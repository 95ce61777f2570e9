//! The RPC side of a peer: the methods it serves, and what it prints of the rest.

use super::bus::rpc::{RpcError, RpcEvent, RpcHandlers, RpcResult};
use super::bus::{Frame, QoS};
use super::output::{Output, show};
use async_trait::async_trait;

/// The code of the errors that the method `fail` returns, the same in every peer.
const FAIL_CODE: i16 = -777;

/// Calls ask for an acknowledgement, as the Python packages do.
pub(super) const CALL_QOS: QoS = QoS::Processed;

pub(super) struct Handlers {
    pub(super) output: Output,
    /// The name of the client that the calls come to.
    pub(super) receiver: String,
}

#[async_trait]
impl RpcHandlers for Handlers {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        let method = event.parse_method()?;
        if !event.is_response_required() {
            self.output.frame(
                &self.receiver,
                "call0",
                event.sender(),
                method,
                event.payload(),
            );
        }
        match method {
            "echo" => Ok(Some(event.payload().to_vec())),
            "nothing" => Ok(None),
            "fail" => Err(RpcError::new(FAIL_CODE, Some(event.payload().to_vec()))),
            _ => Err(RpcError::method(None)),
        }
    }

    async fn handle_notification(&self, event: RpcEvent) {
        self.output.frame(
            &self.receiver,
            "notification",
            event.sender(),
            "-",
            event.payload(),
        );
    }

    async fn handle_frame(&self, frame: Frame) {
        self.output.bus_frame(&self.receiver, &frame);
    }
}

/// What follows `error` when a call fails: the code, and the data if there is any.
pub(super) fn error_text(error: &RpcError) -> String {
    match error.data() {
        Some(data) if !data.is_empty() => format!("rpc {} {}", error.code(), show(data)),
        _ => format!("rpc {}", error.code()),
    }
}
