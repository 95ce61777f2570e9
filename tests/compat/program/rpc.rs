//! The RPC layer, as far as it needs no broker.

use std::sync::Arc;

use async_trait::async_trait;
use elbus::borrow::Cow;
use elbus::client::AsyncClient;
use elbus::rpc::{self, Rpc, RpcError, RpcEvent, RpcEventKind};
use elbus::{Error, FrameData, FrameKind, OpConfirm, QoS};
use tokio::sync::Mutex;

use super::client::Nowhere;

pub fn constants() {
    let kinds: [u8; 4] = [
        rpc::RPC_NOTIFICATION,
        rpc::RPC_REQUEST,
        rpc::RPC_REPLY,
        rpc::RPC_ERROR,
    ];
    assert_eq!(kinds, [0, 1, 0x11, 0x12]);
    let codes: [i16; 5] = [
        rpc::RPC_ERROR_CODE_PARSE,
        rpc::RPC_ERROR_CODE_INVALID_REQUEST,
        rpc::RPC_ERROR_CODE_METHOD_NOT_FOUND,
        rpc::RPC_ERROR_CODE_INVALID_METHOD_PARAMS,
        rpc::RPC_ERROR_CODE_INTERNAL,
    ];
    assert_eq!(codes, [-32_700, -32_600, -32_601, -32_602, -32_603]);
}

fn event(payload: &[u8]) -> Result<RpcEvent, Error> {
    let sender = Some("s%%1".to_owned());
    let (kind, payload) = (FrameKind::Message, payload.to_vec());
    RpcEvent::try_from(Arc::new(FrameData::new(
        kind, sender, None, None, payload, 0, false,
    )))
}

pub fn events() {
    let request = event(b"\x01\x07\0\0\0get\0params").expect("a request");
    assert!(matches!(request.kind(), RpcEventKind::Request));
    assert_eq!((request.sender(), request.primary_sender()), ("s%%1", "s"));
    assert_eq!((request.id(), request.is_response_required()), (7, true));
    assert_eq!(request.method(), b"get");
    assert_eq!(request.parse_method().expect("text"), "get");
    assert_eq!(request.payload(), b"params");
    assert_eq!(request.frame().payload().len(), 15);
    assert!(!format!("{request:?}").is_empty());

    let notification = event(b"\0data").expect("a notification");
    assert!(matches!(notification.kind(), RpcEventKind::Notification));
    assert_eq!(notification.payload(), b"data");
    let reply = event(b"\x11\x07\0\0\0result").expect("a reply");
    assert!(matches!(reply.kind(), RpcEventKind::Reply));
    assert_eq!((reply.id(), reply.payload()), (7, b"result".as_slice()));
    let error = event(b"\x12\x07\0\0\0\xA7\x80why").expect("an error");
    assert!(matches!(error.kind(), RpcEventKind::ErrorReply));
    assert_eq!(error.code(), -32_601);
    let error = RpcError::try_from(&error).expect("an error");
    assert_eq!(
        (error.code(), error.data()),
        (-32_601, Some(b"why".as_slice()))
    );

    for event in [request, notification, reply] {
        assert!(!event.kind().to_string().is_empty());
    }
    assert!(event(b"\x02unknown").is_err());
}

pub fn errors() {
    let data = || rpc::rpc_err_str("why");
    assert_eq!(data(), Some(RpcError::convert_data("why")));
    let made = [
        (RpcError::new(5, None), 5),
        (RpcError::method(data()), -32_601),
        (RpcError::params(data()), -32_602),
        (RpcError::parse(data()), -32_700),
        (RpcError::invalid(data()), -32_600),
        (RpcError::internal(data()), -32_603),
        (Error::busy("why").into(), -32_118),
        (rmp_serde::encode::Error::UnknownLength.into(), -32_603),
        (
            rmp_serde::from_slice::<u8>(b"\xC1").unwrap_err().into(),
            -32_700,
        ),
        (std::io::Error::other("why").into(), -32_603),
    ];
    for (error, code) in made {
        assert_eq!(error.code(), code);
        assert!(!error.to_string().is_empty() && !format!("{error:?}").is_empty());
    }
    assert_eq!(RpcError::new(5, None).data(), None);
}

/// An `Rpc` of the program's own, as tests of applications have them.
pub struct Unplugged;

#[async_trait]
impl Rpc for Unplugged {
    fn client(&self) -> Arc<Mutex<dyn AsyncClient>> {
        Arc::new(Mutex::new(Nowhere))
    }
    async fn notify(&self, _: &str, _: Cow<'async_trait>, _: QoS) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn call0(
        &self,
        _: &str,
        _: &str,
        _: Cow<'async_trait>,
        _: QoS,
    ) -> Result<OpConfirm, Error> {
        Ok(None)
    }
    async fn call(
        &self,
        _: &str,
        _: &str,
        _: Cow<'async_trait>,
        _: QoS,
    ) -> Result<RpcEvent, RpcError> {
        Err(RpcError::method(None))
    }
    fn is_connected(&self) -> bool {
        false
    }
}
