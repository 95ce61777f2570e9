//! What one line of the monitor says.

use elbus::Frame;
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::escape::printable;
use crate::failure::Failure;
use crate::output::{Output, Style};
use crate::payload::Payload;
use crate::text::abridged;

/// Characters of a payload that people get to see.
const MAX_PAYLOAD_CHARS: usize = 80;

/// Something to print.
pub enum Entry {
    /// A frame and when it arrived.
    Frame(OffsetDateTime, Frame),
    /// So many frames that were not printed.
    Skipped(u64),
}

/// What is wanted beside the usual.
#[derive(Clone, Copy)]
pub struct Columns {
    pub payload: bool,
}

impl Entry {
    /// A frame that has arrived just now. `None` if it has no topic: then it was sent to this client
    /// by name or mask, and is no publication.
    pub fn of(frame: Frame) -> Option<Self> {
        frame.topic()?;
        Some(Self::Frame(OffsetDateTime::now_utc(), frame))
    }

    /// Prints the entry in the style of the output.
    pub fn print(&self, columns: Columns, out: Output) -> Result<(), Failure> {
        match self {
            Self::Frame(time, frame) => Line::of(*time, frame, columns).print(out),
            Self::Skipped(count) => match out.style() {
                Style::Pretty => out.line(&format!("… {count} more in the last second")),
                Style::Compact => Ok(()),
                Style::Json => out.json(&Skipped { skipped: *count }),
            },
        }
    }
}

struct Line<'a> {
    time: String,
    sender: &'a str,
    topic: &'a str,
    size: usize,
    payload: Option<Payload<'a>>,
}

impl<'a> Line<'a> {
    fn of(time: OffsetDateTime, frame: &'a Frame, columns: Columns) -> Self {
        Self {
            time: rfc3339(time),
            sender: frame.sender(),
            topic: frame.topic().unwrap_or_default(),
            size: frame.payload().len(),
            payload: columns.payload.then(|| Payload::of(frame.payload())),
        }
    }

    fn print(&self, out: Output) -> Result<(), Failure> {
        match out.style() {
            Style::Pretty => out.line(&self.aligned()),
            Style::Compact => out.line(&self.tab_separated()),
            Style::Json => out.json(&self.object()),
        }
    }

    /// In columns that are wide enough for most.
    fn aligned(&self) -> String {
        let [sender, topic] = [self.sender, self.topic].map(printable);
        let (time, size) = (&self.time, self.size);
        let mut line = format!("{time}  {sender:<20}  {topic:<32}  {size:>7} B");
        if let Some(payload) = &self.payload {
            line.push_str("  ");
            line.push_str(&abridged(&payload.compact(), MAX_PAYLOAD_CHARS));
        }
        line
    }

    fn tab_separated(&self) -> String {
        let [sender, topic] = [self.sender, self.topic].map(printable);
        let (time, size) = (&self.time, self.size);
        let mut line = format!("{time}\t{sender}\t{topic}\t{size}");
        if let Some(payload) = &self.payload {
            line.push('\t');
            line.push_str(&payload.compact());
        }
        line
    }

    fn object(&self) -> Object<'_> {
        Object {
            time: &self.time,
            sender: self.sender,
            topic: self.topic,
            size: self.size,
            format: self.payload.as_ref().map(Payload::format),
            payload: self.payload.as_ref().map(Payload::to_json),
        }
    }
}

/// A line for other programs.
#[derive(Serialize)]
struct Object<'a> {
    time: &'a str,
    sender: &'a str,
    topic: &'a str,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

/// What was not printed, for other programs.
#[derive(Serialize)]
struct Skipped {
    skipped: u64,
}

/// A time in UTC, to the millisecond, as RFC 3339 writes it.
fn rfc3339(time: OffsetDateTime) -> String {
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, milli) = time.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use elbus::{FrameData, FrameKind};

    fn publication(sender: &str, topic: Option<&str>, payload: &[u8]) -> Frame {
        Arc::new(FrameData::new(
            FrameKind::Publish,
            Some(sender.to_owned()),
            topic.map(str::to_owned),
            None,
            payload.to_vec(),
            0,
            false,
        ))
    }

    fn line(frame: &Frame, payload: bool) -> Line<'_> {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_609_459_199_007_000_000);
        Line::of(time.expect("a time"), frame, Columns { payload })
    }

    #[test]
    fn a_line_is_time_sender_topic_and_size() {
        let frame = publication("pump", Some("sensors/flow"), b"{\"lps\": 4}");
        let plain = line(&frame, false);
        assert_eq!(
            plain.aligned(),
            "2020-12-31T23:59:59.007Z  pump                  sensors/flow                           10 B"
        );
        let columns = "2020-12-31T23:59:59.007Z\tpump\tsensors/flow\t10";
        assert_eq!(plain.tab_separated(), columns);
        let json = r#"{"time":"2020-12-31T23:59:59.007Z","sender":"pump","topic":"sensors/flow","size":10}"#;
        let object = serde_json::to_string(&plain.object()).expect("JSON");
        assert_eq!(object, json);
    }

    #[test]
    fn payloads_are_shown_if_wanted_and_shortened_for_people() {
        let frame = publication("pump", Some("t"), "x".repeat(1000).as_bytes());
        let full = line(&frame, true);
        let shown = format!(" 1000 B  {}…", "x".repeat(MAX_PAYLOAD_CHARS - 1));
        assert!(full.aligned().ends_with(&shown), "{}", full.aligned());
        assert!(full.tab_separated().ends_with(&"x".repeat(1000)));
        let object = serde_json::to_value(full.object()).expect("JSON");
        assert_eq!(object["format"], "text");
        assert_eq!(object["payload"], "x".repeat(1000));
    }

    #[test]
    fn h13_nothing_of_a_publication_acts_on_the_terminal() {
        let frame = publication("a\tb\n", Some("x\x1b]0;title\x07"), b"\x1b[2J\n");
        let hostile = line(&frame, true);
        assert!(hostile.aligned().chars().all(|c| !c.is_control()));
        let columns = hostile.tab_separated();
        assert_eq!(columns.matches('\t').count(), 4, "{columns}");
        assert!(columns.chars().all(|c| c == '\t' || !c.is_control()));
    }

    #[test]
    fn what_has_no_topic_is_no_publication() {
        assert!(Entry::of(publication("pump", Some("t"), b"")).is_some());
        assert!(Entry::of(publication("pump", None, b"")).is_none());
    }
}
