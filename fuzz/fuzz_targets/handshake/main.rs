//! How a conversation is opened (protocol, sections 2 and 4), from both sides.
//!
//! - The broker answers whatever is said to it with the codes of the protocol; a client that has
//!   closed its connection is registered no more.
//! - The client connects to exactly those who say what a broker says; frames that follow arrive, or
//!   end the connection.

#![no_main]

mod broker_side;
mod client_side;
mod sockets;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

/// What one side says; the other one is real.
#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// To the broker: whatever it may be.
    Bytes { said: &'a [u8], cut: u16 },
    /// To the broker: a name, and what follows it.
    Name {
        name: &'a [u8],
        rest: &'a [u8],
        cut: u16,
    },
    /// To the client: whatever it may be.
    Answers { said: &'a [u8] },
    /// To the client: frames, after all that a broker has to say first.
    Frames { frames: &'a [u8] },
}

fuzz_target!(|input: Input<'_>| {
    match input {
        Input::Bytes { said, cut } => broker_side::check(said, cut.into()),
        Input::Name { name, rest, cut } => {
            let length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
            let said = [&[0xEB, 1, 0], &length[..], name, rest].concat();
            broker_side::check(&said, cut.into());
        }
        Input::Answers { said } => client_side::check(said),
        Input::Frames { frames } => client_side::check(&[&client_side::WELCOME, frames].concat()),
    }
});
