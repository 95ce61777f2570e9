//! `elbusd`, the broker as a program: what is on its command line, it serves until a signal.
//!
//! | file | job |
//! |---|---|
//! | `args` | the command line |
//! | `options` | what it has in common with the configuration file, with defaults and help |
//! | `values` | texts of options: byte sizes, seconds, modes, groups, addresses |
//! | `config` | the configuration file; `config_file` reads it |
//! | `settings` | what applies: the command line, then the file |
//! | `access` | the access rules in force, and their reload |
//! | `daemon` | the life of the broker: start, serve, stop |
//! | `listening` | opens every address |
//! | `tls` | certificates, and their reload; `without_tls` if built so |
//! | `metrics` | where to ask for metrics; `without_metrics` if built so |
//! | `inherited` | sockets that were opened before the start |
//! | `default_address` | where to listen when nobody says |
//! | `runtime` | the worker threads |
//! | `allocator` | free memory goes back to the system |
//! | `descriptors` | as many descriptors as the clients need |
//! | `signals` | what the operating system asks for |
//! | `manager`, `watchdog` | what the service manager is told |
//! | `privileges` | `--user`: who the process becomes |
//! | `oom_score` | how willingly the kernel ends it |
//! | `pid_file` | the file that names the process |
//! | `background` | `-D`: a second process that outlives the first |
//! | `unchecked` | the calls that are `unsafe` |
//! | `logging` | what is logged, and the two places it goes to |
//!
//! Exit status: 0 after a clean stop or a test of the configuration that found no fault, 1 if
//! something failed, 2 if the command line is wrong.

// Allowed in `unchecked` alone.
#![deny(unsafe_code)]

mod access;
mod allocator;
mod args;
mod background;
mod config;
#[allow(dead_code)] // The bridge has use for the rest.
#[path = "../../config_file/mod.rs"]
mod config_file;
mod daemon;
mod default_address;
mod descriptors;
mod inherited;
mod listening;
#[path = "../common/logging/mod.rs"]
mod logging;
mod manager;
#[cfg_attr(not(feature = "metrics"), path = "without_metrics.rs")]
mod metrics;
mod oom_score;
mod options;
mod pid_file;
mod privileges;
mod runtime;
mod settings;
#[path = "../common/signals.rs"]
mod signals;
#[cfg_attr(not(feature = "tls"), path = "without_tls.rs")]
mod tls;
mod unchecked;
mod values;
mod watchdog;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use background::Role;
use config::Config;
use daemon::Origin;
use manager::Manager;
use settings::Settings;

/// What this program is called in its messages.
const PROGRAM: &str = "elbusd";

/// Names the socket of the syslog daemon where it is none of the usual ones.
const SYSLOG_SOCKET_VARIABLE: &str = "ELBUSD_SYSLOG_SOCKET";

#[cfg(not(feature = "std-alloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Before anything else is opened.
    let inherited = inherited::take();
    let args = Args::parse();
    if let Some(path) = args
        .access
        .config
        .as_deref()
        .filter(|_| args.access.test_config)
    {
        return exit_code(test_config(path));
    }
    let settings = match Settings::load(args) {
        Ok(settings) => settings,
        Err(failure) => return exit_code(Err(failure)),
    };
    // Before there are threads.
    let manager = Manager::from_env();
    let background = settings.process.background;
    let first = match background.then(|| background::split(&manager)) {
        None => None,
        Some(Ok(Role::Second(report))) => Some(report),
        Some(Ok(Role::First(result))) => return result,
        Some(Err(failure)) => return exit_code(Err(failure)),
    };
    logging::init(settings.log.verbose, settings.logs_to_syslog());
    let result = inherited.and_then(|inherited| {
        let origin = Origin {
            manager,
            inherited,
            first,
        };
        daemon::run(&settings, origin)
    });
    if let Err(failure) = &result
        && settings.logs_to_syslog()
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
