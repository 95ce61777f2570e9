//! `elbus BUS broker`: what the broker says about itself.

mod client_list;
mod info;
mod stats;
mod test;

use clap::Subcommand;
use elbus::rpc::RpcEvent;
use serde::Deserialize;

use crate::context::Context;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock broker test
  elbus bus.sock broker stats --json | jq .uptime
  elbus bus.sock broker client.list";

/// Ask the broker about itself
#[derive(Subcommand, Debug)]
#[command(after_help = EXAMPLES)]
pub enum Command {
    /// Check that the broker answers
    #[command(override_usage = "elbus <BUS> broker test [OPTIONS]")]
    Test,
    /// Show who made the broker, and its version
    #[command(override_usage = "elbus <BUS> broker info [OPTIONS]")]
    Info,
    /// Show for how long the broker runs, and its counters
    #[command(override_usage = "elbus <BUS> broker stats [OPTIONS]")]
    Stats,
    /// Show the clients of the broker, without this one
    #[command(
        name = "client.list",
        override_usage = "elbus <BUS> broker client.list [OPTIONS]"
    )]
    ClientList,
}

impl Command {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Test => test::run(context).await,
            Self::Info => info::run(context).await,
            Self::Stats => stats::run(context).await,
            Self::ClientList => client_list::run(context).await,
        }
    }
}

/// The reply as the type that the protocol gives it.
fn decode<'a, T: Deserialize<'a>>(reply: &'a RpcEvent) -> Result<T, Failure> {
    rmp_serde::from_slice(reply.payload())
        .map_err(|error| Failure::Local(format!("cannot read the broker's answer: {error}")))
}
