//! RPC: between clients, and to the broker.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use elbus::QoS;
use elbus::rpc::{Rpc, RpcClient, RpcEvent, RpcHandlers, RpcResult};
use tokio::task::JoinHandle;

use super::Plan;
use super::scene::{Scene, name};
use crate::sequence::any_size;

pub const SERVER: &str = "server";
pub const CALLER: &str = "caller";

const PAUSE: Duration = Duration::from_millis(100);

/// Methods of the broker without params.
const BROKER_METHODS: [&str; 4] = ["test", "info", "stats", "client.list"];

/// Replies with the params.
struct Echo;

#[elbus::async_trait]
impl RpcHandlers for Echo {
    async fn handle_call(&self, event: RpcEvent) -> RpcResult {
        Ok(Some(event.payload().to_vec()))
    }
}

/// Returns the servers, which must outlive the calls.
pub async fn start(
    plan: &Plan,
    scene: &Scene,
    workers: &mut Vec<JoinHandle<()>>,
) -> Result<Vec<RpcClient>> {
    let mut servers = Vec::new();
    for number in 0..plan.servers {
        let client = scene.client(&name(SERVER, number)).await?;
        servers.push(RpcClient::new(client, Echo));
    }
    for number in 0..plan.callers {
        let caller = name(CALLER, number);
        let client = RpcClient::new0(scene.client(&caller).await?);
        let (to_call, servers) = (scene.clone(), plan.servers);
        workers.push(scene.spawn(caller, async move {
            while !to_call.is_over() {
                let server = name(SERVER, fastrand::usize(..servers));
                match fastrand::u8(..4) {
                    0 => ask_the_broker(&client).await?,
                    1 => echo(&client, ".broker", "benchmark.test").await?,
                    _ => echo(&client, &server, "echo").await?,
                }
                to_call.done.calls.fetch_add(1, Ordering::Relaxed);
                to_call.pause(PAUSE).await;
            }
            Ok(())
        }));
    }
    Ok(servers)
}

async fn echo(client: &RpcClient, target: &str, method: &str) -> Result<()> {
    let params = vec![fastrand::u8(..); any_size(64 * 1024)];
    let called = client
        .call(target, method, params.as_slice().into(), QoS::Processed)
        .await;
    let reply = called.map_err(|e| anyhow!("{method} of {target}: {e}"))?;
    ensure!(
        reply.payload() == params,
        "{target} replied with something else"
    );
    Ok(())
}

async fn ask_the_broker(client: &RpcClient) -> Result<()> {
    let method = BROKER_METHODS[fastrand::usize(..BROKER_METHODS.len())];
    let params = elbus::empty_payload!();
    let called = client.call(".broker", method, params, QoS::Processed).await;
    let reply = called.map_err(|e| anyhow!("{method}: {e}"))?;
    // A map, as all of them reply.
    ensure!(
        matches!(reply.payload().first(), Some(0x80..=0x8F | 0xDE)),
        "{method} replied with no map"
    );
    Ok(())
}
