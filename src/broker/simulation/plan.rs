//! What kind of a run a seed stands for: how many clients, which bounds, what goes wrong how often.

use std::time::Duration;

use crate::broker::config::{Overflow, ServerConfig};
use crate::transport::simulated::{Behaviour, Chance};

/// What counts as stalled, for the broker of a run.
pub(super) const TIMEOUT: Duration = Duration::from_secs(1);

/// The plan of one run.
#[derive(Debug)]
pub(super) struct Plan {
    /// Names that clients have; several connections may want the same one.
    pub(super) names: Vec<String>,
    pub(super) steps: usize,
    /// `.broker` is there, which makes announcements.
    pub(super) has_core: bool,
    pub(super) overflow: Overflow,
    queue_frames: usize,
    queue_bytes: usize,
    linger: Duration,
    /// Of a payload, in bytes.
    pub(super) largest_payload: usize,
    /// Percentage of the steps after which time passes.
    pub(super) haste: usize,
    /// Percentage of the connections that are reset at some byte.
    resets: usize,
    /// How badly streams behave, in percent.
    faults: usize,
    capacities: &'static [usize],
}

impl Plan {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let clients = chance.between(2, 6);
        let overflows = [
            Overflow::Backpressure,
            Overflow::Backpressure,
            Overflow::Backpressure,
            Overflow::Drop,
            Overflow::Disconnect,
        ];
        Self {
            names: (0..clients)
                .map(|n| format!("group{}.{n}", n % 2))
                .collect(),
            steps: chance.between(100, 500),
            has_core: chance.percent(50),
            overflow: *chance.pick(&overflows),
            queue_frames: *chance.pick(&[1, 2, 4, 16, 64]),
            queue_bytes: *chance.pick(&[100, 1000, 10_000, 1_000_000]),
            linger: Duration::from_millis(*chance.pick(&[0, 0, 0, 1, 3])),
            largest_payload: *chance.pick(&[40, 40, 600, 9000, 100_000]),
            haste: *chance.pick(&[0, 1, 5]),
            resets: *chance.pick(&[0, 0, 20, 50]),
            faults: *chance.pick(&[0, 5, 30]),
            capacities: *chance.pick(&[&[16, 64][..], &[64, 1000], &[1000, 20_000, 200_000]]),
        }
    }

    pub(super) fn config(&self) -> ServerConfig {
        ServerConfig::new()
            .timeout(TIMEOUT)
            .queue_size(self.queue_frames)
            .queue_bytes(self.queue_bytes)
            .buf_ttl(self.linger)
            .overflow(self.overflow)
    }

    /// How the stream of one connection behaves.
    pub(super) fn behaviour(&self, chance: &mut Chance) -> Behaviour {
        let reset_after = chance
            .percent(self.resets)
            .then(|| chance.between(1, *chance.clone().pick(&[10, 100, 5000])));
        Behaviour {
            capacity: *chance.pick(self.capacities),
            partial: chance.between(0, self.faults),
            blocking: chance.between(0, self.faults),
            late: chance.between(0, self.faults * 2),
            unwatched: chance.between(0, self.faults),
            reset_after,
        }
    }
}
