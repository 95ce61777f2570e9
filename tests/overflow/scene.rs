//! The cast of the overflow tests.

use crate::common::*;

/// The payload of every frame: its number, then filler. Together with `ENOUGH` far more than what
/// the kernel buffers between two processes.
const PAYLOAD: usize = 16 * 1024;
pub const ENOUGH: u32 = 2_500;
pub const QUEUE_SIZE: &str = "64";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    Backpressure,
    Drop,
    Disconnect,
}

impl Policy {
    pub const ALL: [Self; 3] = [Self::Backpressure, Self::Drop, Self::Disconnect];

    fn name(self) -> &'static str {
        match self {
            Self::Backpressure => "backpressure",
            Self::Drop => "drop",
            Self::Disconnect => "disconnect",
        }
    }

    /// With `drop`, nothing may depend on the timeout: a receiver stays as long as it likes.
    fn timeout(self) -> &'static str {
        if self == Self::Drop { "30" } else { "1" }
    }
}

/// What the sender uses to reach the receivers `t.stalled` and `t.good`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Message,
    Publication,
    Broadcast,
}

pub fn payload(number: u32) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(PAYLOAD, 0xAB);
    bytes
}

impl Kind {
    /// A frame for `t.stalled`; publications and broadcasts reach `t.good` as well.
    pub fn send(self, number: u32, qos: u8) -> Vec<u8> {
        let payload = payload(number);
        match self {
            Self::Message => message(number, qos, "t.stalled", &payload),
            Self::Publication => publish(number, qos, "t", &payload),
            Self::Broadcast => broadcast(number, qos, "t.*", &payload),
        }
    }

    /// The same frame as its receivers see it.
    pub fn got(self, number: u32) -> Vec<u8> {
        let payload = payload(number);
        match self {
            Self::Message => got_message(0, "sender", &payload),
            Self::Publication => got_publication(0, "sender", "t", &payload),
            Self::Broadcast => got_broadcast(0, "sender", &payload),
        }
    }

    /// The number in a received frame, after a check of everything else.
    pub fn number_of(self, frame: &Frame) -> u32 {
        let at = frame.body.len() - PAYLOAD;
        let number = frame.body[at..at + 4]
            .try_into()
            .map(u32::from_le_bytes)
            .expect("4 bytes");
        assert_eq!(show(&frame.bytes()), show(&self.got(number)));
        number
    }
}

pub struct Scene {
    pub bus: Bus,
    pub sender: Wire,
    /// Subscribed, and never reads unless the test makes it.
    pub stalled: Wire,
    /// Subscribed, and reads every frame before the next is sent.
    pub good: Wire,
    /// Subscribed to `.broker/info` from here on.
    observer: Wire,
}

impl Scene {
    pub fn new(policy: Policy, transport: Transport) -> Self {
        eprintln!("policy {policy:?}, transport {transport:?}");
        let (name, timeout) = (policy.name(), policy.timeout());
        let args = [
            "-t",
            timeout,
            "--queue-size",
            QUEUE_SIZE,
            "--overflow",
            name,
        ];
        let bus = Bus {
            broker: Broker::start(&args),
            transport,
        };
        let sender = bus.quiet_client("sender");
        let mut stalled = bus.quiet_client("t.stalled");
        let mut good = bus.quiet_client("t.good");
        let mut observer = bus.quiet_client("observer");
        for wire in [&mut stalled, &mut good] {
            wire.request(&subscribe(2, PROCESSED, &["t"]), 2);
        }
        observer.request(&subscribe(2, PROCESSED, &[".broker/info"]), 2);
        Self {
            bus,
            sender,
            stalled,
            good,
            observer,
        }
    }

    /// Sends messages to `t.stalled` until one is refused with `77`; returns its number.
    pub fn fill_up(&mut self) -> u32 {
        for number in 0..ENOUGH {
            match self
                .sender
                .request_code(&Kind::Message.send(number, PROCESSED))
            {
                OK => {}
                NOT_DELIVERED => return number,
                other => panic!("message {number} answered {other:02x}"),
            }
        }
        panic!("{ENOUGH} messages were accepted for a client that never reads");
    }

    /// Sends far more than fits to both receivers; `t.good` keeps up.
    pub fn send_enough(&mut self, kind: Kind) {
        for number in 0..ENOUGH {
            self.sender.request(&kind.send(number, PROCESSED), number);
            self.good.expect_bytes(&kind.got(number));
        }
    }

    /// The stalled client is gone: its connection ends after a beginning of what was sent,
    /// `unreg` is announced exactly once, and who takes its name keeps it.
    pub fn assert_cut(&mut self, kind: Kind) {
        let received = self.stalled.drain();
        for (number, frame) in received.iter().enumerate() {
            assert_eq!(kind.number_of(frame) as usize, number);
        }
        assert!(
            !received.is_empty(),
            "what was accepted is delivered as far as possible"
        );
        let mut next = self
            .bus
            .broker
            .client_when_free(self.bus.transport, "t.stalled");
        next.expect_silence();
        let mut last = self.bus.client("last");
        last.expect_silence();
        for (subject, name) in [
            ("unreg", "t.stalled"),
            ("reg", "t.stalled"),
            ("reg", "last"),
        ] {
            self.expect_info(subject, name);
        }
        next.expect_silence();
        self.observer.expect_nothing_from(&mut last);
        self.others_are_served();
    }

    /// The stalled client is still there and nothing was announced.
    pub fn assert_registered(&mut self) {
        assert_eq!(self.bus.connect().try_register(b"t.stalled"), Some(BUSY));
        self.observer.expect_nothing_from(&mut self.good);
    }

    pub fn others_are_served(&mut self) {
        self.good.expect_nothing_from(&mut self.sender);
        self.sender.expect_nothing_from(&mut self.good);
        self.sender.expect_silence();
    }

    pub fn expect_info(&mut self, subject: &str, name: &str) {
        let frame = self.observer.read_frame();
        let prefix = announcement_prefix(subject, name);
        let expected = [b".broker\0.broker/info\0", prefix.as_slice()].concat();
        let same = frame.body.starts_with(&expected);
        assert!(
            same,
            "expected {subject} of {name}, got {}",
            show(&frame.body)
        );
    }
}
