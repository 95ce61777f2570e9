//! The soak test of elbusd: see the README beside it.

mod broker;
mod control;
mod faults;
mod load;
mod rules;
mod sequence;
mod table;
mod vitals;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use broker::Broker;
use control::Control;
use faults::Faults;
use load::{Load, Plan};
use table::Table;
use vitals::Vitals;

/// Of the whole time, what the first round takes; and how long it takes at most.
const WARM_UP_SHARE: u32 = 5;
const WARM_UP_MAX: Duration = Duration::from_secs(60);

/// How long any other round takes at most.
const ROUND_MAX: Duration = Duration::from_secs(600);

/// How often the broker is looked at under load.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

#[derive(Debug, Parser)]
enum Command {
    /// The soak test.
    Run {
        #[arg(long, default_value_t = 5.0)]
        minutes: f64,
        #[arg(long, default_value_t = 50)]
        clients: usize,
        #[arg(long)]
        elbusd: PathBuf,
    },
    /// A process to be killed: clients that flood each other.
    #[command(hide = true)]
    Victim {
        bus: String,
        name: String,
        clients: usize,
        pause_ms: u64,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Run {
            minutes,
            clients,
            elbusd,
        } => tokio::select! {
            result = run(Duration::from_secs_f64(minutes * 60.0), clients, elbusd) => result,
            // The broker and the others end with what runs them.
            result = told_to_stop() => result,
        },
        Command::Victim {
            bus,
            name,
            clients,
            pause_ms,
        } => load::victims::flood(&bus, &name, clients, Duration::from_millis(pause_ms)).await,
    };
    match result {
        Ok(code) => code,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(time: Duration, clients: usize, program: PathBuf) -> Result<ExitCode> {
    provide_descriptors()?;
    let plan = Plan::new(clients);
    let mut broker = Broker::start(&program, &plan.names()).await?;
    let faults = Faults::default();
    let mut control = Control::connect(broker.socket()).await?;
    let mut table = Table::default();
    let start = Vitals::of(&broker, &mut control).await?;
    table.row("start", &start);
    let mut first_rest = None;
    for (number, length) in rounds(time).into_iter().enumerate() {
        let load = Load::start(&plan, &broker, &faults).await?;
        let peak = under_load(&broker, &mut control, length).await;
        let done = load.stop().await;
        let peak = peak?;
        table.row(&format!("round {number}, at most"), &peak);
        println!("round {number}, {} s: {done}", length.as_secs());
        let rest = vitals::at_rest(&broker, &mut control, &start, first_rest.as_ref()).await?;
        table.row(&format!("round {number}, after"), &rest);
        for what in rest.differences(&start, first_rest.as_ref()) {
            faults.add(format!("after round {number}: {what}"));
        }
        first_rest.get_or_insert(rest);
        println!("{table}");
    }
    drop(control);
    if let Err(e) = broker.stop().await {
        faults.add(format!("{e:#}"));
    }
    Ok(faults.tell())
}

async fn told_to_stop() -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    bail!("stopped by a signal")
}

/// Looks at the broker for so long; returns the most that there was of everything.
async fn under_load(broker: &Broker, control: &mut Control, length: Duration) -> Result<Vitals> {
    let end = tokio::time::Instant::now() + length;
    let mut most = Vitals::default();
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(LOOK_INTERVAL.min(length / 2)).await;
        let now = Vitals::of(broker, control).await.context("under load")?;
        most = most.max(now);
    }
    Ok(most)
}

fn rounds(time: Duration) -> Vec<Duration> {
    let warm_up = (time / WARM_UP_SHARE).min(WARM_UP_MAX);
    let rest = time - warm_up;
    let count = rest.as_secs().div_ceil(ROUND_MAX.as_secs()).max(1);
    let each = rest / u32::try_from(count).unwrap_or(u32::MAX);
    std::iter::once(warm_up)
        .chain((0..count).map(|_| each))
        .collect()
}

/// Clients and their secondaries need two descriptors each at most, and the system's default is low.
fn provide_descriptors() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("cannot raise the limit of descriptors")
}
