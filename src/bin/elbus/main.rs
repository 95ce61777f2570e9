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

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use context::Context;
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.options.log_level());
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs the command on this thread, with workers beside it: connections are kept alive while the
/// command waits for its own output or input.
fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Local(format!("cannot start: {error}")))?;
    let context = Context::new(cli.bus, &cli.options);
    let outcome = runtime.block_on(cli.command.run(&context));
    // Nothing is left to wait for: the command has ended.
    runtime.shutdown_background();
    outcome
}
