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
        parse_log(&text)
    };
    if rates.len() != stages::ALL.len() {
        bail!("it ended after {} stages", rates.len());
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

/// What the original says about each stage when it is done: operations and seconds. It ends with a
/// table, but built with today's compilers it crashes before it has printed that.
fn parse_log(text: &str) -> Rates {
    let rate = |line: &str| {
        // *** stage completed: NAME (100_000 iters, 1.234 secs)
        let rest = line.strip_prefix("*** stage completed: ")?;
        let (name, rest) = rest.split_once(" (")?;
        let (iterations, rest) = rest.split_once(" iters, ")?;
        let digits: String = iterations.chars().filter(char::is_ascii_digit).collect();
        let seconds: f64 = rest.strip_suffix(" secs)")?.parse().ok()?;
        // They are rounded, and must not be zero.
        Some((
            stage(name)?,
            digits.parse::<f64>().ok()? / seconds.max(0.0005),
        ))
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
    fn the_log_of_the_original_is_understood() {
        let text = "\
Starting benchmark, 1 worker(s), 20_000 iters, 20_000 iters/worker, 100 byte(s) payload
!!! stage started: send.qos.no
*** stage completed: send.qos.no (20_000 iters, 0.010 secs)
!!! stage started: rpc.call
*** stage completed: rpc.call (20_000 iters, 0.500 secs)
--- Benchmark results ------------------
";
        let expected = [("send.qos.no", 2_000_000.0), ("rpc.call", 40_000.0)];
        assert_eq!(parse_log(text), expected);
    }

    #[test]
    fn our_json_is_understood() {
        let text = r#"[{"stage":"rpc.call0","seconds":0.5,"operations_per_second":47976.7},
            {"stage":"unheard of","operations_per_second":1.0}]"#;
        assert_eq!(parse_json(text).unwrap(), [("rpc.call0", 47976.7)]);
    }
}
