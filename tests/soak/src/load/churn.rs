//! Clients that come and go.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use elbus::QoS;
use elbus::client::AsyncClient;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::scene::{Scene, any_qos, confirmed, name};
use super::{Plan, raw};

pub const CHURNER: &str = "churner";

const PAUSE: Duration = Duration::from_millis(100);

pub fn start(plan: &Plan, scene: &Scene, workers: &mut Vec<JoinHandle<()>>) {
    for number in 0..plan.churners {
        let churner = name(CHURNER, number);
        let to_leave = scene.clone();
        let own_name = churner.clone();
        workers.push(scene.spawn(churner, async move {
            while !to_leave.is_over() {
                match fastrand::bool() {
                    true => proper_session(&to_leave, &own_name).await?,
                    false => cut_session(&to_leave, &own_name).await?,
                }
                to_leave.done.sessions.fetch_add(1, Ordering::Relaxed);
                to_leave.pause(PAUSE).await;
            }
            Ok(())
        }));
    }
}

/// Leaves something of everything behind that its end has to clean up.
async fn proper_session(scene: &Scene, name: &str) -> Result<()> {
    let mut client = scene.client(name).await?;
    let filters = [format!("churn/{name}/#"), "churn/+/x".to_owned()];
    let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
    confirmed(client.subscribe_bulk(&filters, QoS::Processed).await).await?;
    confirmed(
        client
            .exclude(&format!("churn/{name}/no"), QoS::Processed)
            .await,
    )
    .await?;
    let mut secondary = client.register_secondary().await?;
    confirmed(secondary.subscribe("churn/#", QoS::Processed).await).await?;
    for leaf in ["x", "no"] {
        let topic = format!("churn/{name}/{leaf}");
        let published = client.publish(&topic, b"x".as_slice().into(), any_qos());
        confirmed(published.await).await?;
    }
    scene.pause(PAUSE).await;
    if fastrand::bool() {
        confirmed(client.unsubscribe_bulk(&filters, QoS::Processed).await).await?;
    }
    // The secondary goes with its primary, or before it.
    if fastrand::bool() {
        drop(client);
    } else {
        drop(secondary);
    }
    Ok(())
}

/// Ends at any byte, and over TCP with a reset.
async fn cut_session(scene: &Scene, name: &str) -> Result<()> {
    let mut script = raw::hello(name);
    script.extend(raw::subscribe("churn/#"));
    script.extend(raw::message(name, &[7; 10_000]));
    // As often in the handshake as after it.
    let end = match fastrand::bool() {
        true => fastrand::usize(..64),
        false => fastrand::usize(..script.len()),
    };
    let mut connection = raw::connect(scene).await?;
    // It may have been refused already: the name may still be taken.
    let _ = connection.write_all(&script[..end]).await;
    if fastrand::bool() {
        scene.pause(PAUSE).await;
    }
    Ok(())
}
