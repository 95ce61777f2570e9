//! What listening commands print of each thing they receive.

use std::borrow::Cow;

use elbus::rpc::RpcEvent;
use elbus::{FrameData, FrameKind};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::escape::printable;
use crate::failure::Failure;
use crate::output::{Output, Style};
use crate::payload::Payload;

/// A received frame, call or notification.
pub struct Event<'a> {
    kind: &'static str,
    sender: &'a str,
    primary_sender: &'a str,
    about: About<'a>,
    payload: &'a [u8],
}

/// What the sender says the payload is about.
enum About<'a> {
    Nothing,
    Topic(&'a str),
    Method(Cow<'a, str>),
}

impl<'a> Event<'a> {
    /// A frame that has nothing to do with RPC.
    pub fn frame(frame: &'a FrameData) -> Self {
        Self {
            kind: match frame.kind() {
                FrameKind::Publish => "publication",
                FrameKind::Broadcast => "broadcast",
                _ => "message",
            },
            sender: frame.sender(),
            primary_sender: frame.primary_sender(),
            about: frame.topic().map_or(About::Nothing, About::Topic),
            payload: frame.payload(),
        }
    }

    /// A call, with or without a wish for a reply.
    pub fn call(event: &'a RpcEvent) -> Self {
        Self {
            about: About::Method(String::from_utf8_lossy(event.method())),
            ..Self::rpc("call", event)
        }
    }

    /// A notification.
    pub fn notification(event: &'a RpcEvent) -> Self {
        Self::rpc("notification", event)
    }

    fn rpc(kind: &'static str, event: &'a RpcEvent) -> Self {
        Self {
            kind,
            sender: event.sender(),
            primary_sender: event.primary_sender(),
            about: About::Nothing,
            payload: event.payload(),
        }
    }

    /// Prints the event in the style of the output.
    pub fn print(&self, out: Output) -> Result<(), Failure> {
        let payload = Payload::of(self.payload);
        match out.style() {
            Style::Pretty => out.line(&format!("{}\n{}", self.heading(), payload.labelled())),
            Style::Compact => out.line(&self.columns(&payload)),
            Style::Json => out.json(&self.line(&payload)),
        }
    }

    fn heading(&self) -> String {
        let sender = printable(self.sender);
        let primary = printable(self.primary_sender);
        let about = match &self.about {
            About::Nothing => String::new(),
            About::Topic(topic) => format!(", topic {}", printable(topic)),
            About::Method(method) => format!(", method {}", printable(method)),
        };
        format!("{} from {sender}, primary {primary}{about}", self.kind)
    }

    /// Kind, sender, primary sender, topic or method, and the value, separated by tabs.
    fn columns(&self, payload: &Payload<'_>) -> String {
        let about = match &self.about {
            About::Nothing => "",
            About::Topic(topic) => topic,
            About::Method(method) => method,
        };
        let [sender, primary, about] = [self.sender, self.primary_sender, about].map(printable);
        format!(
            "{}\t{sender}\t{primary}\t{about}\t{}",
            self.kind,
            payload.compact()
        )
    }

    fn line(&self, payload: &Payload<'_>) -> Line<'_> {
        Line {
            kind: self.kind,
            sender: self.sender,
            primary_sender: self.primary_sender,
            topic: match &self.about {
                About::Topic(topic) => Some(topic),
                _ => None,
            },
            method: match &self.about {
                About::Method(method) => Some(method),
                _ => None,
            },
            format: payload.format(),
            payload: payload.to_json(),
        }
    }
}

/// An event for other programs.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    sender: &'a str,
    primary_sender: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    format: &'static str,
    payload: Box<RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(sender: &str, topic: &str, payload: &[u8]) -> FrameData {
        let (sender, topic) = (sender.to_owned(), topic.to_owned());
        let kind = FrameKind::Publish;
        FrameData::new(
            kind,
            Some(sender),
            Some(topic),
            None,
            payload.to_vec(),
            0,
            false,
        )
    }

    #[test]
    fn an_event_says_what_it_is_and_where_it_comes_from() {
        let frame = publication("pump%%1", "sensors/flow", b"{\"lps\": 4}");
        let event = Event::frame(&frame);
        let payload = Payload::of(frame.payload());
        let heading = "publication from pump%%1, primary pump, topic sensors/flow";
        assert_eq!(event.heading(), heading);
        let columns = "publication\tpump%%1\tpump\tsensors/flow\t{\"lps\":4}";
        assert_eq!(event.columns(&payload), columns);
        let json = r#"{"kind":"publication","sender":"pump%%1","primary_sender":"pump","topic":"sensors/flow","format":"json","payload":{"lps":4}}"#;
        let line = serde_json::to_string(&event.line(&payload)).expect("JSON");
        assert_eq!(line, json);
    }

    #[test]
    fn h13_names_and_topics_stay_in_their_columns() {
        let frame = publication("a\tb\n", "x\x1b]0;title\x07", b"");
        let event = Event::frame(&frame);
        let columns = event.columns(&Payload::of(frame.payload()));
        assert_eq!(columns.matches('\t').count(), 4, "{columns}");
        assert!(
            columns.chars().all(|c| c == '\t' || !c.is_control()),
            "{columns}"
        );
        assert!(event.heading().chars().all(|c| !c.is_control()));
    }
}
