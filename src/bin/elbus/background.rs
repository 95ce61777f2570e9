//! What runs beside a command that listens. Both go on while the command itself is stuck because
//! nobody reads its output.

use std::sync::Arc;
use std::time::Duration;

use elbus::EventChannel;
use elbus::client::AsyncClient;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::context::Context;
use crate::failure::Failure;

/// Longest silence of a listening client. Some brokers disconnect clients that are silent for
/// longer than the broker's timeout, which is one second or more.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Connects a client that listens to `topics` until it is interrupted or the connection is lost.
pub async fn start_listening(
    context: &Context,
    topics: &[String],
) -> Result<EventChannel, Failure> {
    let mut client = context.connect().await?;
    let frames = client
        .take_event_channel()
        .ok_or_else(Failure::connection_closed)?;
    context.subscribe(&mut client, topics).await?;
    exit_on_interrupt();
    tokio::spawn(keep_alive(Arc::new(Mutex::new(client)), context.timeout));
    context.note(format_args!("listening as {}", context.name()));
    Ok(frames)
}

/// Ends the program, successfully, when the user presses Ctrl-C.
pub fn exit_on_interrupt() {
    // Without this handler the signal ends the program all the same, with another status.
    if let Ok(mut interrupts) = signal(SignalKind::interrupt()) {
        tokio::spawn(async move {
            interrupts.recv().await;
            std::process::exit(0);
        });
    }
}

/// Pings the broker until the connection is lost.
pub async fn keep_alive(client: Arc<Mutex<dyn AsyncClient>>, limit: Duration) {
    let mut ticks = interval(PING_INTERVAL.min(limit / 2));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut client = client.lock().await;
        let alive =
            client.is_connected() && matches!(timeout(limit, client.ping()).await, Ok(Ok(())));
        if !alive {
            return;
        }
    }
}
