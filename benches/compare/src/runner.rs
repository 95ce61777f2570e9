//! Measures: every group round by round, in each the brokers in turn.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::brokers::{Broker, Contender, Programs, Transport};
use crate::command_line;
use crate::load::engine::{Engine, Timing};
use crate::load::latency::{self, Probe, RoundTrip};
use crate::load::{idle, stages};
use crate::plan::{Case, Group};
use crate::results::Sample;

/// A sample is taken again if others use more of the machine meanwhile.
pub const OTHERS_MAX_CORES: f64 = 0.3;
const REPEATS_MAX: u32 = 2;
/// The name of the relay in the results.
pub const RELAY: &str = "bare relay";
/// What the original's broker needs to survive the original's benchmark, which sends to itself
/// without waiting: room for all of it.
pub const QUEUE_OF_ORIGINAL: &str = "131072";
/// How often each command line runs in a round.
const COMMAND_LINE_TURNS: u32 = 3;
/// Brokers finish with the last load, and notice that its clients are gone.
const PAUSE: Duration = Duration::from_millis(100);

pub struct Runner {
    pub contenders: Vec<Contender>,
    pub programs: Programs,
    pub rounds: u32,
    pub timing: Timing,
    /// Operations of each stage of the command lines.
    pub iterations: u64,
    /// Whether all that is measured goes before all that others do; then samples are not repeated.
    pub real_time: bool,
    /// Held while a group is measured, so that several runs on a machine do not meet.
    pub lock: Option<PathBuf>,
}

type Values = BTreeMap<String, f64>;

impl Runner {
    pub fn run(&self, groups: &[Group]) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for round in 1..=self.rounds {
            for group in groups.iter().filter(|g| round == 1 || g.is_repeated()) {
                let takes_part = |contender: &&Contender| group.takes_part(contender.id);
                let contenders: Vec<_> = self.contenders.iter().filter(takes_part).collect();
                eprintln!("round {round}: {}", group.name());
                let _turn = self.turn()?;
                samples.extend(self.measure(*group, &contenders, round));
            }
        }
        Ok(samples)
    }

    fn turn(&self) -> Result<Option<File>> {
        let Some(path) = &self.lock else {
            return Ok(None);
        };
        let file = File::create(path).with_context(|| path.display().to_string())?;
        file.lock()?;
        Ok(Some(file))
    }

    fn measure(&self, group: Group, contenders: &[&Contender], round: u32) -> Vec<Sample> {
        match group {
            Group::Idle => contenders
                .iter()
                .flat_map(|contender| finish(idle_memory(contender), group, contender.id, round))
                .collect(),
            Group::CommandLine(workers) => self.command_lines(group, contenders, workers, round),
            Group::Latency => self.latency(contenders, round),
            _ => self.loads(group, contenders, round),
        }
    }

    /// Each load of a group on one broker after the other, within seconds, while all of them run.
    fn loads(&self, group: Group, contenders: &[&Contender], round: u32) -> Vec<Sample> {
        let mut running: Vec<Option<Broker>> = contenders.iter().map(|_| None).collect();
        let mut samples = Vec::new();
        for case in group.cases() {
            for (contender, running) in contenders.iter().zip(&mut running) {
                // One that has ended is replaced.
                if !running.as_mut().is_some_and(Broker::is_running) {
                    *running = None;
                }
                let mut sample = sample(group, case.name(), contender.id, round);
                if let Err(error) = self.load(running, group, contender, case, &mut sample) {
                    eprintln!("{}: {}: {error:#}", contender.id, case.name());
                    sample.trouble = Some(format!("{error:#}"));
                    *running = None;
                }
                samples.push(sample);
            }
        }
        samples
    }

    fn load(
        &self,
        running: &mut Option<Broker>,
        group: Group,
        contender: &Contender,
        case: Case,
        sample: &mut Sample,
    ) -> Result<()> {
        let broker = match running {
            Some(broker) => broker,
            None => running.insert(Broker::start(contender, group.transport())?),
        };
        loop {
            let engine = prepare(case, contender, broker)?;
            sleep(PAUSE);
            let measured = engine.run(broker.pid(), self.timing)?;
            let elapsed = measured.elapsed;
            sample.others_cores = Some(round_to(elapsed.others_cores, 3));
            sample.trouble = measured.trouble;
            let per_operation = |total: f64| total / measured.operations.max(1) as f64;
            sample.values = Values::from([
                (
                    "rate".to_owned(),
                    (measured.operations as f64 / elapsed.seconds).round(),
                ),
                (
                    "cpu_us".to_owned(),
                    round_to(per_operation(elapsed.cpu_us), 4),
                ),
                (
                    "switches".to_owned(),
                    round_to(per_operation(elapsed.switches), 4),
                ),
            ]);
            let disturbed = elapsed.others_cores > OTHERS_MAX_CORES && !self.real_time;
            if !disturbed || sample.repeated == REPEATS_MAX {
                break;
            }
            sample.repeated += 1;
        }
        // What was counted while clients were cut off is no figure.
        if let Some(trouble) = &sample.trouble {
            eprintln!("{}: {}: {trouble}", contender.id, case.name());
            sample.values.clear();
        }
        Ok(())
    }

    /// All brokers and the relay, at the same time: they are idle but for one call of one of them.
    fn latency(&self, contenders: &[&Contender], round: u32) -> Vec<Sample> {
        let names = contenders.iter().map(|contender| contender.id);
        let names: Vec<_> = names.chain([RELAY]).collect();
        match self.round_trips(contenders) {
            Ok(times) => {
                let of_each = names.into_iter().zip(times);
                let samples = of_each.flat_map(|(name, times)| {
                    finish(Ok(round_trip(times)), Group::Latency, name, round)
                });
                samples.collect()
            }
            Err(error) => finish(Err(error), Group::Latency, "all", round),
        }
    }

    fn round_trips(&self, contenders: &[&Contender]) -> Result<Vec<RoundTrip>> {
        let brokers = contenders
            .iter()
            .map(|contender| Broker::start(contender, Transport::Unix))
            .collect::<Result<Vec<_>>>()?;
        let relay = Broker::start_with(Transport::Unix, |address, _| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["relay", &address.to_text()]);
            Ok(command)
        })?;
        let mut probes = brokers
            .iter()
            .map(|broker| Probe::of_calls(&broker.address))
            .collect::<Result<Vec<_>>>()?;
        probes.push(Probe::of_relay(&relay.address)?);
        latency::measure(probes, self.timing)
    }

    /// One command line after the other, several times, while both brokers run.
    fn command_lines(
        &self,
        group: Group,
        contenders: &[&Contender],
        workers: usize,
        round: u32,
    ) -> Vec<Sample> {
        let mut samples = Vec::new();
        let start = |contender| (contender, self.start_for_command_line(contender));
        let running: Vec<_> = contenders.iter().copied().map(start).collect();
        for _ in 0..COMMAND_LINE_TURNS {
            for (contender, broker) in &running {
                let rows = match broker {
                    Ok(broker) => self.command_line(contender, broker, workers),
                    Err(error) => Err(anyhow::anyhow!("{error:#}")),
                };
                samples.extend(finish(rows, group, contender.id, round));
            }
        }
        samples
    }

    fn start_for_command_line(&self, contender: &Contender) -> Result<Broker> {
        Broker::start_with(Transport::Unix, |address, directory| {
            let mut command = contender.command(address, directory)?;
            if contender.id == "original" {
                command.args(["--queue-size", QUEUE_OF_ORIGINAL]);
            }
            Ok(command)
        })
    }

    fn command_line(
        &self,
        contender: &Contender,
        broker: &Broker,
        workers: usize,
    ) -> Result<Vec<(String, Values)>> {
        let is_ours = contender.id != "original";
        let directory: &Path = if is_ours {
            &self.programs.ours
        } else {
            &self.programs.peers
        };
        let rates = command_line::benchmark(
            directory,
            is_ours,
            &broker.address,
            workers,
            self.iterations,
        )?;
        let row = |(stage, rate): (&str, f64)| {
            (
                stage.to_owned(),
                Values::from([("rate".to_owned(), rate.round())]),
            )
        };
        Ok(rates.into_iter().map(row).collect())
    }
}

