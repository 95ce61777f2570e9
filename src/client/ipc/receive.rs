//! From the socket to the event channel and the confirmations.
//!
//! Acks have to get through whatever the application does with its events, but frames that stand
//! before an ack in the stream have to be put somewhere. So: while no confirmation is awaited, a full
//! event channel stops the reading, and the broker's own back-pressure takes over. While one is
//! awaited, frames are set aside, as many as the channel holds; beyond that they are dropped and
//! counted.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::Arc;

use super::confirmations::Acks;
use super::connection::Connection;
use crate::Frame;
use crate::link::{Config, Incoming, Rest, large_frame, split_frames};
use crate::protocol::DecodeError;
use crate::transport::intake::{Input, Intake, Stop, Taken};

/// See the top of this file.
pub(super) struct Receiver {
    connection: Arc<Connection>,
    intake: Intake,
    max_body: usize,
    acks: Acks,
    events: Events,
}

/// The event channel, and what does not fit into it.
struct Events {
    frames: async_channel::Sender<Frame>,
    set_aside: VecDeque<Frame>,
    max_set_aside: usize,
}

impl Receiver {
    pub(super) fn new(
        connection: Arc<Connection>,
        intake: Intake,
        frames: async_channel::Sender<Frame>,
        config: &Config,
    ) -> Self {
        Self {
            connection,
            intake,
            max_body: config.max_body(),
            acks: Acks::default(),
            events: Events {
                frames,
                set_aside: VecDeque::new(),
                max_set_aside: config.queue_size.max(1),
            },
        }
    }

    /// Receives until the connection ends.
    pub(super) async fn run(&mut self) -> io::Result<()> {
        loop {
            let Some(next) = self.events.set_aside.front().cloned() else {
                if !self.read().await? {
                    return Ok(());
                }
                continue;
            };
            let connection = self.connection.clone();
            let channel = self.events.frames.clone();
            let go_on_reading =
                !connection.are_events_taken() || connection.confirmations.any_or_wake();
            tokio::select! {
                biased;
                sent = channel.send(next) => match sent {
                    Ok(()) => drop(self.events.set_aside.pop_front()),
                    Err(_) => self.events.set_aside.clear(),
                },
                more = self.read(), if go_on_reading => if !more? {
                    return Ok(());
                },
                () = connection.confirmations.started(), if !go_on_reading => {}
            }
        }
    }

    /// Reads until the broker has closed the connection, and keeps nothing.
    pub(super) async fn discard(&mut self) -> io::Result<()> {
        let nothing_held = |input: Input<'_>| match input {
            Input::Frames(bytes) => all_taken(bytes.len()),
            Input::Large { head, .. } => all_taken(head.len()),
        };
        while self.intake.read(nothing_held).await? {}
        Ok(())
    }

    /// Takes what one read from the socket brings. False at the end of the stream.
    async fn read(&mut self) -> io::Result<bool> {
        let Self {
            connection,
            intake,
            max_body,
            acks,
            events,
        } = self;
        let mut fault = None;
        let more = intake
            .read(|input| {
                let taken = match input {
                    Input::Frames(bytes) => process(connection, events, acks, bytes, *max_body),
                    Input::Large { head, payload, .. } => {
                        process_large(connection, events, head, mem::take(payload))
                    }
                };
                connection.confirmations.resolve(acks);
                taken.unwrap_or_else(|e| {
                    fault = Some(invalid(e));
                    all_taken(0)
                })
            })
            .await?;
        match fault {
            None => Ok(more),
            Some(e) => Err(e),
        }
    }
}

/// Takes every whole frame in `bytes`.
fn process(
    connection: &Connection,
    events: &mut Events,
    acks: &mut Acks,
    bytes: &[u8],
    limit: usize,
) -> Result<Taken, DecodeError> {
    let Rest {
        consumed,
        size,
        payload_at,
    } = split_frames(bytes, limit, |incoming| match incoming {
        Incoming::Ack { op_id, code } => {
            acks.push(op_id, code);
            if acks.are_many() {
                connection.confirmations.resolve(acks);
            }
        }
        Incoming::Frame(frame) => events.deliver(connection, frame),
    })?;
    Ok(Taken {
        consumed,
        stop: Stop::NeedMore { size, payload_at },
    })
}

/// Takes a frame whose payload was received by itself.
fn process_large(
    connection: &Connection,
    events: &mut Events,
    head: &[u8],
    payload: Vec<u8>,
) -> Result<Taken, DecodeError> {
    if let Some(frame) = large_frame(head, payload)? {
        events.deliver(connection, frame);
    }
    Ok(all_taken(head.len()))
}

fn all_taken(consumed: usize) -> Taken {
    Taken {
        consumed,
        stop: Stop::NeedMore {
            size: 0,
            payload_at: None,
        },
    }
}

fn invalid(e: DecodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e.to_string())
}

impl Events {
    fn deliver(&mut self, connection: &Connection, frame: Frame) {
        let frame = match self.set_aside.is_empty() {
            true => match self.frames.try_send(frame) {
                Ok(()) | Err(async_channel::TrySendError::Closed(_)) => return,
                Err(async_channel::TrySendError::Full(frame)) => frame,
            },
            false => frame,
        };
        if self.set_aside.len() < self.max_set_aside {
            self.set_aside.push_back(frame);
        } else {
            connection.count_dropped_frame();
        }
    }
}
