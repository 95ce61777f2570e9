//! Compares `elbusd` with other brokers, and writes `docs/performance.md`. Started by `run`, which
//! builds and installs what is compared.

mod brokers;
mod command_line;
mod load;
mod plan;
mod proc;
mod relay;
mod report;
mod results;
mod runner;
mod statistics;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::utsname::uname;

use brokers::{Contender, Programs, contenders};
use load::engine::Timing;
use plan::Group;
use results::{Results, Run};
use runner::Runner;

/// Each client takes a descriptor, here and in the broker.
const DESCRIPTORS: u64 = 4096;

#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Measure, and write raw results
    Measure(Measure),
    /// Write the document and its plots from raw results
    Report {
        /// Raw results
        results: PathBuf,
        /// The document; plots go into a directory of the same name
        document: PathBuf,
    },
    /// Send back what arrives at a socket
    #[command(hide = true)]
    Relay { socket: PathBuf },
}

#[derive(Args)]
struct Measure {
    /// Where to write raw results
    results: PathBuf,
    /// Directory of elbusd and elbus
    #[arg(long)]
    ours: PathBuf,
    /// Directory of the original's elbusd and elbus, and of busrtd
    #[arg(long)]
    peers: PathBuf,
    /// How often everything is measured
    #[arg(long)]
    rounds: u32,
    /// For how many seconds
    #[arg(long)]
    secs: f64,
    /// Seconds of load before that
    #[arg(long)]
    warm_up: f64,
    /// Operations of each stage of the command lines
    #[arg(long)]
    iterations: u64,
    /// Only these brokers
    #[arg(long, value_name = "BROKER")]
    only: Vec<String>,
    /// Only these groups of measurements
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    /// This runs with real-time priority, so nobody disturbs it
    #[arg(long)]
    realtime: bool,
    /// A file that is locked while a group is measured
    #[arg(long)]
    lock: Option<PathBuf>,
    /// The command that the document names
    #[arg(long)]
    command: String,
}

fn main() -> Result<()> {
    match Options::parse().action {
        Action::Measure(measure) => measure.run(),
        Action::Report { results, document } => report::write(&Results::load(&results)?, &document),
        Action::Relay { socket } => relay::run(&socket),
    }
}

impl Measure {
    fn run(self) -> Result<()> {
        raise_descriptor_limit()?;
        let programs = Programs {
            // Brokers run in directories of their own.
            ours: std::path::absolute(&self.ours)?,
            peers: std::path::absolute(&self.peers)?,
        };
        let known: Vec<_> = Group::ALL.iter().map(|group| group.name()).collect();
        for name in &self.group {
            ensure!(
                known.contains(&name.as_str()),
                "groups are {}",
                known.join(", ")
            );
        }
        let (contenders, missing): (Vec<_>, Vec<_>) = contenders(&programs)
            .into_iter()
            .filter(|c| self.only.is_empty() || self.only.iter().any(|id| id == c.id))
            .partition(Contender::is_installed);
        let missing: Vec<_> = missing.iter().map(|c| c.id.to_owned()).collect();
        for id in &missing {
            eprintln!("!!! {id} is not installed, and not measured");
        }
        let groups: Vec<_> = Group::ALL
            .into_iter()
            .filter(|g| self.group.is_empty() || self.group.iter().any(|name| name == g.name()))
            .collect();
        let run = self.describe(&contenders, missing)?;
        let runner = Runner {
            contenders,
            programs,
            rounds: self.rounds,
            timing: Timing {
                warm_up: Duration::try_from_secs_f64(self.warm_up)?,
                measured: Duration::try_from_secs_f64(self.secs)?,
            },
            iterations: self.iterations,
            real_time: self.realtime,
            lock: self.lock,
        };
        let samples = runner.run(&groups)?;
        Results { run, samples }.save(&self.results)
    }

    fn describe(&self, contenders: &[Contender], missing: Vec<String>) -> Result<Run> {
        Ok(Run {
            date: time::OffsetDateTime::now_utc().date().to_string(),
            command: self.command.clone(),
            cpu: proc::cpu_model(),
            cores: std::thread::available_parallelism()?.get(),
            kernel: uname()?.release().to_string_lossy().into_owned(),
            real_time: self.realtime,
            rounds: self.rounds,
            measured_s: self.secs,
            warm_up_s: self.warm_up,
            brokers: contenders.iter().map(Contender::describe).collect(),
            missing,
        })
    }
}

fn raise_descriptor_limit() -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < DESCRIPTORS {
        setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS.min(hard), hard)
            .context("the limit of open files")?;
    }
    Ok(())
}
