//! `elbusd`, the broker as a program: what is on its command line, it serves until a signal.
//!
//! | file | job |
//! |---|---|
//! | `args` | the command line: every option, its default and its help |
//! | `values` | texts of options: byte sizes, seconds, modes, groups, addresses |
//! | `config` | the configuration file |
//! | `access` | the access rules in force, and their reload |
//! | `daemon` | the life of the broker: start, serve, stop |
//! | `default_address` | where to listen when nobody says |
//! | `runtime` | the worker threads |
//! | `descriptors` | as many descriptors as the clients need |
//! | `signals` | what the operating system asks for |
//! | `pid_file` | the file that names the process |
//! | `background` | `-D`: a second process that outlives the first |
//! | `logging`, `stderr`, `syslog` | what is logged, and the two places it goes to |
//!
//! Exit status: 0 after a clean stop or a test of the configuration that found no fault, 1 if something failed, 2 if the command line is wrong.

#![forbid(unsafe_code)]

mod access;
mod args;
mod background;
mod config;
mod daemon;
mod default_address;
mod descriptors;
mod logging;
mod pid_file;
mod runtime;
mod signals;
mod stderr;
mod syslog;
mod values;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use config::Config;

#[cfg(not(feature = "std-alloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(path) = args
        .access
        .config
        .as_deref()
        .filter(|_| args.access.test_config)
    {
        return exit_code(test_config(path));
    }
    if args.process.background && !background::is_background() {
        return background::start();
    }
    logging::init(args.logging.verbose, args.logs_to_syslog());
    let result = serve(&args);
    if let Err(failure) = &result
        && args.logs_to_syslog()
    {
        log::error!("{failure}");
    }
    exit_code(result)
}

/// Tells whoever has started the program how it went.
fn exit_code(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            logging::complain(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Says what is in the configuration file.
fn test_config(path: &Path) -> Result<(), String> {
    let config = Config::load(path)?;
    write!(std::io::stdout(), "{}: {config}", path.display())
        .map_err(|error| format!("cannot write to stdout: {error}"))
}

/// Runs the broker in this process until it is told to stop.
fn serve(args: &Args) -> Result<(), String> {
    if !args.process.background {
        return daemon::run(args, || Ok(()));
    }
    background::detach()?;
    daemon::run(args, background::report_ready)
}
