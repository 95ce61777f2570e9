//! What a frame costs in instructions and in system calls.
//!
//! `cargo bench --features server,rpc,ipc --bench instructions > docs/performance-counts.md` writes
//! that document. It needs `valgrind` and `strace`.
//!
//! `ELBUSD` names another build of the daemon, `ELBUSD_ONLY` the workloads, separated by semicolons.
//!
//! Every workload runs twice, with N and with 2 N frames. The difference is the cost of N frames;
//! what it takes to start, to connect and to end cancels out. Counts hardly depend on what else the
//! machine does, so small changes show, but they are no times.

mod broker;
mod callgrind;
mod client;
mod strace;

use callgrind::Profile;
use std::path::PathBuf;
use std::process::Command;

/// What many write into their documents.
type Anything<T> = Result<T, Box<dyn std::error::Error>>;

/// Functions that are shown for each workload.
const TOP: usize = 8;

fn main() -> Anything<()> {
    let args: Vec<String> = std::env::args().collect();
    if let [_, role, workload, frames, path] = &args[..]
        && role == client::ROLE
    {
        return client::run(workload, frames.parse()?, path);
    }
    let scratch = Scratch::new()?;
    print!("{}", include_str!("head.md"));
    println!("\nMeasured with {}, on {}.\n", compiler()?, processor()?);
    instructions(&scratch)?;
    system_calls(&scratch)
}

/// Those workloads that `ELBUSD_ONLY` names; all if it is not set.
fn wanted<W>(workloads: impl IntoIterator<Item = W>, name: fn(&W) -> &str) -> Vec<W> {
    let only = std::env::var("ELBUSD_ONLY").ok();
    let is_wanted = |workload: &W| match &only {
        Some(names) => names.split(';').any(|one| one == name(workload)),
        None => true,
    };
    workloads.into_iter().filter(is_wanted).collect()
}

fn instructions(scratch: &Scratch) -> Anything<()> {
    let mut details = String::new();
    println!("## Instructions\n");
    println!("| workload | instructions per frame |\n|---|---:|");
    let mut show = |name: &str, frames: usize, once: &Profile, twice: &Profile| {
        let list = callgrind::difference(once, twice, frames);
        let sum: f64 = list.iter().map(|(_, cost)| cost).sum();
        println!("| {name} | {sum:.0} |");
        details += &format!("\n### {name}\n\n```text\n");
        for (function, cost) in list.iter().take(TOP) {
            details += &format!("{cost:8.1}  {function}\n");
        }
        details += "```\n";
    };
    for workload in wanted(broker::workloads(), |workload| &workload.name) {
        let of = |times| workload.profile(scratch, times);
        show(&workload.name, workload.frames, &of(1)?, &of(2)?);
    }
    for workload in wanted(client::WORKLOADS, |workload| workload.name) {
        let of = |times| workload.profile(scratch, times);
        show(workload.name, workload.frames, &of(1)?, &of(2)?);
    }
    println!(
        "\n## Where they are spent\n\nWhat is inlined counts for the function it is inlined in."
    );
    println!("{details}");
    Ok(())
}

fn system_calls(scratch: &Scratch) -> Anything<()> {
    println!("## System calls\n");
    println!("| workload | read | write | wait | others |\n|---|---:|---:|---:|---:|");
    for workload in wanted(broker::workloads(), |workload| &workload.name) {
        let (once, twice) = (workload.calls(scratch, 1)?, workload.calls(scratch, 2)?);
        let each = |count: fn(&strace::Calls) -> u64| {
            (count(&twice) as f64 - count(&once) as f64) / workload.frames as f64
        };
        println!(
            "| {} | {:.3} | {:.3} | {:.3} | {:.3} |",
            workload.name,
            each(|calls| calls.reads),
            each(|calls| calls.writes),
            each(|calls| calls.waits),
            each(|calls| calls.others),
        );
    }
    Ok(())
}

/// A directory that goes with the program.
pub struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let name = format!("elbus-instructions-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// A file in it that is not there yet.
    fn fresh(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        // It may be that of the measurement before.
        let _ = std::fs::remove_file(&path);
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A program under callgrind, which writes to this file.
fn under_callgrind(profile: &std::path::Path, program: &str) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]);
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(program);
    command
}

fn compiler() -> Anything<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn processor() -> Anything<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = text.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    let system = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let model = model.unwrap_or(std::env::consts::ARCH);
    Ok(format!("{model}, Linux {}", system.trim()))
}
