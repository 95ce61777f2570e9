//! `elbus BUS monitor`: who publishes what, at a rate that people can bear to watch.
//!
//! Receiving and printing are two tasks. A terminal that stands still (Ctrl-S, a slow serial line)
//! must not fill the queues of this client: a broker that applies back-pressure would then slow down
//! everybody who publishes. What cannot be shown is counted instead.

mod entry;
mod quota;

use std::time::Duration;

use async_channel::{Receiver, Sender};
use clap::Args;
use elbus::EventChannel;
use tokio::time::{MissedTickBehavior, interval};

use crate::background::start_listening;
use crate::context::Context;
use crate::failure::Failure;
use entry::{Columns, Entry};
use quota::Quota;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock monitor
  elbus bus.sock monitor -t 'sensors/#' -t .broker/info --payload
  elbus bus.sock monitor --max-rate 0 --json > traffic.json

Each line has the time of arrival (UTC), the sender, the topic and the size of the payload.
Warnings of the broker are always among them.
With --json it is an object; with --silent, values separated by tabs.
What exceeds the rate, or comes while nobody reads the output, is counted, and its number printed
once per second (with --silent: not at all). Without a limit everything is printed, and whoever
reads the output slowly slows down the bus.
Ends with status 0 on Ctrl-C, with status 1 when the connection is lost.";

/// Print one line per publication
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, override_usage = "elbus <BUS> monitor [OPTIONS]")]
pub struct Monitor {
    /// Topics to watch, repeatable: + is any one level, # all further ones
    #[arg(short, long = "topic", value_name = "FILTER", default_value = "#")]
    topics: Vec<String>,

    /// Show the payloads too, shortened unless --json or --silent is given
    #[arg(short, long)]
    payload: bool,

    /// Publications to print per second at most; 0: all
    #[arg(long, value_name = "LINES", default_value_t = 100)]
    max_rate: u64,
}

impl Monitor {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let frames = start_listening(context, &self.topics).await?;
        let (sender, entries) = async_channel::bounded(context.queue_size);
        if self.max_rate == 0 {
            tokio::spawn(forward_all(frames, sender));
        } else {
            tokio::spawn(forward_some(frames, sender, Quota::new(self.max_rate)));
        }
        self.print(context, entries).await
    }

    async fn print(&self, context: &Context, entries: Receiver<Entry>) -> Result<(), Failure> {
        let columns = Columns {
            payload: self.payload,
        };
        while let Ok(entry) = entries.recv().await {
            entry.print(columns, context.out)?;
        }
        Err(Failure::connection_closed())
    }
}

/// Hands everything to the printer, and waits for it.
async fn forward_all(frames: EventChannel, printer: Sender<Entry>) {
    while let Ok(frame) = frames.recv().await {
        if let Some(entry) = Entry::of(frame)
            && printer.send(entry).await.is_err()
        {
            return;
        }
    }
}

/// Hands to the printer what the quota allows and what it has room for. Never waits.
async fn forward_some(frames: EventChannel, printer: Sender<Entry>, mut quota: Quota) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Ok(frame) => {
                    if let Some(entry) = Entry::of(frame) {
                        quota.spend(|| printer.try_send(entry).is_ok());
                    }
                }
                Err(_) => break,
            },
            _ = seconds.tick() => {
                quota.renew(|skipped| printer.try_send(Entry::Skipped(skipped)).is_ok());
            }
        }
    }
    // The last words may wait: nothing more arrives.
    if quota.skipped() > 0 {
        let _ = printer.send(Entry::Skipped(quota.skipped())).await;
    }
}
