//! Processes that are killed in the middle of everything.

use std::process::{ExitCode, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use elbus::QoS;
use elbus::client::AsyncClient;
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::scene::{self, Scene};
use super::{Plan, VICTIMS};

/// How long one of them lives at most.
const LIFE: Duration = Duration::from_secs(4);

/// One of so many processes floods as fast as it can, the others leave time to everybody else.
const ONE_IS_FAST: usize = 8;
const PAUSE_MS: u64 = 2;

/// Payloads that nobody verifies, in bytes: below and above what the broker shares.
const PAYLOADS: [usize; 3] = [100, 5_000, 100_000];

/// The kind of the names of one process.
pub fn group(process: usize) -> String {
    format!("victim{process}")
}

pub fn start(plan: &Plan, scene: &Scene, workers: &mut Vec<JoinHandle<()>>) {
    for process in 0..VICTIMS {
        let to_kill = scene.clone();
        let clients = plan.victims_each;
        workers.push(scene.spawn(group(process), async move {
            while !to_kill.is_over() {
                live_and_die(&to_kill, &group(process), clients).await?;
                to_kill.done.kills.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }));
    }
}

async fn live_and_die(scene: &Scene, group: &str, clients: usize) -> Result<()> {
    let pause_ms = if fastrand::usize(..ONE_IS_FAST) == 0 {
        0
    } else {
        PAUSE_MS
    };
    let mut process = Command::new(std::env::current_exe()?)
        .args(["victim", &scene.any_address(), group])
        .args([clients.to_string(), pause_ms.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run a process to be killed")?;
    tokio::select! {
        ended = process.wait() => bail!("ended by itself: {}", ended?),
        () = scene.pause(LIFE) => {}
    }
    process.kill().await.context("cannot kill it")
}

/// What such a process does: each client writes to the next one, without end.
pub async fn flood(bus: &str, group: &str, clients: usize, pause: Duration) -> Result<ExitCode> {
    let mut floods = tokio::task::JoinSet::new();
    for number in 0..clients {
        let mut client = scene::client(bus, &scene::name(group, number)).await?;
        let events = client.take_event_channel().context("its frames")?;
        tokio::spawn(async move { while events.recv().await.is_ok() {} });
        let next = scene::name(group, (number + 1) % clients);
        floods.spawn(async move {
            loop {
                let payload = vec![7; PAYLOADS[fastrand::usize(..PAYLOADS.len())]];
                match client.send(&next, payload.into(), QoS::No).await {
                    Ok(_) => {}
                    Err(e) => return e,
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        });
    }
    match floods.join_next().await {
        Some(ended) => bail!("disconnected: {}", ended?),
        None => Ok(ExitCode::SUCCESS),
    }
}
