//! `elbus-bridge`, the bridge between a bus and MQTT as a program: what is in its configuration file, it
//! carries until a signal.
//!
//! | file | job |
//! |---|---|
//! | `args` | the command line |
//! | `run` | the life of the bridge: start, carry, stop |
//! | `signals` | what the operating system asks for |
//! | `logging` | what is logged, and the two places it goes to |
//!
//! The configuration is that of the library, `elbus::bridge::config`.
//!
//! Exit status: 0 after a clean stop or a test of the configuration that found no fault, 1 if something
//! failed, 2 if the command line is wrong.

#![forbid(unsafe_code)]

mod args;
#[path = "../common/logging/mod.rs"]
mod logging;
mod run;
#[path = "../common/signals.rs"]
mod signals;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use elbus::bridge::Config;

use args::Args;

/// What this program is called in its messages.
const PROGRAM: &str = "elbus-bridge";

/// Names the socket of the syslog daemon where it is none of the usual ones.
const SYSLOG_SOCKET_VARIABLE: &str = "ELBUS_BRIDGE_SYSLOG_SOCKET";

#[cfg(not(feature = "std-alloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    let config = match Config::load(&args.config) {
        Ok(config) => config,
        Err(error) => return exit_code(Err(error.to_string())),
    };
    if args.test_config {
        return exit_code(list(&args.config, &config));
    }
    let to_syslog = logging::may_go_to_syslog(args.log_syslog);
    logging::init(args.verbose, to_syslog);
    let result = run::run(config);
    if let Err(failure) = &result
        && to_syslog
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

/// Says what is in the configuration file, and whether this host can be its bus.
fn list(path: &Path, config: &Config) -> Result<(), String> {
    let identity = config.identity();
    identity.map_err(|error| format!("{}: {error}", path.display()))?;
    write!(std::io::stdout(), "{}: {config}", path.display())
        .map_err(|error| format!("cannot write to stdout: {error}"))
}
