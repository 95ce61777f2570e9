//! Where the figures come from: the machine, the command, the brokers, and what went wrong.

use crate::results::{Results, Run};
use crate::runner::OTHERS_MAX_CORES;

pub fn origin(run: &Run) -> String {
    let text = format!(
        "Measured and written by `{}` on {}, on {} ({} cores), Linux {}. Everything below comes out \
         of that command; the raw results are in `benches/compare/results.jsonl`.",
        run.command, run.date, run.cpu, run.cores, run.kernel
    );
    wrap(&text)
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
    text.push_str("\n\nThe programs of this repository are built with its profile `fast`.");
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
            "A sample during which other processes used more than {OTHERS_MAX_CORES} cores was \
             taken again, up to two times."
        )
    };
    let rounds = match run.rounds {
        1 => "one round".to_owned(),
        rounds => format!("the median of {rounds} rounds"),
    };
    let text = format!(
        "Each figure is {rounds}, and each ratio the median of the ratios within a round. In each \
         round and group all brokers are freshly started, and each load goes to one after the \
         other, so that what is compared was measured within seconds. A load runs {} s, of which \
         the first {} s do not count. {priority}",
        round(run.warm_up_s + run.measured_s),
        round(run.warm_up_s)
    );
    wrap(&text)
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

/// To milliseconds.
fn round(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// Breaks a paragraph into lines of at most 100 characters, if its words allow.
fn wrap(paragraph: &str) -> String {
    const COLUMNS: usize = 100;
    let mut text = String::new();
    let mut column = 0;
    for word in paragraph.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > COLUMNS {
            text.push('\n');
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let words = vec!["1234567890"; 20].join(" ");
        let lengths: Vec<_> = wrap(&words).lines().map(str::len).collect();
        assert_eq!(lengths, [98, 98, 21]);
    }
}
