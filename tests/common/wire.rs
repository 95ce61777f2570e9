//! A client that sends and expects exact bytes. Blocking; time limits are deadlines only.

use super::DEADLINE;
use super::bytes::*;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Unix,
    Tcp,
}

impl Transport {
    pub fn other(self) -> Self {
        match self {
            Self::Unix => Self::Tcp,
            Self::Tcp => Self::Unix,
        }
    }
}

/// A connected socket of either kind.
#[derive(Debug)]
pub enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    pub fn unix(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self::Unix(stream))
    }

    pub fn tcp(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self::Tcp(stream))
    }

    /// From 127.0.0.`last`, as another host.
    pub fn tcp_from(last: u8, port: u16) -> io::Result<Self> {
        let address = |last, port| {
            let address = Ipv4Addr::new(127, 0, 0, last);
            SockaddrIn::from(SocketAddrV4::new(address, port))
        };
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        bind(socket.as_raw_fd(), &address(last, 0))?;
        connect(socket.as_raw_fd(), &address(1, port))?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self::Tcp(stream))
    }

    /// A second handle, for a thread that only writes.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
        })
    }

    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.shutdown(how),
            Self::Tcp(stream) => stream.shutdown(how),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buf),
            Self::Tcp(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(buf),
            Self::Tcp(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A frame from the broker. `len` is the body length, in acks the operation id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub len: u32,
    pub flag: u8,
    pub body: Vec<u8>,
}

impl Frame {
    /// The bytes as they were on the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind];
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.push(self.flag);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    BetweenFrames,
    InsideFrame,
}

/// Operation ids from here on belong to markers.
const FIRST_MARKER: u32 = 0xE1B0_0000;

pub struct Wire {
    stream: Stream,
    name: String,
    /// Received and not yet consumed: `buf[start..]`.
    buf: Vec<u8>,
    start: usize,
    /// Keep-alives skipped so far.
    pub pings: usize,
    markers: u32,
}

impl Wire {
    pub fn new(stream: Stream) -> Self {
        Self {
            stream,
            name: String::new(),
            buf: Vec::new(),
            start: 0,
            pings: 0,
            markers: FIRST_MARKER,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Runs the handshake step by step; panics unless the broker accepts.
    pub fn handshake(&mut self, name: &str) {
        let answer = self.try_register(name.as_bytes());
        assert_eq!(answer, Some(OK), "registration of {name:?}");
    }

    /// Runs the handshake up to the answer to the name. `None`: closed without an answer.
    pub fn try_register(&mut self, name: &[u8]) -> Option<u8> {
        self.begin();
        self.send_raw(&name_block(name));
        let answer = self.fill(1).then(|| self.take(1)[0]);
        self.name = String::from_utf8_lossy(name).into_owned();
        answer
    }

    /// Runs the handshake in one piece, up to the answer to the name. `None`: the connection ended
    /// before it.
    pub fn try_register_blindly(&mut self, name: &[u8]) -> Option<u8> {
        self.name = String::from_utf8_lossy(name).into_owned();
        self.try_send_raw(&hello(name)).ok()?;
        let answers = GREETING.len() + 2;
        self.fill(answers).then(|| self.take(answers)[answers - 1])
    }

    /// Steps 1 to 3 of the handshake.
    pub fn begin(&mut self) {
        self.expect_raw(&GREETING);
        self.send_raw(&GREETING);
        self.expect_raw(&[OK]);
    }

    /// Whether a new connection gets as far as step 3: not if it is cut off, or one too many.
    pub fn is_let_in(&mut self) -> bool {
        if !self.fill(GREETING.len()) {
            return false;
        }
        self.expect_raw(&GREETING);
        let _ = self.try_send_raw(&GREETING);
        self.fill(1) && self.take(1) == [OK]
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_send_raw(bytes) {
            panic!("{:?} could not send {}: {error}", self.name, show(bytes));
        }
    }

    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Ends the sending direction only.
    pub fn half_close(&self) {
        self.try_half_close().expect("half-close");
    }

    pub fn try_half_close(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Has at least `n` bytes in the buffer, or says that the connection ended before.
    fn fill(&mut self, n: usize) -> bool {
        let mut chunk = [0; 16 * 1024];
        while self.buf.len() - self.start < n {
            match self.stream.read(&mut chunk) {
                Ok(0) => return false,
                Ok(got) => {
                    if self.start > 1 << 20 || self.start == self.buf.len() {
                        self.buf.drain(..self.start);
                        self.start = 0;
                    }
                    self.buf.extend_from_slice(&chunk[..got]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A broker that closes while input is unread resets a TCP connection.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                Err(error) => panic!(
                    "{:?} waited in vain for {n} bytes ({error}); has {}",
                    self.name,
                    show(&self.buf[self.start..])
                ),
            }
        }
        true
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        let bytes = self.buf[self.start..self.start + n].to_vec();
        self.start += n;
        bytes
    }

    /// Expects bytes outside of frames: those of the handshake. No keep-alive may intervene.
    pub fn expect_raw(&mut self, expected: &[u8]) {
        let complete = self.fill(expected.len());
        let got = if complete {
            self.take(expected.len())
        } else {
            self.buf.split_off(self.start)
        };
        assert_eq!(show(&got), show(expected), "got left, expected right");
    }

    /// The next frame that is not a keep-alive.
    pub fn try_frame(&mut self) -> Result<Frame, Ended> {
        // Pings must not keep a wait alive for ever.
        let end = Instant::now() + DEADLINE;
        loop {
            let frame = self.try_any_frame()?;
            if frame.bytes() != BROKER_PING {
                return Ok(frame);
            }
            self.pings += 1;
            assert!(Instant::now() < end, "{:?} got only pings", self.name);
        }
    }

    /// The next frame, keep-alives included.
    pub fn try_any_frame(&mut self) -> Result<Frame, Ended> {
        if !self.fill(6) {
            let clean = self.start == self.buf.len();
            return Err(if clean {
                Ended::BetweenFrames
            } else {
                Ended::InsideFrame
            });
        }
        let head = self.take(6);
        let kind = head[0];
        let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let body_len = if kind == ACK { 0 } else { len as usize };
        if !self.fill(body_len) {
            return Err(Ended::InsideFrame);
        }
        let body = self.take(body_len);
        Ok(Frame {
            kind,
            len,
            flag: head[5],
            body,
        })
    }

    /// The next frame that is not a keep-alive; panics if the connection ends instead.
    pub fn read_frame(&mut self) -> Frame {
        match self.try_frame() {
            Ok(frame) => frame,
            Err(ended) => panic!("{:?} was disconnected ({ended:?})", self.name),
        }
    }

    /// Expects exactly these bytes, one or more whole frames. Keep-alives are skipped, but only
    /// between frames.
    pub fn expect_bytes(&mut self, expected: &[u8]) {
        let mut got = Vec::new();
        while got.len() < expected.len() {
            let before = got.len();
            got.extend(self.read_frame().bytes());
            // Compared frame by frame: a wrong frame is shown at once instead of waiting for more.
            let end = got.len().min(expected.len());
            assert!(
                got.len() <= expected.len() && got[before..] == expected[before..end],
                "{:?} got\n  {}\nexpected\n  {}",
                self.name,
                show(&got[before..]),
                show(&expected[before..])
            );
        }
    }

    /// Expects the next frame to be a keep-alive.
    pub fn expect_ping(&mut self) {
        let frame = self.try_any_frame().expect("a keep-alive, not the end");
        assert_eq!(show(&frame.bytes()), show(&BROKER_PING));
        self.pings += 1;
    }

    /// Sends a frame and expects nothing but its ack, with code `01`.
    pub fn request(&mut self, bytes: &[u8], op_id: u32) {
        self.send_raw(bytes);
        self.expect_bytes(&ack(op_id, OK));
    }

    /// Sends a frame that asks for an ack and returns the code of the ack, the next frame.
    pub fn request_code(&mut self, bytes: &[u8]) -> u8 {
        let op_id = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        self.send_raw(bytes);
        let frame = self.read_frame();
        assert_eq!(
            (frame.kind, frame.len),
            (ACK, op_id),
            "{:?}: {frame:?}",
            self.name
        );
        frame.flag
    }

    /// Expects the end of the stream, and no frame before it.
    pub fn expect_closed(&mut self) {
        match self.try_frame() {
            Ok(frame) => panic!(
                "{:?} got {} before the end",
                self.name,
                show(&frame.bytes())
            ),
            Err(Ended::InsideFrame) => panic!("{:?} was closed inside a frame", self.name),
            Err(Ended::BetweenFrames) => {}
        }
    }

    /// Expects what malformed input deserves: the end of the stream, at most announced by a
    /// negative ack of the offending operation.
    pub fn expect_refused(&mut self, op_id: u32) {
        match self.try_frame() {
            Err(_) => {}
            Ok(frame) => {
                let negative = (frame.kind, frame.len) == (ACK, op_id) && frame.flag != OK;
                assert!(negative, "{:?} got {}", self.name, show(&frame.bytes()));
                self.expect_closed();
            }
        }
    }

    /// Everything up to the end of the connection, frames or not.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill(self.buf.len() - self.start + 1) {}
        self.buf.split_off(self.start)
    }

    /// Reads until the connection ends and returns the whole frames that came before.
    pub fn drain(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.try_frame().ok()).collect()
    }

    /// Proves that nothing more is under way to this client from itself: a message to itself and
    /// its ack are the next things to arrive. Also proves that the client is served at all.
    pub fn expect_silence(&mut self) {
        let (id, payload) = self.marker();
        let name = self.name.clone();
        self.send_raw(&message(id, PROCESSED, &name, &payload));
        let expected = [got_message(0, &name, &payload), ack(id, OK)].concat();
        self.expect_bytes(&expected);
    }

    /// Proves that nothing more is under way to this client from `sender`: frames of one pair
    /// keep their order, so a message of `sender` arrives next. The ack is consumed as well.
    pub fn expect_nothing_from(&mut self, sender: &mut Wire) {
        let (id, payload) = sender.marker();
        let from = sender.name.clone();
        sender.request(&message(id, PROCESSED, &self.name, &payload), id);
        self.expect_bytes(&got_message(0, &from, &payload));
    }

    fn marker(&mut self) -> (u32, Vec<u8>) {
        self.markers += 1;
        (
            self.markers,
            format!("marker {:x}", self.markers).into_bytes(),
        )
    }

    /// Calls a method of `.broker` and returns its reply, without the RPC header.
    pub fn call_broker(&mut self, method: &str, params: &[u8]) -> Vec<u8> {
        self.send_raw(&message(1, NO, ".broker", &rpc_request(9, method, params)));
        let frame = self.read_frame();
        let prefix = b".broker\0\x11\x09\0\0\0";
        assert_eq!(
            (frame.kind, frame.flag),
            (MESSAGE, 0),
            "{}",
            show(&frame.bytes())
        );
        match frame.body.strip_prefix(prefix) {
            Some(result) => result.to_vec(),
            None => panic!("not a reply: {}", show(&frame.body)),
        }
    }
}
