//! The life of the bridge: start, carry, stop.

use std::future::Future;
use std::io;

use elbus::bridge::{Bridge, Config};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::signals::Signals;

/// Carries until a signal. A second one does not wait for what is on its way.
///
/// # Errors
///
/// One line for humans.
pub fn run(config: Config) -> Result<(), String> {
    let cannot_start = |error: io::Error| format!("cannot start: {error}");
    // One thread: what a bridge does is wait for two sockets.
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(cannot_start)?.block_on(async {
        let mut signals = Signals::install().map_err(cannot_start)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let carrying = carry(config, async {
            // Its end is as good as a word.
            let _ = stopped.await;
        });
        tokio::pin!(carrying);
        tokio::select! {
            result = &mut carrying => return result,
            signal = signals.stop_requested() => log::info!("{signal}: stopping"),
        }
        drop(stop);
        tokio::select! {
            result = &mut carrying => result,
            signal = signals.stop_requested() => {
                Err(format!("{signal} while stopping: what was on its way may be lost or sent again"))
            }
        }
    })
}

/// The call of the library: carries until `stop` is ready, then comes to an end.
async fn carry(config: Config, stop: impl Future<Output = ()>) -> Result<(), String> {
    let bridge = Bridge::new(config).map_err(|error| error.to_string())?;
    bridge.run(stop).await.map_err(|error| error.to_string())
}
