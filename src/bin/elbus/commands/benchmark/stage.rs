//! The stages of the benchmark: what one worker does in each.

use std::collections::VecDeque;
use std::time::Instant;

use elbus::client::AsyncClient;
use elbus::rpc::Rpc;
use elbus::{Error, FrameKind, OpConfirm, QoS};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::latency::{Laps, Latencies};
use super::measure::Meter;
use super::worker::{WINDOW, Worker};
use crate::failure::Failure;

/// The broker's own client. It drops notifications, and returns what it is sent by this method, if
/// a reply is wanted.
const BROKER: &str = ".broker";
const ECHO_METHOD: &str = "benchmark.test";

const CONFIRMED: QoS = QoS::RealtimeProcessed;

/// So many of the frames that may be on their way are accounted for at once: the benchmark should
/// not be busy with itself.
const ROOM_AT_ONCE: u32 = WINDOW / 8;

/// A kind of operation.
#[derive(Debug, Clone, Copy)]
pub enum Stage {
    Send(QoS),
    SendReceive(QoS),
    Call,
    CallHandle,
    Call0,
}

impl Stage {
    /// All stages, in the order in which they run.
    pub const ALL: [Self; 7] = [
        Self::Send(QoS::No),
        Self::Send(CONFIRMED),
        Self::SendReceive(QoS::No),
        Self::SendReceive(CONFIRMED),
        Self::Call,
        Self::CallHandle,
        Self::Call0,
    ];

    /// The name in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Send(qos) if qos.needs_ack() => "send.qos.processed",
            Self::Send(_) => "send.qos.no",
            Self::SendReceive(qos) if qos.needs_ack() => "send+recv.qos.processed",
            Self::SendReceive(_) => "send+recv.qos.no",
            Self::Call => "rpc.call",
            Self::CallHandle => "rpc.call+handle",
            Self::Call0 => "rpc.call0",
        }
    }

    /// Does `count` operations and returns when all of them have had their effect. The latencies are
    /// those of confirmed operations; the others have none.
    pub async fn run(
        self,
        worker: &mut Worker,
        count: u64,
        meter: &Meter,
    ) -> Result<Latencies, Failure> {
        match self {
            Self::Send(qos) => send(worker, count, qos, meter)
                .await
                .map_err(|e| self.failed(e)),
            Self::SendReceive(qos) => send_receive(worker, count, qos, meter)
                .await
                .map_err(|e| self.failed(e)),
            Self::Call => call(worker, BROKER, count, meter).await,
            Self::CallHandle => call(worker, &worker.rpc_name, count, meter).await,
            Self::Call0 => call0(worker, count, meter)
                .await
                .map_err(|e| self.failed(e)),
        }
    }

    fn failed(self, error: Error) -> Failure {
        Failure::Bus(format!("{} failed", self.name()), error)
    }
}

async fn confirmed(operation: Result<OpConfirm, Error>) -> Result<(), Error> {
    match operation? {
        Some(confirmation) => confirmation.await?,
        None => Ok(()),
    }
}

async fn send(
    worker: &mut Worker,
    count: u64,
    qos: QoS,
    meter: &Meter,
) -> Result<Latencies, Error> {
    let payload = &*worker.payload;
    let mut laps = Laps::start();
    for _ in 0..count {
        confirmed(worker.client.send(BROKER, payload.into(), qos).await).await?;
        if qos.needs_ack() {
            laps.lap();
        }
        meter.count();
    }
    // Frames without acks may still be on their way; this one arrives behind them.
    let last = worker.client.send(BROKER, payload.into(), CONFIRMED);
    confirmed(last.await).await?;
    Ok(laps.end())
}

async fn send_receive(
    worker: &mut Worker,
    count: u64,
    qos: QoS,
    meter: &Meter,
) -> Result<Latencies, Error> {
    let window = Semaphore::new(WINDOW as usize);
    // When the confirmed frames that are under way were sent. They come back in the same order.
    let departures = Mutex::new(VecDeque::new());
    let own_name = worker.client.get_name().to_owned();
    let Worker {
        client,
        frames,
        payload,
        ..
    } = worker;
    let send = async {
        for number in 0..count {
            // Never closed, so this waits for room and nothing else.
            if number % u64::from(ROOM_AT_ONCE) == 0
                && let Ok(room) = window.acquire_many(ROOM_AT_ONCE).await
            {
                room.forget();
            }
            if qos.needs_ack() {
                departures.lock().push_back(Instant::now());
            }
            confirmed(client.send(&own_name, (&**payload).into(), qos).await).await?;
        }
        Ok(())
    };
    let receive = async {
        let mut latencies = Latencies::new();
        let mut received = 0;
        while received < count {
            let frame = frames.recv().await.map_err(|_| Error::eof())?;
            // The broker's announcements arrive here too.
            if frame.kind() == FrameKind::Message {
                received += 1;
                if qos.needs_ack()
                    && let Some(start) = departures.lock().pop_front()
                {
                    latencies.record(start.elapsed());
                }
                if received % u64::from(ROOM_AT_ONCE) == 0 {
                    window.add_permits(ROOM_AT_ONCE as usize);
                }
                meter.count();
            }
        }
        Ok(latencies)
    };
    tokio::try_join!(send, receive).map(|((), latencies)| latencies)
}

async fn call(
    worker: &Worker,
    target: &str,
    count: u64,
    meter: &Meter,
) -> Result<Latencies, Failure> {
    let payload = &*worker.payload;
    let mut laps = Laps::start();
    for _ in 0..count {
        let call = worker
            .rpc
            .call(target, ECHO_METHOD, payload.into(), CONFIRMED);
        let reply = call.await?;
        laps.lap();
        if reply.payload().len() != payload.len() {
            return Err(Failure::Local(format!(
                "{target} returned something else than was sent"
            )));
        }
        meter.count();
    }
    Ok(laps.end())
}

async fn call0(worker: &Worker, count: u64, meter: &Meter) -> Result<Latencies, Error> {
    let payload = &*worker.payload;
    let mut laps = Laps::start();
    for _ in 0..count {
        let call = worker
            .rpc
            .call0(BROKER, ECHO_METHOD, payload.into(), CONFIRMED);
        confirmed(call.await).await?;
        laps.lap();
        meter.count();
    }
    Ok(laps.end())
}
