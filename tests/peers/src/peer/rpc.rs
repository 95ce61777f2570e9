//! The RPC side of a peer: the methods it serves, and what it prints of the rest.

use super::bus::Frame;
use super::bus::rpc::{RpcError, RpcEvent, RpcHandlers, RpcResult};
use super::output::Output;
use super::words::FAIL_CODE;
use async_trait::async_trait;

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
