//! The document and its plots, from raw results. The text is in `template.md`.

mod bars;
mod behind;
mod colors;
mod format;
mod lines;
mod origin;
mod svg;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::load::fan::{self, Fan};
use crate::results::Results;
use crate::runner::{QUEUE_OF_ORIGINAL, RELAY};
use bars::Bars;
use behind::Figure;
use lines::Lines;
use table::Table;

const TEMPLATE: &str = include_str!("template.md");
const ORIGINAL: &str = "original";

/// Writes the document, and the plots into a directory of the same name.
pub fn write(results: &Results, document: &Path) -> Result<()> {
    let directory = document.with_extension("");
    let name = directory.file_name().context("the document has no name")?;
    fs::create_dir_all(&directory)?;
    for (plot, picture) in plots(results) {
        fs::write(directory.join(format!("{plot}.svg")), picture)?;
    }
    fs::write(document, render(results, &name.to_string_lossy())?)?;
    Ok(())
}

fn render(results: &Results, plots: &str) -> Result<String> {
    let table = |group, rows, value, format, base| {
        let table = Table {
            results,
            group,
            rows,
            value,
            format,
            base,
        };
        table.render()
    };
    let rates = |group, rows| table(group, rows, "rate", format::rate, Some(ORIGINAL));
    let cpu = |group, rows| table(group, rows, "cpu_us", format::micros, Some(ORIGINAL));
    let memory = |value| table("idle", "clients", value, format::whole, None);
    let mut text = TEMPLATE.to_owned();
    for (key, value) in [
        ("origin", origin::origin(&results.run)),
        ("brokers", origin::brokers(&results.run)),
        ("method", origin::method(&results.run)),
        ("plots", plots.to_owned()),
        ("stages_unix_rate", rates("stages-unix", "stage")),
        ("stages_unix_cpu", cpu("stages-unix", "stage")),
        ("stages_tcp_rate", rates("stages-tcp", "stage")),
        ("stages_tcp_cpu", cpu("stages-tcp", "stage")),
        ("small_window", windows(fan::SMALL)),
        ("large_windows", windows(fan::LARGE)),
        ("fan_small_rate", rates("fan-small", "subscribers")),
        ("fan_small_cpu", cpu("fan-small", "subscribers")),
        ("fan_large_rate", rates("fan-large", "subscribers")),
        ("fan_large_cpu", cpu("fan-large", "subscribers")),
        (
            "subscriptions_exact",
            cpu("subscriptions-exact", "subscriptions"),
        ),
        (
            "subscriptions_plus",
            cpu("subscriptions-plus", "subscriptions"),
        ),
        (
            "subscriptions_hash",
            cpu("subscriptions-hash", "subscriptions"),
        ),
        (
            "latency",
            table("latency", "", "time_us", format::micros, Some(RELAY)),
        ),
        ("memory_resident", memory("resident_kib")),
        ("memory_anonymous", memory("anonymous_kib")),
        ("command_line_1", rates("command-line-1", "stage")),
        ("command_line_8", rates("command-line-8", "stage")),
        ("queue", QUEUE_OF_ORIGINAL.to_owned()),
        ("behind", behind::list(results, &figures(), is_other)),
        (
            "one_worker_ahead",
            behind::list(results, &figures(), is_one_worker),
        ),
        ("remarks", origin::remarks(results)),
    ] {
        text = text.replace(&format!("{{{{{key}}}}}"), &value);
    }
    ensure!(!text.contains("{{"), "the template names something unknown");
    Ok(text.trim_end().to_owned() + "\n")
}

/// How far the publisher is ahead, for each number of subscribers.
fn windows(payload: usize) -> String {
    let windows = fan::SUBSCRIBERS.map(|subscribers| {
        let case = Fan {
            subscribers,
            payload,
        };
        case.window().to_string()
    });
    let mut windows = windows.to_vec();
    windows.dedup();
    windows.join(" or ")
}

