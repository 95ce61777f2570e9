//! The lines a peer prints. Tasks and the command loop share them, so a line is written whole.

use super::bus::{Frame, FrameKind};
use super::{Outcome, flood::Flood};
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone)]
pub(crate) struct Output {
    writer: Arc<Mutex<dyn Write + Send>>,
    flood: Arc<Flood>,
}

impl Output {
    pub(crate) fn new(writer: impl Write + Send + 'static) -> Self {
        Self {
            writer: Arc::new(Mutex::new(writer)),
            flood: Arc::default(),
        }
    }

    pub(crate) fn flood(&self) -> &Flood {
        &self.flood
    }

    pub(crate) fn outcome(&self, outcome: &Outcome) {
        match outcome {
            Ok(text) if text.is_empty() => self.line("ok"),
            Ok(text) => self.line(&format!("ok {text}")),
            Err(text) => self.line(&format!("error {text}")),
        }
    }

    /// Prints a frame as the library handed it over, or counts it if it is one of a flood.
    pub(crate) fn bus_frame(&self, receiver: &str, frame: &Frame) {
        if self.flood.note(frame.payload()) {
            return;
        }
        let kind = match frame.kind() {
            FrameKind::Message => "message",
            FrameKind::Broadcast => "broadcast",
            FrameKind::Publish => "publication",
            _ => "unexpected",
        };
        let topic = frame.topic().unwrap_or("-");
        self.frame(receiver, kind, frame.sender(), topic, frame.payload());
    }

    pub(crate) fn frame(&self, to: &str, kind: &str, from: &str, topic: &str, payload: &[u8]) {
        self.line(&format!(
            "frame {to} {kind} {from} {topic} {}",
            show(payload)
        ));
    }

    /// A reader that has gone away is no news to a peer: it ends with its input.
    fn line(&self, line: &str) {
        let mut writer = self.writer.lock().unwrap();
        let _ = writeln!(writer, "{line}").and_then(|()| writer.flush());
    }
}

/// Text without white space or control characters as it is, anything else in hexadecimal.
pub(crate) fn show(payload: &[u8]) -> String {
    match std::str::from_utf8(payload) {
        Ok(text) if !text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            text.to_owned()
        }
        _ => payload.iter().fold("hex:".to_owned(), |mut shown, byte| {
            let _ = write!(shown, "{byte:02x}");
            shown
        }),
    }
}