fn prepare(case: Case, contender: &Contender, broker: &Broker) -> Result<Engine> {
    match case {
        Case::Stage(stage) => stages::prepare(stage, &broker.address),
        Case::Fan(fan) => fan.prepare(contender.protocol, &broker.address),
        Case::Subscriptions(filter, count) => {
            filter.prepare(count, contender.protocol, &broker.address)
        }
    }
}

fn idle_memory(contender: &Contender) -> Result<Vec<(String, Values)>> {
    let broker = Broker::start(contender, Transport::Tcp)?;
    let rows = idle::measure(contender.protocol, &broker.address, broker.pid())?;
    let row = |(clients, memory): (usize, crate::proc::Memory)| {
        let values = Values::from([
            ("resident_kib".to_owned(), memory.resident as f64),
            ("anonymous_kib".to_owned(), memory.anonymous as f64),
        ]);
        (clients.to_string(), values)
    };
    Ok(rows.into_iter().map(row).collect())
}

fn round_trip(times: RoundTrip) -> Vec<(String, Values)> {
    let row = |case: &str, time| {
        (
            case.to_owned(),
            Values::from([("time_us".to_owned(), round_to(time, 2))]),
        )
    };
    vec![row("p50", times.p50_us), row("p99", times.p99_us)]
}

/// Samples of what has several cases in one go.
fn finish(
    rows: Result<Vec<(String, Values)>>,
    group: Group,
    broker: &str,
    round: u32,
) -> Vec<Sample> {
    match rows {
        Ok(rows) => {
            let with_values = |(case, values)| Sample {
                values,
                ..sample(group, case, broker, round)
            };
            rows.into_iter().map(with_values).collect()
        }
        Err(error) => {
            eprintln!("{broker}: {error:#}");
            vec![Sample {
                trouble: Some(format!("{error:#}")),
                ..sample(group, String::new(), broker, round)
            }]
        }
    }
}

fn sample(group: Group, case: String, broker: &str, round: u32) -> Sample {
    Sample {
        group: group.name().to_owned(),
        case,
        broker: broker.to_owned(),
        round,
        values: Values::new(),
        others_cores: None,
        repeated: 0,
        trouble: None,
    }
}

/// More digits would be noise, and make the raw results long.
fn round_to(number: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (number * scale).round() / scale
}
