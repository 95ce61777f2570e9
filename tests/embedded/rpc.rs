//! Calls between clients of this process and clients on sockets, in all directions.

use crate::{Bus, ends};
use elbus::rpc::{Rpc, RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult, rpc_err_str};
use elbus::{Frame, QoS, async_trait, empty_payload};
use std::sync::Arc;

/// Answers calls; passes on everything else.
struct Handlers(async_channel::Sender<Vec<u8>>);

#[async_trait]
impl RpcHandlers for Handlers {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            "echo" => Ok(Some(event.payload().to_vec())),
            "who" => Ok(Some(event.sender().as_bytes().to_vec())),
            "nothing" => Ok(None),
            "fail" => Err(RpcError::new(-5, rpc_err_str("no"))),
            "note" => {
                let _ = self.0.send(event.payload().to_vec()).await;
                Ok(None)
            }
            _ => Err(RpcError::method(None)),
        }
    }

    async fn handle_notification(&self, event: RpcEvent) {
        let _ = self.0.send(event.payload().to_vec()).await;
    }

    async fn handle_frame(&self, frame: Frame) {
        let _ = self.0.send(frame.payload().to_vec()).await;
    }
}

async fn expect_call(caller: &RpcClient, target: &str) {
    let own = caller.client().lock().await.get_name().to_owned();
    let large = vec![7; 100_000];
    for qos in [
        QoS::No,
        QoS::Processed,
        QoS::Realtime,
        QoS::RealtimeProcessed,
    ] {
        for (method, params, result) in [
            ("echo", &b"params"[..], &b"params"[..]),
            ("echo", &large, &large),
            ("who", b"", own.as_bytes()),
            ("nothing", b"", b""),
        ] {
            let reply = ends(caller.call(target, method, params.into(), qos)).await;
            let reply = reply.expect("a reply");
            assert!(reply.payload() == result, "{method}");
            assert_eq!(reply.primary_sender(), target);
        }
    }
    let failed = ends(caller.call(target, "fail", empty_payload!(), QoS::No)).await;
    assert_eq!(
        failed.expect_err("as it says"),
        RpcError::new(-5, Some(b"no".to_vec()))
    );
    let unknown = ends(caller.call(target, "unknown", empty_payload!(), QoS::No)).await;
    assert_eq!(unknown.expect_err("no method").code(), -32_601);
    let nobody = caller.call("nobody", "echo", empty_payload!(), QoS::Processed);
    assert_eq!(ends(nobody).await.expect_err("no client").code(), -32_113);
}

#[tokio::test]
async fn calls_in_all_directions() {
    let bus = Bus::start().await;
    let (notes, noted) = async_channel::unbounded();
    let handlers = || Handlers(notes.clone());
    let clients = [
        RpcClient::new(bus.client("inside").await, handlers()),
        RpcClient::new(bus.socket_client("outside").await, handlers()),
    ];
    for caller in &clients {
        for target in ["inside", "outside"] {
            expect_call(caller, target).await;
            let qos = QoS::Processed;
            let calls = [
                ends(caller.call0(target, "note", b"call0".as_slice().into(), qos)).await,
                ends(caller.notify(target, b"notification".as_slice().into(), qos)).await,
                {
                    let client = caller.client();
                    let mut client = client.lock().await;
                    ends(client.send_broadcast(target, b"broadcast".as_slice().into(), qos)).await
                },
            ];
            for confirmation in calls {
                let confirmation = confirmation.expect("sent").expect("as the QoS asks for");
                ends(confirmation)
                    .await
                    .expect("an answer")
                    .expect("delivered");
            }
            let mut got = Vec::new();
            for _ in 0..3 {
                got.push(ends(noted.recv()).await.expect("open"));
            }
            got.sort();
            assert_eq!(got, [&b"broadcast"[..], b"call0", b"notification"]);
        }
    }
}

/// Each reply finds its call, however many there are.
#[tokio::test]
async fn many_calls_at_a_time() {
    let bus = Bus::start().await;
    let (notes, _noted) = async_channel::unbounded();
    let _handler = RpcClient::new(bus.client("inside").await, Handlers(notes));
    let rpc = Arc::new(RpcClient::new0(bus.socket_client("outside").await));
    let calls: Vec<_> = (0..1_000_u32)
        .map(|number| {
            let rpc = rpc.clone();
            tokio::spawn(async move {
                let params = number.to_le_bytes().to_vec();
                let call = rpc.call("inside", "echo", params.into(), QoS::Processed);
                let reply = ends(call).await.expect("a reply");
                assert_eq!(reply.payload(), number.to_le_bytes());
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
}

#[tokio::test]
async fn a_handler_that_has_gone_is_no_client() {
    let bus = Bus::start().await;
    let handler = RpcClient::new0(bus.client("inside").await);
    drop(handler);
    let rpc = RpcClient::new0(bus.socket_client("outside").await);
    let refused = ends(rpc.call("inside", "echo", empty_payload!(), QoS::Processed)).await;
    assert_eq!(refused.expect_err("gone").code(), -32_113);
}
