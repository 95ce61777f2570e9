//! What `/proc` tells about a process, and about everybody else.

use std::fs;
use std::ops::Sub;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::unistd::{SysconfVar, sysconf};

/// Running totals at one moment; the difference of two is what happened in between.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    at: Instant,
    watched: Task,
    own: Task,
    /// Of the whole machine, including what the host took away, in seconds.
    busy_s: f64,
}

/// Totals of all threads of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Task {
    cpu_ns: u64,
    switches: u64,
}

/// What happened between two snapshots.
#[derive(Debug, Clone, Copy)]
pub struct Elapsed {
    pub seconds: f64,
    pub cpu_us: f64,
    /// How often a thread of the process was given a processor.
    pub switches: f64,
    /// Processor cores that neither the process nor this one used.
    pub others_cores: f64,
}

impl Snapshot {
    pub fn take(pid: u32) -> Result<Self> {
        Ok(Self {
            watched: Task::of(&pid.to_string())?,
            own: Task::of("self")?,
            busy_s: busy_seconds(&fs::read_to_string("/proc/stat")?)?,
            at: Instant::now(),
        })
    }
}

impl Sub for Snapshot {
    type Output = Elapsed;

    fn sub(self, earlier: Self) -> Elapsed {
        let seconds = (self.at - earlier.at).as_secs_f64();
        let cpu_ns = self.watched.cpu_ns.saturating_sub(earlier.watched.cpu_ns);
        let own_ns = self.own.cpu_ns.saturating_sub(earlier.own.cpu_ns);
        let others_s = self.busy_s - earlier.busy_s - (cpu_ns + own_ns) as f64 / 1e9;
        Elapsed {
            seconds,
            cpu_us: cpu_ns as f64 / 1e3,
            switches: self
                .watched
                .switches
                .saturating_sub(earlier.watched.switches) as f64,
            others_cores: (others_s / seconds).max(0.0),
        }
    }
}

impl Task {
    fn of(pid: &str) -> Result<Self> {
        let mut sum = Self::default();
        for task in fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
            // A thread may end while we look.
            if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
                let task = schedstat(&text).context("schedstat is not what we know")?;
                sum.cpu_ns += task.cpu_ns;
                sum.switches += task.switches;
            }
        }
        Ok(sum)
    }
}

/// Nanoseconds on a processor, nanoseconds of waiting for one, number of times on one.
fn schedstat(text: &str) -> Option<Task> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let cpu_ns = numbers.next()?.ok()?;
    let switches = numbers.nth(1)?.ok()?;
    Some(Task { cpu_ns, switches })
}

/// Time of user programs, of the kernel on their behalf, and stolen by the host, from `/proc/stat`.
/// Interrupts are left out: they are mostly those of the network traffic that is measured.
fn busy_seconds(stat: &str) -> Result<f64> {
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .map_while(|number| number.parse().ok())
        .collect();
    let [
        user,
        nice,
        system,
        _idle,
        _iowait,
        _irq,
        _softirq,
        steal,
        ..,
    ] = ticks[..]
    else {
        anyhow::bail!("/proc/stat is not what we know: {line}");
    };
    let per_second = sysconf(SysconfVar::CLK_TCK)?.context("no clock ticks")?;
    Ok((user + nice + system + steal) / per_second as f64)
}

/// Resident memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub resident: u64,
    pub anonymous: u64,
}

pub fn memory(pid: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field =
        |key| field(&text, key).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    Ok(Memory {
        resident: field("VmRSS").context("no VmRSS")?,
        anonymous: field("RssAnon").context("no RssAnon")?,
    })
}

/// The processor's name, as it calls itself.
pub fn cpu_model() -> String {
    let text = fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default();
    field(&text, "model name").unwrap_or("unknown").to_owned()
}

/// The value of the first line `key : value`.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheduler_tells_time_and_turns() {
        let expected = Task {
            cpu_ns: 123,
            switches: 7,
        };
        assert_eq!(schedstat("123 456 7\n"), Some(expected));
        assert_eq!(schedstat("123"), None);
    }

    #[test]
    fn idle_time_and_interrupts_are_not_busy() {
        let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64;
        let stat = "cpu  100 20 3 9999 9999 9999 9999 4 0 0\ncpu0 1 1 1\n";
        assert_eq!(busy_seconds(stat).unwrap(), 127.0 / per_second);
        assert!(busy_seconds("cpu 1 2").is_err());
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "VmRSSx:\t1 kB\nVmRSS:\t  4144 kB\n";
        assert_eq!(field(text, "VmRSS"), Some("4144 kB"));
    }
}
