//! `elbus`, the command line client of the bus.
//!
//! Each command is a file of its own under [`commands`]: its arguments, its help and what it does.
//! The other modules are what commands share: a connection, payloads in, text out.

#![forbid(unsafe_code)]

mod args;
mod background;
mod commands;
mod context;
mod escape;
mod event;
mod failure;
mod input;
mod logging;
mod output;
mod payload;
mod table;
mod text;
#[cfg_attr(not(feature = "tls"), path = "without_tls.rs")]
mod tls;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use commands::{BusCommand, Command};
use context::Context;
use failure::Failure;
use output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.options.log_level());
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    match (cli.command, cli.bus) {
        (Command::Program(command), _) => command.run(Output::new(cli.options.style())),
        (Command::Bus(command), Some(bus)) => run_on(&Context::new(bus, &cli.options), command),
        (Command::Bus(_), None) => {
            let text = "the bus is missing: elbus <BUS> <COMMAND>";
            Err(Failure::Usage(text.to_owned()))
        }
    }
}

/// Runs the command on this thread, with workers beside it: connections are kept alive while the
/// command waits for its own output or input.
fn run_on(context: &Context, command: BusCommand) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Local(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(command.run(context));
    // Nothing is left to wait for: the command has ended.
    runtime.shutdown_background();
    outcome
}
