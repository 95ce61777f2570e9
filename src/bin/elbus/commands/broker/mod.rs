//! `elbus BUS broker`: what the broker says about itself, and does to its clients.

mod client_kick;
mod client_list;
mod info;
mod stats;
mod test;
mod topic_list;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock broker test
  elbus bus.sock broker stats --json | jq .uptime
  elbus bus.sock broker client.list
  elbus bus.sock broker client.list --filter '^plant'
  elbus bus.sock broker topic.list
  elbus bus.sock broker client.kick plant.line1";

/// Ask the broker about itself and its clients, or disconnect one
#[derive(Subcommand, Debug)]
#[command(
    after_help = EXAMPLES,
    override_usage = "elbus <BUS> broker [OPTIONS] <COMMAND>",
)]
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
    #[command(name = "client.list")]
    ClientList(client_list::List),
    #[command(name = "client.kick")]
    ClientKick(client_kick::Kick),
    /// Show what clients are subscribed to
    #[command(
        name = "topic.list",
        override_usage = "elbus <BUS> broker topic.list [OPTIONS]"
    )]
    TopicList,
}

impl Command {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Test => test::run(context).await,
            Self::Info => info::run(context).await,
            Self::Stats => stats::run(context).await,
            Self::ClientList(command) => command.run(context).await,
            Self::ClientKick(command) => command.run(context).await,
            Self::TopicList => topic_list::run(context).await,
        }
    }
}
