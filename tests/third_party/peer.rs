//! One peer, whichever library it is made of: commands go in, answers and frames come out.

pub use crate::kind::Kind;
use crate::{ours, ours_sync};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What takes longer hangs.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub struct Peer {
    pub kind: Kind,
    input: Box<dyn Write + Send>,
    answers: Receiver<String>,
    frames: Receiver<String>,
    child: Option<Child>,
    /// What the program complained about, for the message of a failed test.
    complaints: Arc<Mutex<String>>,
}

impl Peer {
    pub fn start(kind: Kind) -> Self {
        let complaints = Arc::default();
        let Some(mut command) = kind.command() else {
            let (input, output) = match kind {
                Kind::OursSync => ours_sync::start(),
                _ => ours::start(),
            };
            let (answers, frames) = sort_lines(output);
            let input = Box::new(input);
            return Self {
                kind,
                input,
                answers,
                frames,
                child: None,
                complaints,
            };
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let input = Box::new(child.stdin.take().expect("stdin is piped"));
        let (answers, frames) = sort_lines(child.stdout.take().expect("stdout is piped"));
        collect(
            child.stderr.take().expect("stderr is piped"),
            Arc::clone(&complaints),
        );
        Self {
            kind,
            input,
            answers,
            frames,
            child: Some(child),
            complaints,
        }
    }

    /// Starts a peer with a plain client.
    pub fn connected(kind: Kind, address: &str, name: &str) -> Self {
        let mut peer = Self::start(kind);
        peer.done(&format!("connect {address} {name}"));
        peer
    }

    /// Starts a peer with the RPC layer on top of its client.
    pub fn serving(kind: Kind, address: &str, name: &str) -> Self {
        let mut peer = Self::start(kind);
        peer.done(&format!("rpc-serve {address} {name}"));
        peer
    }

    /// Gives a command and returns what follows `ok`, or `error`, in the answer.
    pub fn ask(&mut self, command: &str) -> Result<String, String> {
        if let Err(e) = writeln!(self.input, "{command}").and_then(|()| self.input.flush()) {
            self.fail(command, &e.to_string());
        }
        let answer = match self.answers.recv_timeout(DEADLINE) {
            Ok(answer) => answer,
            Err(e) => self.fail(command, &format!("no answer: {e}")),
        };
        match answer.split_once(' ') {
            None if answer == "ok" => Ok(String::new()),
            Some(("ok", text)) => Ok(text.to_owned()),
            Some(("error", text)) => Err(text.to_owned()),
            _ => self.fail(command, &answer),
        }
    }

    /// Gives a command that must succeed.
    pub fn done(&mut self, command: &str) -> String {
        match self.ask(command) {
            Ok(text) => text,
            Err(error) => self.fail(command, &error),
        }
    }

    /// Gives a command that must succeed with exactly this result.
    pub fn gives(&mut self, command: &str, expected: &str) {
        let text = self.done(command);
        if text != expected {
            self.fail(
                command,
                &format!("{} instead of {}", short(&text), short(expected)),
            );
        }
    }

    /// Gives an operation with a QoS as its last word, which decides about the acknowledgement.
    pub fn sends(&mut self, command: &str, qos: u8) {
        let expected = if qos & 1 == 1 { "acked" } else { "" };
        self.gives(&format!("{command} {qos}"), expected);
    }

    /// Gives a command that must fail with exactly this error.
    pub fn refuses(&mut self, command: &str, expected: &str) {
        match self.ask(command) {
            Err(error) if error == expected => {}
            result => self.fail(command, &format!("{result:?} instead of error {expected}")),
        }
    }

    /// The next frame must be this one: `RECEIVER KIND SENDER TOPIC TEXT`.
    pub fn receives(&mut self, expected: &str) {
        self.receives_past(|_| false, expected);
    }

    /// The next frame must be this one, but for those to a client that has just ended: until the
    /// broker notices, it delivers.
    pub fn receives_past_those_to(&mut self, ended: &str, expected: &str) {
        let ended = format!("{ended} ");
        self.receives_past(|frame| frame.starts_with(&ended), expected);
    }

    fn receives_past(&mut self, is_passed_over: impl Fn(&str) -> bool, expected: &str) {
        let frame = loop {
            match self.frames.recv_timeout(DEADLINE) {
                Ok(frame) if is_passed_over(&frame) => {}
                Ok(frame) => break frame,
                Err(e) => self.fail(&format!("(wait for) {expected}"), &format!("no frame: {e}")),
            }
        };
        if frame != expected {
            self.fail(&format!("(wait for) {expected}"), &short(&frame));
        }
    }

    /// Nothing is waiting for the plain client `name`: what it sends to itself comes next.
    pub fn received_all(&mut self, name: &str) {
        self.sends(&format!("send {name} the-end"), 1);
        self.receives(&format!("{name} message {name} - the-end"));
    }

    /// Repeats a command until it has this outcome, for what the broker has yet to notice.
    pub fn eventually(&mut self, command: &str, expected: &Result<String, String>) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let outcome = self.ask(command);
            if outcome == *expected {
                return;
            }
            if Instant::now() > deadline {
                self.fail(
                    command,
                    &format!("still {outcome:?} instead of {expected:?}"),
                );
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn fail(&self, command: &str, what: &str) -> ! {
        let complaints = self.complaints.lock().unwrap();
        panic!(
            "{}: {}: {what}\n{complaints}",
            self.kind.label(),
            short(command)
        );
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads lines on a thread and separates the frames from the answers.
fn sort_lines(lines: impl Read + Send + 'static) -> (Receiver<String>, Receiver<String>) {
    let (answer_sender, answers) = channel();
    let (frame_sender, frames) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(lines).lines().map_while(Result::ok) {
            let sent = match line.strip_prefix("frame ") {
                Some(frame) => frame_sender.send(frame.to_owned()),
                None => answer_sender.send(line),
            };
            if sent.is_err() {
                break;
            }
        }
    });
    (answers, frames)
}

fn collect(stream: impl Read + Send + 'static, text: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            *text.lock().unwrap() += &format!("{line}\n");
        }
    });
}

/// Big payloads are cut in messages.
fn short(text: &str) -> String {
    match text.char_indices().nth(200) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}
