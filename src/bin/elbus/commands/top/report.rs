//! What happened between two samples.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::sample::{ClientSample, Counters, Sample};

/// The broker and its clients during an interval.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Seconds since the start of the broker.
    pub uptime: u64,
    /// Of the broker as a whole.
    pub rates: Rates,
    pub clients: Vec<ClientReport>,
}

/// One client during an interval.
#[derive(Debug, Default, Serialize)]
pub struct ClientReport {
    pub name: String,
    pub kind: String,
    pub source: Option<String>,
    pub rates: Rates,
    /// Frames that wait for the client.
    pub queue: usize,
    /// Bytes that wait for the client.
    pub queue_bytes: usize,
    /// Frames that the client has missed since it connected.
    pub dropped: u64,
}

/// Traffic per second. What is out for the broker is in for a client; this is the broker's view.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub struct Rates {
    pub in_frames: f64,
    pub in_bytes: f64,
    pub out_frames: f64,
    pub out_bytes: f64,
}

impl Report {
    /// What the counters say by which the samples differ.
    pub fn between(before: &Sample, now: &Sample) -> Self {
        let elapsed = now.at.duration_since(before.at);
        let known: HashMap<_, _> = before.clients.iter().map(|c| (identity(c), c)).collect();
        let clients = now.clients.iter().map(|client| {
            // Of a client that has connected meanwhile, everything is new.
            let then = known.get(&identity(client));
            let then = then.map_or(Counters::default(), |client| client.counters);
            ClientReport {
                name: client.name.clone(),
                kind: client.kind.clone(),
                source: client.source.clone(),
                rates: Rates::of(then, client.counters, elapsed),
                queue: client.queue_frames,
                queue_bytes: client.queue_bytes,
                dropped: client.dropped,
            }
        });
        Self {
            uptime: now.uptime_s,
            rates: Rates::of(before.totals, now.totals, elapsed),
            clients: clients.collect(),
        }
    }
}

fn identity(client: &ClientSample) -> (&str, u64) {
    (&client.name, client.connected_ns)
}

impl Rates {
    fn of(before: Counters, now: Counters, elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs_f64();
        let rate = |before: u64, now: u64| match now.saturating_sub(before) {
            _ if seconds == 0.0 => 0.0,
            difference => difference as f64 / seconds,
        };
        Self {
            in_frames: rate(before.in_frames, now.in_frames),
            in_bytes: rate(before.in_bytes, now.in_bytes),
            out_frames: rate(before.out_frames, now.out_frames),
            out_bytes: rate(before.out_bytes, now.out_bytes),
        }
    }

    /// Bytes per second in both directions.
    pub fn bytes(&self) -> f64 {
        self.in_bytes + self.out_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn client(name: &str, connected_ns: u64, in_frames: u64) -> ClientSample {
        ClientSample {
            name: name.to_owned(),
            kind: "tcp".to_owned(),
            source: None,
            connected_ns,
            counters: Counters {
                in_frames,
                ..Counters::default()
            },
            queue_frames: 0,
            queue_bytes: 0,
            dropped: 0,
        }
    }

    fn sample(at: Instant, out_bytes: u64, clients: Vec<ClientSample>) -> Sample {
        Sample {
            at,
            uptime_s: 7,
            totals: Counters {
                out_bytes,
                ..Counters::default()
            },
            clients,
        }
    }

    #[test]
    fn rates_are_differences_per_second() {
        let start = Instant::now();
        let before = sample(start, 1000, vec![client("a", 1, 10)]);
        let now = sample(
            start + Duration::from_secs(2),
            5000,
            // The second one has come, the third one is another of the same name.
            vec![client("a", 1, 30), client("b", 2, 4)],
        );
        let report = Report::between(&before, &now);
        assert_eq!(report.rates.out_bytes, 2000.0);
        let rates: Vec<_> = report.clients.iter().map(|c| c.rates.in_frames).collect();
        assert_eq!(rates, [10.0, 2.0]);
    }

    #[test]
    fn a_name_that_came_back_starts_at_zero() {
        let start = Instant::now();
        let before = sample(start, 0, vec![client("a", 1, 1000)]);
        let now = sample(start + Duration::from_secs(1), 0, vec![client("a", 9, 3)]);
        assert_eq!(
            Report::between(&before, &now).clients[0].rates.in_frames,
            3.0
        );
    }

    #[test]
    fn no_time_is_no_rate() {
        let only = sample(Instant::now(), 1000, vec![client("a", 1, 10)]);
        let report = Report::between(&only, &only);
        assert_eq!(report.rates, Rates::default());
        assert_eq!(report.clients[0].rates, Rates::default());
    }
}
