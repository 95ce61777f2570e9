//! The commands, one file each: arguments, help, action. A new command is a file, a variant of
//! [`BusCommand`] and a line in [`BusCommand::run`].

mod benchmark;
mod broker;
mod completions;
mod listen;
mod man;
mod monitor;
mod publish;
mod rpc;
mod send;
mod top;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;

#[derive(Subcommand, Debug)]
pub enum Command {
    #[command(flatten)]
    Bus(BusCommand),
    #[command(flatten)]
    Program(ProgramCommand),
}

/// What is done on a bus.
#[derive(Subcommand, Debug)]
pub enum BusCommand {
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

impl BusCommand {
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

/// What is about this program, and needs no bus.
#[derive(Subcommand, Debug)]
pub enum ProgramCommand {
    Completions(completions::Completions),
    Man(man::Man),
}

impl ProgramCommand {
    /// Does what the command is for.
    pub fn run(self, out: Output) -> Result<(), Failure> {
        match self {
            Self::Completions(command) => command.run(out),
            Self::Man(command) => command.run(),
        }
    }
}
