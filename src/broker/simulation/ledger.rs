//! What was sent, who had to get it, and who did. Knows what the broker owes to its clients; knows
//! nothing of streams.

use super::Step;
use crate::broker::config::Overflow;
use crate::protocol::{ERR_CLIENT_NOT_REGISTERED, ERR_NOT_DELIVERED, RESPONSE_OK};

/// The number of a connection; no two of a run have the same.
pub(super) type Id = usize;

/// Whom a frame is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Name(String),
    Mask(String),
    Topic(String),
}

/// A frame, from the moment when its sender decided to send it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) by: Id,
    pub(super) to: Target,
    pub(super) at: Step,
    /// Those who have to get it if they stay.
    due: Vec<Id>,
    received_by: Vec<Id>,
    /// The code of its ack.
    code: Option<u8>,
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Ledger {
    overflow: Overflow,
    frames: Vec<Sent>,
}

/// The payload of a frame: its number, and so many bytes that follow from it.
fn payload(number: usize, filling: usize) -> Vec<u8> {
    let mut payload = (number as u32).to_le_bytes().to_vec();
    payload.extend((0..filling).map(|at| (number + at) as u8));
    payload
}

/// Length of the number at the start of a payload, in bytes.
const NUMBER_BYTES: usize = 4;

impl Ledger {
    pub(super) fn new(overflow: Overflow) -> Self {
        Self {
            overflow,
            frames: Vec::new(),
        }
    }

    pub(super) fn frame(&self, number: usize) -> &Sent {
        &self.frames[number]
    }

    /// Notes a frame that is going to be sent. Returns its number and its payload.
    pub(super) fn send(
        &mut self,
        (by, at): (Id, Step),
        to: Target,
        due: Vec<Id>,
        filling: usize,
    ) -> (usize, Vec<u8>) {
        let number = self.frames.len();
        self.frames.push(Sent {
            by,
            to,
            at,
            due,
            received_by: Vec::new(),
            code: None,
        });
        (number, payload(number, filling))
    }

    /// Notes what the broker has answered.
    pub(super) fn acknowledge(&mut self, number: usize, code: u8) {
        let sent = &mut self.frames[number];
        let is_possible = match sent.to {
            Target::Name(_) => {
                [RESPONSE_OK, ERR_CLIENT_NOT_REGISTERED, ERR_NOT_DELIVERED].contains(&code)
            }
            Target::Mask(_) | Target::Topic(_) => code == RESPONSE_OK,
        };
        assert!(is_possible, "frame {number} was answered with {code:#04x}");
        sent.code = Some(code);
    }

    /// Notes who has received a payload. Returns its number.
    pub(super) fn receive(&mut self, received: &[u8], by: Id) -> usize {
        let (number, _) = received
            .split_first_chunk::<NUMBER_BYTES>()
            .expect("each payload has a number");
        let number = u32::from_le_bytes(*number) as usize;
        let expected = payload(number, received.len() - NUMBER_BYTES);
        assert!(received == expected, "frame {number} has been damaged");
        let sent = &mut self.frames[number];
        let is_first = !sent.received_by.contains(&by);
        assert!(
            is_first,
            "connection {by} has received frame {number} twice"
        );
        sent.received_by.push(by);
        number
    }

    /// Looks at everything when all is said. `stayed` tells of which connections everything that
    /// they have sent was carried out, and which have received all that was theirs.
    pub(super) fn close(
        &self,
        has_sent_all: impl Fn(Id) -> bool,
        has_got_all: impl Fn(Id) -> bool,
    ) {
        for (number, sent) in self.frames.iter().enumerate() {
            let Sent { to, by, code, .. } = sent;
            let is_single = matches!(to, Target::Name(_));
            let receivers = &sent.received_by;
            if is_single {
                let many = receivers.len() > 1;
                assert!(!many, "frame {number} has gone to {receivers:?}");
                let refused = code.is_some_and(|code| code != RESPONSE_OK);
                assert!(
                    receivers.is_empty() || !refused,
                    "frame {number} was refused with {code:?}, and delivered"
                );
            }
            if !has_sent_all(*by) {
                continue;
            }
            for receiver in sent.due.iter().filter(|id| has_got_all(**id)) {
                // Only with back-pressure everything arrives; otherwise what was acknowledged does.
                let is_promised = match self.overflow {
                    Overflow::Backpressure => true,
                    Overflow::Drop | Overflow::Disconnect => {
                        is_single && *code == Some(RESPONSE_OK)
                    }
                };
                assert!(
                    !is_promised || receivers.contains(receiver),
                    "frame {number} of connection {by} to {to:?} (ack {code:?}) was lost: \
                     connection {receiver} has not received it"
                );
                let denied = is_single && *code == Some(ERR_CLIENT_NOT_REGISTERED);
                assert!(
                    !denied,
                    "frame {number}: connection {receiver} was registered, and said not to be"
                );
            }
        }
    }
}