fn plots(results: &Results) -> Vec<(&'static str, String)> {
    let bars = |title, groups, unit, value, format| {
        let bars = Bars {
            results,
            title,
            groups,
            unit,
            value,
            format,
        };
        bars.render()
    };
    let rates = |title, groups, unit| bars(title, groups, unit, "rate", format::rate);
    let subscriptions = Lines {
        results,
        title: "CPU time per publication in µs, by number of subscriptions (scales are logarithmic)",
        panels: &[
            ("subscriptions-exact", "exact topics"),
            ("subscriptions-plus", "+"),
            ("subscriptions-hash", "#"),
        ],
        value: "cpu_us",
    };
    let (latency, memory) = ("Round trip in µs: less is better", "Resident memory in KiB");
    let all = [
        (
            "stages-unix",
            rates(
                "Operations per second, UNIX sockets",
                &[("stages-unix", "")],
                "",
            ),
        ),
        (
            "stages-tcp",
            rates("Operations per second, TCP", &[("stages-tcp", "")], ""),
        ),
        (
            "fan-small",
            rates(
                "Deliveries of 100 bytes per second, by number of subscribers",
                &[("fan-small", "to ")],
                "",
            ),
        ),
        (
            "fan-large",
            rates(
                "Deliveries of 64 KiB per second, by number of subscribers",
                &[("fan-large", "to ")],
                "",
            ),
        ),
        ("subscriptions", subscriptions.render()),
        (
            "latency",
            bars(latency, &[("latency", "")], "", "time_us", format::micros),
        ),
        (
            "memory",
            bars(
                memory,
                &[("idle", "")],
                " idle clients",
                "resident_kib",
                format::whole,
            ),
        ),
        (
            "command-line",
            rates(
                "Operations per second of the command lines, with one worker and with eight",
                &[("command-line-1", "1: "), ("command-line-8", "8: ")],
                "",
            ),
        ),
    ];
    let drawn = all
        .into_iter()
        .filter_map(|(name, picture)| Some((name, picture?)));
    drawn.collect()
}

/// Everything in which brokers are compared.
fn figures() -> Vec<Figure<'static>> {
    let mut figures = Vec::new();
    for (group, rate, cpu) in [
        (
            "stages-unix",
            "operations per second over UNIX sockets",
            "CPU time over UNIX sockets",
        ),
        (
            "stages-tcp",
            "operations per second over TCP",
            "CPU time over TCP",
        ),
        (
            "fan-small",
            "deliveries of 100 bytes per second",
            "CPU time per delivery of 100 bytes",
        ),
        (
            "fan-large",
            "deliveries of 64 KiB per second",
            "CPU time per delivery of 64 KiB",
        ),
    ] {
        figures.push(more(group, rate));
        figures.push(less(group, cpu, "cpu_us"));
    }
    figures.extend([
        more("command-line-1", "command line with one worker"),
        more("command-line-8", "command line with eight workers"),
        less(
            "subscriptions-exact",
            "CPU time by number of exact subscriptions",
            "cpu_us",
        ),
        less(
            "subscriptions-plus",
            "CPU time by number of subscriptions with `+`",
            "cpu_us",
        ),
        less(
            "subscriptions-hash",
            "CPU time by number of subscriptions with `#`",
            "cpu_us",
        ),
        less("latency", "round trip", "time_us"),
        less(
            "idle",
            "resident memory by number of idle clients",
            "resident_kib",
        ),
        less(
            "idle",
            "anonymous memory by number of idle clients",
            "anonymous_kib",
        ),
    ]);
    figures
}

fn is_other(broker: &str) -> bool {
    !is_one_worker(broker) && broker != RELAY
}

fn is_one_worker(broker: &str) -> bool {
    broker == "elbusd -w 1"
}

fn more<'a>(group: &'a str, text: &'a str) -> Figure<'a> {
    Figure {
        group,
        text,
        value: "rate",
        more_is_better: true,
    }
}

fn less<'a>(group: &'a str, text: &'a str, value: &'a str) -> Figure<'a> {
    Figure {
        group,
        text,
        value,
        more_is_better: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::results;

    #[test]
    fn a_document_is_made_of_whatever_was_measured() {
        let results = results(&[("fan-small", "8", "elbusd", "rate", 1000.0)]);
        let text = render(&results, "performance").unwrap();
        assert!(text.contains("| 8 | 1.00 k |"), "{text}");
        assert!(text.contains("Not measured."));
        assert_eq!(plots(&results).len(), 1);
    }
}
