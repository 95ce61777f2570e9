//! `elbus BUS send`: a message to one client, or to all whose names match a mask.

use std::ffi::OsString;

use clap::Args;
use elbus::QoS;
use elbus::client::AsyncClient;

use crate::context::Context;
use crate::failure::Failure;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock send plant.line1 'hello'
  elbus bus.sock send 'plant.*' '{\"alarm\": true}'
  elbus bus.sock send plant.line1 < firmware.bin";

/// Send a message to a client, or to all clients that match a mask
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, override_usage = "elbus <BUS> send [OPTIONS] <TARGET> [PAYLOAD]")]
pub struct Send {
    /// Name of the client, or a mask: ? is any one part of a name, * all further ones
    target: String,

    /// What to send; standard input to its end if left out
    #[arg(allow_negative_numbers = true)]
    payload: Option<OsString>,
}

impl Send {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let payload = input::payload(self.payload)?;
        let target = self.target.as_str();
        let mut client = context.connect().await?;
        let operation = if target.contains(['*', '?']) {
            client.send_broadcast(target, payload.into(), QoS::Processed)
        } else {
            client.send(target, payload.into(), QoS::Processed)
        };
        context
            .confirm(format_args!("cannot send to {target}"), operation)
            .await?;
        context.out.ok()
    }
}
