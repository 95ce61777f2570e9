//! `elbus BUS rpc notify`: a notification to one client.

use std::ffi::OsString;

use clap::Args;
use elbus::QoS;
use elbus::rpc::Rpc;

use crate::context::Context;
use crate::failure::Failure;
use crate::input;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock rpc notify plant.line1 'shift change'";

/// Send an RPC notification to a client
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "elbus <BUS> rpc notify [OPTIONS] <TARGET> [PAYLOAD]",
)]
pub struct Notify {
    /// Name of the client
    target: String,

    /// What to send; standard input to its end if left out
    #[arg(allow_negative_numbers = true)]
    payload: Option<OsString>,
}

impl Notify {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let payload = input::payload(self.payload)?;
        let target = self.target.as_str();
        let rpc = context.connect_rpc().await?;
        let operation = rpc.notify(target, payload.into(), QoS::Processed);
        context
            .confirm(format_args!("cannot notify {target}"), operation)
            .await?;
        context.out.ok()
    }
}
