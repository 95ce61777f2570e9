//! System calls of a process, as `strace -c` counts them.

use super::Anything;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub struct Calls {
    pub reads: u64,
    pub writes: u64,
    pub waits: u64,
    pub others: u64,
}

/// The program with its system calls counted into this file. It is our own child, which gets our
/// signals; the counting process is not.
pub fn over(file: &Path, program: &str) -> Command {
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-c", "-o"])
        .arg(file)
        .arg(program);
    command
}

/// Reads the table, which is written a little after the program has ended. Its last line is the
/// sum; the columns are share, seconds, microseconds per call, calls, errors if there are any, name.
pub fn read(file: &Path) -> Anything<Calls> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let text = loop {
        let text = std::fs::read_to_string(file)?;
        if text.trim_end().ends_with("total") {
            break text;
        }
        if Instant::now() > deadline {
            return Err("strace did not write its table".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut calls = Calls::default();
    for line in text.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (Some(name), Some(Ok(count))) = (
            columns.last(),
            columns.get(3).map(|count| count.parse::<u64>()),
        ) else {
            continue;
        };
        match *name {
            "read" | "recvfrom" | "readv" | "recvmsg" => calls.reads += count,
            "write" | "sendto" | "writev" | "sendmsg" => calls.writes += count,
            "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => calls.waits += count,
            "total" => {}
            _ => calls.others += count,
        }
    }
    Ok(calls)
}
