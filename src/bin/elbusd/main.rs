//! `elbusd`, the broker as a program: what is on its command line, it serves until a signal.
//!
//! | file | job |
//! |---|---|
//! | `args` | the command line: every option, its default and its help |
//! | `values` | texts of options: byte sizes, seconds, modes, groups, addresses |
//! | `daemon` | the life of the broker: start, serve, stop |
//! | `default_address` | where to listen when nobody says |
//! | `runtime` | the worker threads |
//! | `descriptors` | as many descriptors as the clients need |
//! | `signals` | what the operating system asks for |
//! | `pid_file` | the file that names the process |
//! | `background` | `-D`: a second process that outlives the first |
//! | `logging`, `stderr`, `syslog` | what is logged, and the two places it goes to |
//!
//! Exit status: 0 after a clean stop, 1 if something failed, 2 if the command line is wrong.

#![forbid(unsafe_code)]

mod args;
mod background;
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

use std::process::ExitCode;

use clap::Parser;

use args::Args;

#[cfg(not(feature = "std-alloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    if args.process.background && !background::is_background() {
        return background::start();
    }
    logging::init(args.logging.verbose, args.logs_to_syslog());
    match serve(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            logging::complain(&failure);
            if args.logs_to_syslog() {
                log::error!("{failure}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Runs the broker in this process until it is told to stop.
fn serve(args: &Args) -> Result<(), String> {
    if !args.process.background {
        return daemon::run(args, || Ok(()));
    }
    background::detach()?;
    daemon::run(args, background::report_ready)
}
