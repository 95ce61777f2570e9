//! OpenMetrics 1.0 text. All series of a family stand together, so a whole answer would be megabytes
//! if there are many clients with long names: it is written in pieces.

use std::fmt::{self, Write};

use super::families::{FAMILIES, Family, FamilyKind, Series};
use super::snapshot::{Client, KINDS, Snapshot};
use crate::limits::METRICS_PIECE_BYTES;

/// What the text is, for the head of the answer.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const END: &str = "# EOF\n";

/// A snapshot that is being written.
pub(super) struct Exposition {
    snapshot: Snapshot,
    families: std::slice::Iter<'static, Family>,
    /// Which family is under way, and how many clients it has told of.
    open: Option<(&'static Family, usize)>,
    is_done: bool,
}

impl Exposition {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            families: FAMILIES.iter(),
            open: None,
            is_done: false,
        }
    }

    /// Replaces the piece by the next one, of about [`METRICS_PIECE_BYTES`]. False if there is none.
    pub(super) fn next_piece(&mut self, piece: &mut String) -> bool {
        piece.clear();
        while !self.is_done && piece.len() < METRICS_PIECE_BYTES {
            // Cannot fail: a string takes everything.
            let _ = self.step(piece);
        }
        !piece.is_empty()
    }

    /// Writes the next few lines.
    fn step(&mut self, out: &mut String) -> fmt::Result {
        if let Some((family, told)) = self.open {
            self.open = match self.snapshot.clients.get(told) {
                Some(client) => {
                    write_client(out, family, client)?;
                    Some((family, told + 1))
                }
                None => None,
            };
            return Ok(());
        }
        let Some(family) = self.families.next() else {
            self.is_done = true;
            return out.write_str(END);
        };
        write_head(out, family)?;
        match &family.series {
            Series::Build => sample(out, family, &[("version", &crate::VERSION)], 1),
            Series::Broker(number) => sample(out, family, &[], number(&self.snapshot)),
            Series::Kinds => {
                let mut kinds = KINDS.iter().zip(self.snapshot.clients_by_kind);
                kinds.try_for_each(|(kind, n)| sample(out, family, &[("kind", &kind.as_str())], n))
            }
            Series::Origins | Series::Clients(_) | Series::Times(_) => {
                self.open = Some((family, 0));
                Ok(())
            }
        }
    }
}

fn write_head(out: &mut String, family: &Family) -> fmt::Result {
    let name = family.name;
    let kind = match family.kind {
        FamilyKind::Counter => "counter",
        FamilyKind::Gauge => "gauge",
        FamilyKind::Info => "info",
    };
    writeln!(out, "# TYPE {name} {kind}")?;
    if let Some(unit) = family.unit {
        writeln!(out, "# UNIT {name} {unit}")?;
    }
    writeln!(out, "# HELP {name} {}", family.help)
}

fn write_client(out: &mut String, family: &Family, client: &Client) -> fmt::Result {
    let name: Label<'_> = ("client", &client.name);
    match &family.series {
        Series::Clients(number) => sample(out, family, &[name], number(client)),
        Series::Times(time) => match time(client) {
            0 => Ok(()),
            ms => {
                let seconds = format_args!("{}.{:03}", ms / 1000, ms % 1000);
                sample(out, family, &[name], seconds)
            }
        },
        Series::Origins => {
            let kind = client.kind.as_str();
            let mut labels: Vec<Label<'_>> = vec![name, ("kind", &kind)];
            labels.extend(client.source.as_ref().map(|it| ("source", it as _)));
            labels.extend(client.port.as_ref().map(|it| ("port", it as _)));
            labels.extend(client.uid.as_ref().map(|it| ("uid", it as _)));
            labels.extend(client.pid.as_ref().map(|it| ("pid", it as _)));
            sample(out, family, &labels, 1)
        }
        Series::Build | Series::Broker(_) | Series::Kinds => Ok(()),
    }
}

/// A name of ours, and a value that may be anybody's.
type Label<'a> = (&'static str, &'a dyn fmt::Display);

