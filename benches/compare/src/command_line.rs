//! The `benchmark` commands of both command lines: running them, and reading what they print.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::load::stages;
use crate::wire::Address;

/// A benchmark that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(180);

/// Operations per second of each stage.
pub type Rates = Vec<(&'static str, f64)>;

/// Runs `elbus BUS benchmark` of this repository or of the original.
pub fn benchmark(
    directory: &Path,
    is_ours: bool,
    address: &Address,
    workers: usize,
    iterations: u64,
) -> Result<Rates> {
    let mut command = Command::new(directory.join("elbus"));
    if is_ours {
        command.arg("--json");
    }
    command
        .args([&address.to_text(), "benchmark"])
        .args(["-w", &workers.to_string(), "-i", &iterations.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().context("elbus does not start")?;
    let deadline = Instant::now() + LIMIT;
    // What it prints fits into the pipe.
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("the benchmark hangs");
        }
        sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rates = if is_ours {
        parse_json(&text)?
    } else {
        parse_table(&text)
    };
    if rates.len() != stages::ALL.len() {
        bail!("{} stages in: {text}", rates.len());
    }
    Ok(rates)
}

fn parse_json(text: &str) -> Result<Rates> {
    #[derive(Deserialize)]
    struct Stage {
        stage: String,
        operations_per_second: f64,
    }
    let results: Vec<Stage> = serde_json::from_str(text)?;
    let known = |result: Stage| Some((stage(&result.stage)?, result.operations_per_second));
    Ok(results.into_iter().filter_map(known).collect())
}

/// The rows of the table at the end: the stage first, operations per second last.
fn parse_table(text: &str) -> Rates {
    let rate = |line: &str| {
        let stage = stage(line.split_whitespace().next()?)?;
        let number = line.split_whitespace().next_back()?;
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        Some((stage, digits.parse().ok()?))
    };
    text.lines().filter_map(rate).collect()
}

fn stage(name: &str) -> Option<&'static str> {
    stages::ALL.into_iter().find(|&stage| stage == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_original_is_understood() {
        let text = "\
*** stage completed: rpc.call (20_000 iters, 0.5 secs)
 stage              iters   secs   msecs    iters/s
----------------------------------------------------
 send.qos.no        20_000  0.010  10.123   1_975_698
 rpc.call           20_000  0.500  500.000  40_000
";
        let expected = [("send.qos.no", 1_975_698.0), ("rpc.call", 40_000.0)];
        assert_eq!(parse_table(text), expected);
    }

    #[test]
    fn our_json_is_understood() {
        let text = r#"[{"stage":"rpc.call0","seconds":0.5,"operations_per_second":47976.7},
            {"stage":"unheard of","operations_per_second":1.0}]"#;
        assert_eq!(parse_json(text).unwrap(), [("rpc.call0", 47976.7)]);
    }
}
