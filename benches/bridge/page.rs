//! The page that is printed.

use std::process::Command;

use crate::processes::version_of_mosquitto;
use crate::way::{ALONE, ALONE_FOR, Figures, WINDOW};
use crate::{Anything, Ways};

/// One column: its heading, the figure of a round, and how many decimals it is worth.
struct Column {
    heading: &'static str,
    figure: fn(&Round) -> f64,
    decimals: usize,
}

/// What a round has brought, by way.
struct Round {
    one: Figures,
    theirs: Figures,
    ours: Figures,
}

const fn column(heading: &'static str, decimals: usize, figure: fn(&Round) -> f64) -> Column {
    Column {
        heading,
        figure,
        decimals,
    }
}

const RATES: &[Column] = &[
    column("one mosquitto", 0, |round| round.one.per_s),
    column("mosquitto's bridge", 0, |round| round.theirs.per_s),
    column("`elbus-bridge`", 0, |round| round.ours.per_s),
    column("ratio", 2, |round| round.ours.per_s / round.theirs.per_s),
];

const DEVICE: &[Column] = &[
    column("A", 1, |round| round.theirs.near_us),
    column("`elbusd`, `elbus-bridge`", 1, |round| device(&round.ours)),
    column("ratio", 2, |round| {
        device(&round.ours) / round.theirs.near_us
    }),
    column("`elbus-bridge` alone", 1, |round| round.ours.bridge_us),
];

const ALL: &[Column] = &[
    column("B alone, one mosquitto", 1, |round| round.one.far_us),
    column("A, B", 1, |round| {
        round.theirs.near_us + round.theirs.far_us
    }),
    column("`elbusd`, `elbus-bridge`, B", 1, |round| all(&round.ours)),
    column("ratio", 2, |round| {
        all(&round.ours) / (round.theirs.near_us + round.theirs.far_us)
    }),
];

const P50: &[Column] = &[
    column("one mosquitto", 0, |round| round.one.p50_us),
    column("mosquitto's bridge", 0, |round| round.theirs.p50_us),
    column("`elbus-bridge`", 0, |round| round.ours.p50_us),
    column("added by mosquitto's", 0, |round| {
        round.theirs.p50_us - round.one.p50_us
    }),
    column("added by `elbus-bridge`", 0, |round| {
        round.ours.p50_us - round.one.p50_us
    }),
    column("ratio", 2, |round| round.ours.p50_us / round.theirs.p50_us),
];

/// Without what is added: the difference of two rare values is mostly chance.
const P99: &[Column] = &[
    column("one mosquitto", 0, |round| round.one.p99_us),
    column("mosquitto's bridge", 0, |round| round.theirs.p99_us),
    column("`elbus-bridge`", 0, |round| round.ours.p99_us),
    column("ratio", 2, |round| round.ours.p99_us / round.theirs.p99_us),
];

/// Processor time of what runs on the device.
fn device(figures: &Figures) -> f64 {
    figures.bus_us + figures.bridge_us
}

fn all(figures: &Figures) -> f64 {
    device(figures) + figures.far_us
}

pub fn print(cases: &[Ways]) -> Anything<()> {
    let rounds = cases.first().map_or(0, |case| case.rounds.len());
    print!("{}", include_str!("head.md"));
    println!(
        "\nelbus {}, {}, {}; {}, {} cores for everything, load generator included. Medians of {rounds} rounds, \
         in brackets least and most. A ratio is that of `elbus-bridge` to mosquitto's bridge within a round.",
        env!("CARGO_PKG_VERSION"),
        version_of_mosquitto()?,
        compiler()?,
        processor()?,
        std::thread::available_parallelism()?,
    );
    println!("\n## Messages per second\n");
    println!("{WINDOW} messages are on their way from end to end. More is better.\n");
    table(cases, RATES);
    println!("\n## Processor time on the device\n");
    println!(
        "Milliseconds per 1,000 messages while the rate is measured. Less is better. Mosquitto's bridge is part \
         of A, and cannot be told from it.\n"
    );
    table(cases, DEVICE);
    println!("\n## Processor time of all brokers and bridges\n");
    println!("Milliseconds per 1,000 messages.\n");
    table(cases, ALL);
    println!("\n## One message at a time\n");
    println!(
        "Microseconds from the call that sends to the arrival at the subscriber, {ALONE} messages a round, or as \
         many as there are in {} ms. Less is better.\n\n### Median\n",
        ALONE_FOR.as_millis()
    );
    table(cases, P50);
    println!("\n### 99th percentile\n");
    table(cases, P99);
    Ok(())
}

fn table(cases: &[Ways], columns: &[Column]) {
    let headings: Vec<&str> = columns.iter().map(|column| column.heading).collect();
    println!("| messages | {} |", headings.join(" | "));
    println!("|---|{}", "---:|".repeat(columns.len()));
    for Ways { case, rounds, .. } in cases {
        let rounds: Vec<Round> = rounds
            .iter()
            .map(|[one, theirs, ours]| Round {
                one: *one,
                theirs: *theirs,
                ours: *ours,
            })
            .collect();
        let cells: Vec<String> = columns.iter().map(|column| cell(&rounds, column)).collect();
        println!("| {case} | {} |", cells.join(" | "));
    }
}

/// Median, least and most.
fn cell(rounds: &[Round], column: &Column) -> String {
    let mut figures: Vec<f64> = rounds.iter().map(column.figure).collect();
    figures.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (figures.first(), figures.last()) else {
        return "–".to_owned();
    };
    let (median, decimals) = (figures[figures.len() / 2], column.decimals);
    format!("{median:.decimals$} ({least:.decimals$} to {most:.decimals$})")
}

fn compiler() -> Anything<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    let text = String::from_utf8(output.stdout)?;
    // Without the hash and the date.
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Ok(words.join(" "))
}

fn processor() -> Anything<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = text.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    let system = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let model = model.unwrap_or(std::env::consts::ARCH);
    Ok(format!("{model}, Linux {}", system.trim()))
}
