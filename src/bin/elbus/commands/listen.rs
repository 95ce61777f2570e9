//! `elbus BUS listen`: prints what arrives for this client until the connection ends.

use clap::Args;

use crate::background::start_listening;
use crate::context::Context;
use crate::event::Event;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock listen
  elbus bus.sock listen -t 'sensors/#' -t .broker/info
  elbus bus.sock listen -t alarms --json | jq .payload

Each is printed with its kind, its sender, the sender's primary name, its topic and its payload.
With --json that is one object per line; with --silent, one line of values separated by tabs.
Ends with status 0 on Ctrl-C, with status 1 when the connection is lost.";

/// Print messages, broadcasts and publications as they arrive
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, override_usage = "elbus <BUS> listen [OPTIONS]")]
pub struct Listen {
    /// Topic to subscribe to, repeatable: + is any one level, # all further ones
    #[arg(short, long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
}

impl Listen {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let frames = start_listening(context, &self.topics).await?;
        while let Ok(frame) = frames.recv().await {
            Event::frame(&frame).print(context.out)?;
        }
        Err(Failure::connection_closed())
    }
}
