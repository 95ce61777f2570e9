//! How a run ends: first everybody reads and everything arrives, then everybody goes and nothing is
//! left.

use std::time::Duration;

use tokio::task::yield_now;

use super::connection::Phase;
use super::world::World;
use crate::limits::LINGER;

/// How long what is on its way may take when everybody reads. A little more than what the broker
/// waits by itself: for more frames to join, and for room that it cannot watch.
const SETTLING: Duration = Duration::from_millis(500);

/// Rounds in which the broker may do something that nobody sees from outside.
const SILENT_ROUNDS: usize = 10;

impl World {
    /// Repairs everything, and reads until everything has arrived that was to.
    pub(super) async fn settle(&mut self) {
        for connection in &mut self.connections {
            connection.stalled_until = 0;
            connection.far.repair();
        }
        let deadline = World::now() + SETTLING;
        let (mut silent, mut quiet_once) = (0, false);
        loop {
            silent = match self.pump().await {
                true => 0,
                false => silent + 1,
            };
            if silent < SILENT_ROUNDS {
                continue;
            }
            let is_quiet = self
                .connections
                .iter()
                .all(|connection| connection.is_quiet());
            if is_quiet && self.queues_are_empty() {
                if quiet_once {
                    break;
                }
                // Whatever waits for a timer should have its time.
                quiet_once = true;
                self.wait(LINGER / 10).await;
            }
            assert!(World::now() < deadline, "stuck:\n{}", self.describe());
            self.wait(Duration::from_millis(1)).await;
            silent = 0;
        }
        let of = |id: usize| &self.connections[id];
        self.ledger
            .close(|id| of(id).has_sent_all, |id| of(id).has_got_all);
    }

    /// Everybody sends and reads what they can. False if there was nothing.
    async fn pump(&mut self) -> bool {
        self.step += 1;
        let mut moved = false;
        for id in 0..self.connections.len() {
            if self.connections[id].phase != Phase::Over {
                moved |= self.connections[id].write(usize::MAX);
                moved |= self.read(id, usize::MAX);
            }
        }
        for _ in 0..4 {
            yield_now().await;
        }
        self.inspect();
        moved
    }

    /// Everybody goes, or the broker does; then nothing is left.
    pub(super) async fn end(mut self) {
        match self.chance.percent(50) {
            true => {
                for id in 0..self.connections.len() {
                    if self.connections[id].phase != Phase::Over {
                        self.leave(id);
                    }
                }
            }
            false => self.shut_down().await,
        }
        let deadline = World::now() + LINGER * 2;
        while World::now() < deadline {
            self.pump().await;
            self.wait(LINGER / 20).await;
        }
        self.check_that_nothing_is_left();
    }

    /// Nobody has anything to wait for, so the broker stops at once.
    async fn shut_down(&mut self) {
        for connection in &mut self.connections {
            connection.is_condemned = true;
        }
        self.listener = None;
        let started = World::now();
        self.broker.shutdown(LINGER * 10).await;
        let took = started.elapsed();
        assert!(took < LINGER / 10, "to shut down took {took:?}");
    }

    fn describe(&self) -> String {
        let describe = |connection: &super::connection::Connection| connection.describe();
        let lines = self
            .connections
            .iter()
            .filter(|one| one.phase != Phase::Over);
        let peers = self.broker.hub.peers();
        let queues = peers
            .iter()
            .map(|(peer, _)| format!("{}: {:?}\n", peer.name, peer.queued()));
        lines.map(describe).chain(queues).collect()
    }
}
