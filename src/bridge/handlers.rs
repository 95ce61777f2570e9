//! What the bridge does with frames and calls of the bus.

use std::sync::Arc;

use super::calls::ask;
use super::marks::is_from_bridge;
use super::outward::Refusal;
use super::presence;
use super::shared::Shared;
use super::status;
use crate::rpc::{RpcError, RpcEvent, RpcHandlers, RpcResult, rpc_err_str};
use crate::{ErrorKind, Frame, FrameKind, async_trait};

/// The bridge's own methods.
const STATUS: &str = "bridge.status";
const PUBLISH: &str = "bridge.publish";

/// See the top of this file.
pub(super) struct Handlers {
    shared: Arc<Shared>,
}

impl Handlers {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

/// The params of `bridge.publish`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Publication {
    topic: String,
    payload: Payload,
}

/// Text, or any bytes.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Payload {
    Text(String),
    Bytes(serde_value::Value),
}

impl Payload {
    fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::Bytes(serde_value::Value::Bytes(bytes)) => Some(bytes),
            Self::Bytes(_) => None,
        }
    }
}

#[async_trait]
impl RpcHandlers for Handlers {
    async fn handle_frame(&self, frame: Frame) {
        let (FrameKind::Publish, Some(topic)) = (frame.kind(), frame.topic()) else {
            return;
        };
        presence::hear(&self.shared, &frame);
        if is_from_bridge(frame.sender()) {
            self.shared.counters.loops.bridged.one();
            return;
        }
        self.shared.publication(topic, frame.payload());
    }

    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            STATUS => status::tell(&self.shared).map(Some),
            PUBLISH => self.publish(&event).await,
            _ => ask::call(&self.shared, &event).await,
        }
    }
}

impl Handlers {
    /// Answers when the message is as safe as it can be.
    async fn publish(&self, event: &RpcEvent) -> RpcResult {
        let publication: Publication = rmp_serde::from_slice(event.payload())?;
        let params = |text: &str| RpcError::params(rpc_err_str(text));
        let Some(payload) = publication.payload.into_bytes() else {
            return Err(params("the payload is neither text nor bytes"));
        };
        if is_from_bridge(event.sender()) {
            return Err(params("a bridge must not carry what came from an upstream"));
        }
        let seq = self
            .shared
            .confirmed(&publication.topic, &payload)
            .map_err(|refusal| match refusal {
                Refusal::NoRule => params("no rule carries this topic with QoS 1"),
                Refusal::Size => params("the payload is too long for the rule, or for the store"),
                Refusal::Topic => params("the upstream can have no such topic"),
                Refusal::Rate => {
                    let text = rpc_err_str("more messages per second than the rule permits");
                    RpcError::new(RpcError::from(ErrorKind::Busy).code(), text)
                }
            })?;
        self.shared.settled(seq).await?;
        Ok(None)
    }
}
