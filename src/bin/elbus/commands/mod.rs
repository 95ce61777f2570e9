//! The commands, one file each: arguments, help, action. A new command is a file, a variant of
//! [`Command`] and a line in [`Command::run`].

mod benchmark;
mod broker;
mod listen;
mod monitor;
mod publish;
mod rpc;
mod send;
mod top;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

#[derive(Subcommand, Debug)]
pub enum Command {
    #[command(subcommand)]
    Broker(broker::Command),
    Send(send::Send),
    Publish(publish::Publish),
    Listen(listen::Listen),
    Monitor(monitor::Monitor),
    #[command(subcommand)]
    Rpc(rpc::Command),
    Top(top::Top),
    Benchmark(benchmark::Benchmark),
}

impl Command {
    /// Does what the command is for.
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Broker(command) => command.run(context).await,
            Self::Send(command) => command.run(context).await,
            Self::Publish(command) => command.run(context).await,
            Self::Listen(command) => command.run(context).await,
            Self::Monitor(command) => command.run(context).await,
            Self::Rpc(command) => command.run(context).await,
            Self::Top(command) => command.run(context).await,
            Self::Benchmark(command) => command.run(context).await,
        }
    }
}
