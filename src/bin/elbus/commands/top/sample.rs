//! Looks at the broker once per interval.

use std::time::{Duration, Instant};

use elbus::common::{BrokerStats, ClientInfo, ClientList};
use elbus::rpc::{Rpc, RpcClient, RpcError, RpcEvent};
use elbus::{ErrorKind, QoS};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{MissedTickBehavior, interval};

use crate::background::keep_alive;
use crate::context::decode;
use crate::failure::Failure;

/// What the broker counted up to a moment.
pub struct Sample {
    pub at: Instant,
    pub uptime_s: u64,
    pub totals: Counters,
    /// Sorted by name.
    pub clients: Vec<ClientSample>,
}

/// The same of one client.
#[derive(Clone)]
pub struct ClientSample {
    pub name: String,
    pub kind: String,
    pub source: Option<String>,
    /// Tells two connections of the same name apart.
    pub connected_ns: u64,
    pub counters: Counters,
    pub queue_frames: usize,
    pub queue_bytes: usize,
    pub dropped: u64,
}

/// Frames and bytes since the start of the broker, or of the connection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    pub in_frames: u64,
    pub in_bytes: u64,
    pub out_frames: u64,
    pub out_bytes: u64,
}

impl From<&ClientInfo<'_>> for ClientSample {
    fn from(info: &ClientInfo<'_>) -> Self {
        Self {
            name: info.name.to_owned(),
            kind: info.kind.to_owned(),
            source: info.source.map(str::to_owned),
            connected_ns: info.connected,
            counters: Counters {
                in_frames: info.r_frames,
                in_bytes: info.r_bytes,
                out_frames: info.w_frames,
                out_bytes: info.w_bytes,
            },
            queue_frames: info.queue,
            queue_bytes: info.queue_bytes,
            dropped: info.dropped,
        }
    }
}

impl Sample {
    /// Asks the broker.
    async fn take(rpc: &RpcClient, own_name: &str) -> Result<Self, Failure> {
        let reply = ask(rpc, "stats").await?;
        let stats: BrokerStats = decode(&reply)?;
        let reply = ask(rpc, "client.list").await?;
        let at = Instant::now();
        let list: ClientList<'_> = decode(&reply)?;
        let others = list.clients.iter().filter(|info| info.name != own_name);
        Ok(Self {
            at,
            uptime_s: stats.uptime,
            totals: Counters {
                in_frames: stats.r_frames,
                in_bytes: stats.r_bytes,
                out_frames: stats.w_frames,
                out_bytes: stats.w_bytes,
            },
            clients: others.map(ClientSample::from).collect(),
        })
    }
}

async fn ask(rpc: &RpcClient, method: &str) -> Result<RpcEvent, Failure> {
    let params = elbus::empty_payload!();
    let call = rpc.call(".broker", method, params, QoS::Processed);
    call.await.map_err(|error| {
        // The connection may be lost during a call as well as between two.
        if error.code() == RpcError::from(ErrorKind::Eof).code() {
            Failure::connection_closed()
        } else {
            error.into()
        }
    })
}

/// Takes samples, the first one at once, until nobody wants them any more or one fails. In a task of
/// its own: keys work while a broker is slow to answer.
pub fn sample(
    rpc: RpcClient,
    own_name: String,
    period: Duration,
    timeout: Duration,
) -> Receiver<Result<Sample, Failure>> {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut lost = std::pin::pin!(keep_alive(rpc.client(), timeout));
        loop {
            let sample = tokio::select! {
                sample = async {
                    ticks.tick().await;
                    Sample::take(&rpc, &own_name).await
                } => sample,
                () = &mut lost => Err(Failure::connection_closed()),
            };
            let failed = sample.is_err();
            if sender.send(sample).await.is_err() || failed {
                return;
            }
        }
    });
    receiver
}
