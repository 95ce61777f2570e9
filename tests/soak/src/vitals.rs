//! What the broker has at a moment.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::broker::Broker;
use crate::control::Control;

/// By how much memory after a round may exceed that after the first one, in KiB. See the README.
const MEMORY_SLACK_KIB: u64 = 4096;

/// How long the last clients may take to leave, and freed pages to go back.
const REST: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Default)]
pub struct Vitals {
    pub memory_kib: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub clients: u64,
    pub secondaries: u64,
    pub filters: u64,
}

impl Vitals {
    pub async fn of(broker: &Broker, control: &mut Control) -> Result<Self> {
        let registered = control.registered().await?;
        let process = format!("/proc/{}", broker.pid());
        let count = |folder: &str| -> Result<u64> {
            let entries = std::fs::read_dir(format!("{process}/{folder}"));
            Ok(entries.context("the broker has ended")?.count() as u64)
        };
        let status = std::fs::read_to_string(format!("{process}/status"))?;
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|text| text.trim().strip_suffix(" kB"));
        Ok(Self {
            memory_kib: memory.context("no VmRSS")?.parse()?,
            descriptors: count("fd")?,
            threads: count("task")?,
            clients: registered.clients as u64,
            secondaries: registered.secondaries as u64,
            filters: registered.filters as u64,
        })
    }

    fn fields(&self) -> [(&'static str, u64); 5] {
        [
            ("descriptors", self.descriptors),
            ("threads", self.threads),
            ("clients", self.clients),
            ("secondaries", self.secondaries),
            ("filters", self.filters),
        ]
    }

    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        Self {
            memory_kib: self.memory_kib.max(other.memory_kib),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
            clients: self.clients.max(other.clients),
            secondaries: self.secondaries.max(other.secondaries),
            filters: self.filters.max(other.filters),
        }
    }

    /// What has not come back to where it was: memory after the first rest, all else at the start.
    pub fn differences(&self, start: &Self, first_rest: Option<&Self>) -> Vec<String> {
        let pairs = self.fields().into_iter().zip(start.fields());
        let mut found: Vec<String> = pairs
            .filter(|((_, now), (_, then))| now != then)
            .map(|((what, now), (_, then))| format!("{now} {what}, {then} at the start"))
            .collect();
        if let Some(first) = first_rest
            && self.memory_kib > first.memory_kib + MEMORY_SLACK_KIB
        {
            let (now, then) = (self.memory_kib, first.memory_kib);
            found.push(format!("{now} KiB of memory, {then} after the first round"));
        }
        found
    }
}

/// Waits until everything has come back, but not for ever; returns what there is then.
pub async fn at_rest(
    broker: &Broker,
    control: &mut Control,
    start: &Vitals,
    first_rest: Option<&Vitals>,
) -> Result<Vitals> {
    let begin = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = Vitals::of(broker, control).await?;
        // A little longer, so that pages that were just freed are not counted.
        let waited = begin.elapsed();
        let settled = now.differences(start, first_rest).is_empty() && waited > REST / 4;
        if settled || waited > REST {
            return Ok(now);
        }
    }
}
