//! Rules that change, and a client whose right comes and goes with them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Result, ensure};
use elbus::client::AsyncClient;
use elbus::ipc::Client;
use elbus::{ErrorKind, QoS};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::scene::{self, Scene, confirmed};
use crate::broker::Reloading;
use crate::rules::{PROBE, PROBE_TOPICS};

const PAUSE: Duration = Duration::from_secs(3);

/// How long it may take until new rules are in force.
const PATIENCE: Duration = Duration::from_secs(20);

/// One in so many files is broken.
const BROKEN: usize = 5;

pub fn start(scene: &Scene, reloading: Reloading, workers: &mut Vec<JoinHandle<()>>) {
    let to_reload = scene.clone();
    workers.push(scene.spawn("reloads".to_owned(), async move {
        let mut probe = scene::client(&to_reload.socket, PROBE).await?;
        let mut number = 0;
        while !to_reload.is_over() {
            if fastrand::usize(..BROKEN) == 0 {
                reloading.reload_broken()?;
            } else {
                number += 1;
                reloading.reload(number)?;
            }
            wait_for_the_right(&mut probe, number).await?;
            to_reload.done.reloads.fetch_add(1, Ordering::Relaxed);
            to_reload.pause(PAUSE).await;
        }
        // The next round starts with the first rules.
        reloading.reload(0)?;
        wait_for_the_right(&mut probe, 0).await
    }));
}

/// Waits until the probe may do what the rules of this number say, and nothing else.
async fn wait_for_the_right(probe: &mut Client, number: usize) -> Result<()> {
    let [may, may_not] = [PROBE_TOPICS[number % 2], PROBE_TOPICS[(number + 1) % 2]];
    let end = Instant::now() + PATIENCE;
    while !may_publish(probe, may).await? || may_publish(probe, may_not).await? {
        ensure!(Instant::now() < end, "the rules {number} are not in force");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn may_publish(probe: &mut Client, topic: &str) -> Result<bool> {
    let payload = elbus::empty_payload!();
    let published = probe.publish(topic, payload, QoS::Processed).await;
    match confirmed(published).await {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::Access => Ok(false),
        Err(e) => Err(e.into()),
    }
}