fn sample(
    out: &mut String,
    family: &Family,
    labels: &[Label<'_>],
    value: impl fmt::Display,
) -> fmt::Result {
    out.write_str(family.name)?;
    out.write_str(match family.kind {
        FamilyKind::Counter => "_total",
        FamilyKind::Gauge => "",
        FamilyKind::Info => "_info",
    })?;
    for (i, (name, value)) in labels.iter().enumerate() {
        let before = if i == 0 { '{' } else { ',' };
        write!(out, "{before}{name}=\"")?;
        write!(Escaped(out), "{value}")?;
        out.write_char('"')?;
    }
    let end = if labels.is_empty() { "" } else { "}" };
    writeln!(out, "{end} {value}")
}

/// Writes the value of a label.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::origin::Kind;

    fn client(name: &str) -> Client {
        Client {
            name: name.into(),
            kind: Kind::Tcp,
            source: Some("[::1]:5000".into()),
            port: Some("[::]:7777".into()),
            uid: None,
            pid: None,
            connected_ms: 1_700_000_000_042,
            received_frames: 1,
            received_bytes: 2,
            sent_frames: 3,
            sent_bytes: 4,
            dropped_frames: 5,
            queue_frames: 6,
            queue_bytes: 7,
            subscriptions: 8,
            instances: 9,
        }
    }

    fn pieces(clients: Vec<Client>) -> Vec<String> {
        let mut exposition = Exposition::new(Snapshot {
            clients,
            ..Snapshot::default()
        });
        let (mut pieces, mut piece) = (Vec::new(), String::new());
        while exposition.next_piece(&mut piece) {
            pieces.push(piece.clone());
        }
        assert!(!exposition.next_piece(&mut piece), "after the end");
        pieces
    }

    #[test]
    fn counters_infos_and_times() {
        let text = pieces(vec![client("a")]).concat();
        for lines in [
            "# TYPE elbus_received_bytes counter\n# UNIT elbus_received_bytes bytes\n# HELP ",
            "\nelbus_received_bytes_total 0\n",
            "\nelbus_clients{kind=\"tcp\"} 0\n",
            "\nelbus_client_info{client=\"a\",kind=\"tcp\",source=\"[::1]:5000\",port=\"[::]:7777\"} 1\n",
            "\nelbus_client_connected_timestamp_seconds{client=\"a\"} 1700000000.042\n",
            "\nelbus_client_dropped_frames_total{client=\"a\"} 5\n",
        ] {
            assert!(text.contains(lines), "{lines:?} is not in\n{text}");
        }
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn a_time_that_is_not_known_is_left_out() {
        let early = Client {
            connected_ms: 0,
            ..client("a")
        };
        let text = pieces(vec![early]).concat();
        assert!(!text.contains("elbus_client_connected_timestamp_seconds{"));
    }

    #[test]
    fn names_are_escaped() {
        let text = pieces(vec![client("a\"} 1\n\\ä")]).concat();
        assert!(text.contains("{client=\"a\\\"} 1\\n\\\\ä\"} 6\n"), "{text}");
    }

    #[test]
    fn pieces_are_bounded_whatever_the_names() {
        const LARGEST_LINE: usize = 4 * crate::limits::MAX_NAME_BYTES;
        let name = "\"".repeat(crate::limits::MAX_NAME_BYTES);
        let pieces = pieces((0..50).map(|_| client(&name)).collect());
        assert!(pieces.len() > 10);
        let longest = pieces.iter().map(String::len).max();
        assert!(longest < Some(METRICS_PIECE_BYTES + LARGEST_LINE));
    }

    #[test]
    fn families_are_named_as_the_format_wants_it() {
        for family in FAMILIES {
            let name = family.name;
            assert!(name.starts_with("elbus_"), "{name}");
            for suffix in ["_total", "_info", "_created", "_count", "_sum", "_bucket"] {
                assert!(!name.ends_with(suffix), "{name}");
            }
            if let Some(unit) = family.unit {
                assert!(name.ends_with(&format!("_{unit}")), "{name}");
            }
            assert!(!family.help.contains(['\\', '"', '\n']), "{name}");
        }
    }
}
