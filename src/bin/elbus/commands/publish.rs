//! `elbus BUS publish`: a publication to a topic.

use std::ffi::OsString;

use clap::Args;
use elbus::QoS;
use elbus::client::AsyncClient;

use crate::context::Context;
use crate::failure::Failure;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock publish sensors/boiler/temperature 63.5
  date --iso-8601=seconds | elbus bus.sock publish clock";

/// Publish to a topic
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, override_usage = "elbus <BUS> publish [OPTIONS] <TOPIC> [PAYLOAD]")]
pub struct Publish {
    /// Topic; + and # have no special meaning here
    topic: String,

    /// What to publish; standard input to its end if left out
    #[arg(allow_negative_numbers = true)]
    payload: Option<OsString>,
}

impl Publish {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let payload = input::payload(self.payload)?;
        let topic = self.topic.as_str();
        let mut client = context.connect().await?;
        let operation = client.publish(topic, payload.into(), QoS::Processed);
        context
            .confirm(format_args!("cannot publish to {topic}"), operation)
            .await?;
        context.out.ok()
    }
}
