//! Where the figures come from: the machine, the command, the brokers, and what went wrong.

use crate::results::{Results, Run};
use crate::runner::OTHERS_MAX_CORES;

pub fn origin(run: &Run) -> String {
    format!(
        "Measured and written by `{}` on {}, on {} ({} cores), Linux {}. Everything below comes out of \
         that command; the raw results are in `benches/compare/results.jsonl`.",
        run.command, run.date, run.cpu, run.cores, run.kernel
    )
}

/// A table of the brokers and their settings.
pub fn brokers(run: &Run) -> String {
    let mut text = "| broker | version | settings beside the address |\n|---|---|---|".to_owned();
    for broker in &run.brokers {
        let settings = match broker.settings.as_str() {
            "" => "its defaults".to_owned(),
            settings => format!("`{settings}`"),
        };
        text.push_str(&format!(
            "\n| {} | {} | {settings} |",
            broker.id, broker.version
        ));
    }
    if !run.missing.is_empty() {
        let missing = run.missing.join(", ");
        text.push_str(&format!(
            "\n\nNot installed, and so not measured: {missing}."
        ));
    }
    text
}

pub fn method(run: &Run) -> String {
    let priority = if run.real_time {
        "The generator and the brokers ran with real-time priority (`SCHED_RR`), so that other \
         processes of the machine got only what they left over."
            .to_owned()
    } else {
        format!(
            "A sample during which other processes used more than {OTHERS_MAX_CORES} cores was taken \
             again, up to two times."
        )
    };
    let rounds = match run.rounds {
        1 => "one round".to_owned(),
        rounds => format!("the median of {rounds} rounds"),
    };
    format!(
        "Each figure is {rounds}. In each round the brokers take turns, group by group, each freshly \
         started; a load runs {} s, of which the first {} s do not count. {priority}",
        run.warm_up_s + run.measured_s,
        run.warm_up_s
    )
}

/// What a reader should know about single samples.
pub fn remarks(results: &Results) -> String {
    let mut lines = Vec::new();
    let samples = &results.samples;
    let repeated = samples.iter().filter(|s| s.repeated > 0).count();
    if repeated > 0 {
        lines.push(format!(
            "{repeated} of {} samples were taken again because of other processes.",
            samples.len()
        ));
    }
    for sample in samples {
        if let Some(trouble) = &sample.trouble {
            lines.push(format!(
                "No figure for {} in {} {}, round {}: {trouble}.",
                sample.broker, sample.group, sample.case, sample.round
            ));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let list: Vec<_> = lines.iter().map(|line| format!("- {line}")).collect();
    format!("## Remarks\n\n{}", list.join("\n"))
}
