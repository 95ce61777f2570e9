//! Subscribers that read slowly or not at all, and what is published to them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use elbus::QoS;
use elbus::client::AsyncClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::scene::{Scene, confirmed, name};
use super::{Plan, raw};

/// Who publishes.
pub const NAME: &str = "soak.flood";
pub const DAWDLER: &str = "dawdler";

const PAYLOAD_BYTES: usize = 16 * 1024;
const PAUSE: Duration = Duration::from_millis(10);

/// One that reads takes this much at a time, and then some time.
const SIP_BYTES: usize = 4 * 1024;
const SIP_PAUSE: Duration = Duration::from_millis(50);

/// How long it goes on like that at most.
const LIFE: Duration = Duration::from_secs(20);

const PING: [u8; 9] = [0; 9];

pub async fn start(plan: &Plan, scene: &Scene, workers: &mut Vec<JoinHandle<()>>) -> Result<()> {
    let mut client = scene.client(NAME).await?;
    let to_flood = scene.clone();
    workers.push(scene.spawn(NAME.to_owned(), async move {
        while !to_flood.is_over() {
            let payload = vec![7; PAYLOAD_BYTES].into();
            confirmed(client.publish("flood/x", payload, QoS::Processed).await).await?;
            to_flood.pause(PAUSE).await;
        }
        Ok(())
    }));
    for number in 0..plan.dawdlers {
        let own_name = name(DAWDLER, number);
        let to_dawdle = scene.clone();
        workers.push(scene.spawn(own_name.clone(), async move {
            while !to_dawdle.is_over() {
                dawdle(&to_dawdle, &own_name).await?;
                to_dawdle.pause(10 * PAUSE).await;
            }
            Ok(())
        }));
    }
    Ok(())
}

/// Until it is cut off, or has enough of it, or the end of the round.
async fn dawdle(scene: &Scene, name: &str) -> Result<()> {
    let mut connection = raw::connect(scene).await?;
    if !raw::register(&mut *connection, name).await? {
        return Ok(());
    }
    connection.write_all(&raw::subscribe("flood/#")).await?;
    let reads = fastrand::bool();
    let mut sip = [0; SIP_BYTES];
    let end = Instant::now() + LIFE.mul_f64(fastrand::f64());
    while !scene.is_over() && Instant::now() < end {
        // One that does not read learns of its end when it says something.
        let lost = match reads {
            true => matches!(connection.read(&mut sip).await, Ok(0) | Err(_)),
            false => connection.write_all(&PING).await.is_err(),
        };
        if lost {
            scene.done.dawdlers_cut.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        scene.pause(SIP_PAUSE).await;
    }
    Ok(())
}
