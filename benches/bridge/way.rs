//! One way from a sender to a subscriber, and what is measured on it.
//!
//! For the rate, a window of messages is on its way from end to end: as soon as one arrives, the next is
//! sent. So no broker and no bridge comes to the bounds of its queues, and each message has to arrive, once
//! and in order.

use std::time::{Duration, Instant};

use crate::ends::{
    Arrivals, BusSender, MqttSender, Sender, subscribe_on_the_bus, subscribe_over_mqtt,
};
use crate::processes::Scene;
use crate::{Anything, Case, DEADLINE, Direction};

/// The ways, as they are called in messages.
pub const NAMES: [&str; 3] = ["one mosquitto", "mosquitto's bridge", "elbus-bridge"];

/// Messages on their way from end to end while the rate is measured.
pub const WINDOW: u64 = 256;
/// Messages one at a time, of which the times are taken; fewer if they take longer than [`ALONE_FOR`].
pub const ALONE: usize = 400;
/// How long messages are sent one at a time.
pub const ALONE_FOR: Duration = Duration::from_millis(500);
/// How long a first message may take while the bridges connect, before another one is tried.
const PATIENCE: Duration = Duration::from_millis(300);

/// What one measurement of a way has brought.
#[derive(Clone, Copy, Default)]
pub struct Figures {
    pub per_s: f64,
    /// Processor time by message, µs: of the mosquitto that has the bridge, of the other one, of `elbusd`,
    /// and of `elbus-bridge`.
    pub near_us: f64,
    pub far_us: f64,
    pub bus_us: f64,
    pub bridge_us: f64,
    /// From the call that sends to the arrival of a message that is alone, µs.
    pub p50_us: f64,
    pub p99_us: f64,
}

pub struct Way {
    sender: Box<dyn Sender>,
    arrivals: Arrivals,
    case: Case,
    /// Number of the last message.
    last: u64,
}

/// The topic of a case. Its beginning says which bridge carries it, and where to.
fn topic(first: &str, case: Case) -> String {
    let direction = match case.direction {
        Direction::Out => "out",
        Direction::In => "in",
    };
    format!("{first}/{direction}/{}/{}", case.qos, case.payload)
}

impl Way {
    fn new(case: Case, sender: impl Sender + 'static, arrivals: Arrivals) -> Self {
        Self {
            sender: Box::new(sender),
            arrivals,
            case,
            last: 0,
        }
    }

    /// Both ends at the far mosquitto.
    pub fn over_one_mosquitto(scene: &Scene, case: Case) -> Anything<Self> {
        let topic = topic("one", case);
        let arrivals = subscribe_over_mqtt(scene.far_port, &topic, case.qos)?;
        let sender = MqttSender::connect(scene.far_port, &topic, case.qos);
        Ok(Self::new(case, sender, arrivals))
    }

    /// One end at the mosquitto that has a bridge, the other at the far one.
    pub fn over_two_mosquittos(scene: &Scene, case: Case) -> Anything<Self> {
        let topic = topic("mosquitto", case);
        let (from, to) = match case.direction {
            Direction::Out => (scene.near_port, scene.far_port),
            Direction::In => (scene.far_port, scene.near_port),
        };
        let arrivals = subscribe_over_mqtt(to, &topic, case.qos)?;
        let sender = MqttSender::connect(from, &topic, case.qos);
        Ok(Self::new(case, sender, arrivals))
    }

    /// One end at the bus, the other at the far mosquitto.
    pub fn over_the_bus(scene: &Scene, case: Case) -> Anything<Self> {
        let topic = topic("elbus", case);
        Ok(match case.direction {
            Direction::Out => {
                let arrivals = subscribe_over_mqtt(scene.far_port, &topic, case.qos)?;
                let sender = BusSender::connect(&scene.socket, &topic, case.qos)?;
                Self::new(case, sender, arrivals)
            }
            Direction::In => {
                let arrivals = subscribe_on_the_bus(&scene.socket, &topic)?;
                let sender = MqttSender::connect(scene.far_port, &topic, case.qos);
                Self::new(case, sender, arrivals)
            }
        })
    }

    fn send(&mut self) -> Anything<()> {
        self.last += 1;
        let mut payload = vec![b'x'; self.case.payload];
        payload[..8].copy_from_slice(&self.last.to_be_bytes());
        self.sender.send(payload)
    }

    /// Awaits exactly this message.
    fn await_message(&self, number: u64) -> Anything<()> {
        match self.arrivals.next(DEADLINE) {
            Some(arrived) if arrived == number => Ok(()),
            Some(arrived) => {
                Err(format!("message {arrived} arrived instead of message {number}").into())
            }
            None => Err(format!("message {number} did not arrive within {DEADLINE:?}").into()),
        }
    }

    /// Sends until a message comes through: until then the bridges are being connected. Nothing is on its
    /// way afterwards.
    pub fn open(&mut self) -> Anything<()> {
        let end = Instant::now() + DEADLINE;
        while Instant::now() < end {
            self.send()?;
            while let Some(number) = self.arrivals.next(PATIENCE) {
                if number == self.last {
                    return self.sender.settle();
                }
            }
        }
        let topic = topic("", self.case);
        Err(format!("{topic}: nothing comes through within {DEADLINE:?}").into())
    }

    pub fn measure(&mut self, scene: &Scene) -> Anything<Figures> {
        let processes = [&scene.near, &scene.far, &scene.bus, &scene.bridge];
        let mut cpu = [Duration::ZERO; 4];
        for (sum, process) in cpu.iter_mut().zip(processes) {
            *sum = process.cpu()?;
        }
        let took = self.stream()?;
        for (sum, process) in cpu.iter_mut().zip(processes) {
            *sum = process.cpu()?.saturating_sub(*sum);
        }
        let messages = self.case.messages as f64;
        let [near_us, far_us, bus_us, bridge_us] =
            cpu.map(|sum| sum.as_secs_f64() * 1e6 / messages);
        let times = self.one_at_a_time()?;
        Ok(Figures {
            per_s: messages / took.as_secs_f64(),
            near_us,
            far_us,
            bus_us,
            bridge_us,
            p50_us: times[times.len() / 2],
            p99_us: times[times.len() * 99 / 100],
        })
    }

    /// All messages of the case, from the first call to the last arrival.
    fn stream(&mut self) -> Anything<Duration> {
        let (mut arrived, end) = (self.last, self.last + self.case.messages);
        let begin = Instant::now();
        while arrived < end {
            while self.last < end && self.last - arrived < WINDOW {
                self.send()?;
            }
            arrived += 1;
            self.await_message(arrived)?;
        }
        let took = begin.elapsed();
        self.sender.settle()?;
        Ok(took)
    }

    /// Times of messages that are alone, in µs; the shortest first. At least one.
    fn one_at_a_time(&mut self) -> Anything<Vec<f64>> {
        let mut times = Vec::with_capacity(ALONE);
        let end = Instant::now() + ALONE_FOR;
        while times.is_empty() || times.len() < ALONE && Instant::now() < end {
            let begin = Instant::now();
            self.send()?;
            self.await_message(self.last)?;
            times.push(begin.elapsed().as_secs_f64() * 1e6);
            self.sender.settle()?;
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    }
}
