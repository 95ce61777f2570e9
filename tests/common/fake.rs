//! A scripted broker: one end of a UNIX socket that says what the test wants the client to hear.

use super::DEADLINE;
use super::broker::TempDir;
use super::bytes::*;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

/// A broker that does what the test says, on the next connection it gets.
pub struct Fake {
    dir: TempDir,
    listener: UnixListener,
}

impl Fake {
    pub fn new() -> Self {
        let dir = TempDir::new();
        let listener = UnixListener::bind(dir.path().join("bus.sock")).expect("a socket");
        Self { dir, listener }
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("bus.sock")
    }

    /// Runs the script with the next connection, in a thread of its own.
    pub fn next(&self, script: impl FnOnce(Peer) + Send + 'static) -> thread::JoinHandle<()> {
        let listener = self.listener.try_clone().expect("a second handle");
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            stream.set_read_timeout(Some(DEADLINE)).expect("a setting");
            script(Peer(stream));
        })
    }
}

/// The broker's end of a connection.
pub struct Peer(UnixStream);

impl Peer {
    pub fn say(&mut self, bytes: &[u8]) {
        assert!(self.try_say(bytes), "the client has gone");
    }

    /// False if the connection has ended.
    pub fn try_say(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// Each byte in a write of its own.
    pub fn say_slowly(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.say(&[*byte]);
            thread::yield_now();
        }
    }

    pub fn hear(&mut self, n: usize) -> Vec<u8> {
        self.try_hear(n).expect("something from the client")
    }

    /// `None` if the connection ends before. A client that neither speaks nor closes is a failure.
    pub fn try_hear(&mut self, n: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; n];
        match self.0.read_exact(&mut bytes) {
            Ok(()) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the client is stuck"),
            Err(_) => None,
        }
    }

    /// The first steps of the handshake, as many as asked for.
    pub fn greet(mut self, steps: usize) -> Self {
        if steps > 0 {
            self.say(&GREETING);
        }
        if steps > 1 {
            assert_eq!(self.hear(3), GREETING);
            self.say(&[OK]);
        }
        if steps > 2 {
            assert_eq!(self.hear(3), name_block(b"c"));
            self.say(&[OK]);
        }
        self
    }

    /// The next frame that is not a ping: operation id, flags, body.
    pub fn frame(&mut self) -> Option<(u32, u8, Vec<u8>)> {
        loop {
            let head = self.try_hear(9)?;
            let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
            if head[4] != 0 {
                let body = self.try_hear(number(5) as usize)?;
                return Some((number(0), head[4], body));
            }
        }
    }

    /// Keeps the connection open until the client is done with it.
    pub fn hold(mut self) {
        while self.frame().is_some() {}
    }
}
