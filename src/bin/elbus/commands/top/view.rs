//! What `top` shows, as lines of text. Knows no terminal.

use super::order::{Order, SortKey};
use super::report::{ClientReport, Rates, Report};
use crate::escape::printable;
use crate::failure::Failure;
use crate::output::{Output, Style};
use crate::table::{Align, Table};
use crate::text::abridged;

/// Characters of a name that fit on the screen beside the rest.
const MAX_NAME_CHARS: usize = 32;

/// Lines of the screen that are not for clients: two of totals, an empty one, the titles of the
/// table and the rule below them, the keys.
const OTHER_LINES: usize = 6;

const KEYS: &str =
    "sort: n name  i in  o out  b bytes  w queue  d dropped   r reverse   ↑ ↓ scroll   q quit";

/// What a key, or a change of the window, asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Quit,
    Sort(SortKey),
    Reverse,
    Up(usize),
    Down(usize),
    Redraw,
}

/// Columns and lines of a terminal.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub columns: usize,
    pub lines: usize,
}

/// What is on the screen.
pub struct View {
    bus: String,
    order: Order,
    /// Clients above the first one on the screen.
    scrolled: usize,
    report: Report,
}

impl View {
    /// The view at the start.
    pub fn new(bus: &str, order: Order, report: Report) -> Self {
        let mut view = Self {
            bus: printable(bus).into_owned(),
            order,
            scrolled: 0,
            report,
        };
        view.sort();
        view
    }

    /// Shows another report from now on.
    pub fn show(&mut self, report: Report) {
        self.report = report;
        self.sort();
    }

    /// Does what a key asks for; to quit is not up to the view.
    pub fn apply(&mut self, action: Action) {
        match action {
            Action::Sort(key) => self.order = Order::by(key),
            Action::Reverse => self.order.reversed = !self.order.reversed,
            Action::Up(clients) => self.scrolled = self.scrolled.saturating_sub(clients),
            Action::Down(clients) => self.scrolled = self.scrolled.saturating_add(clients),
            Action::Quit | Action::Redraw => {}
        }
        self.sort();
    }

    fn sort(&mut self) {
        self.order.apply(&mut self.report.clients);
    }

    /// No more lines than the terminal has, and none that is longer than its lines.
    pub fn lines(&mut self, size: Size) -> Vec<String> {
        let clients = &self.report.clients;
        let room = size.lines.saturating_sub(OTHER_LINES);
        self.scrolled = self.scrolled.min(clients.len().saturating_sub(room));
        let mut table = table();
        for client in clients.iter().skip(self.scrolled).take(room) {
            let name = abridged(&client.name, MAX_NAME_CHARS);
            // As wide as the largest number, or else the columns would dance.
            add_row(&mut table, &name, client, |number| {
                format!("{:>6}", scaled(number))
            });
        }
        let mut lines = self.totals();
        lines.extend(table.to_string().lines().map(str::to_owned));
        lines.truncate(size.lines.saturating_sub(1));
        lines.resize(size.lines.saturating_sub(1), String::new());
        lines.push(KEYS.to_owned());
        lines
            .iter()
            .map(|line| abridged(line, size.columns).into_owned())
            .collect()
    }

    fn totals(&self) -> Vec<String> {
        let Report {
            uptime,
            rates,
            clients,
        } = &self.report;
        let direction = if self.order.reversed {
            ", reversed"
        } else {
            ""
        };
        vec![
            format!(
                "elbus {}   up {}   clients {}   by {}{direction}",
                self.bus,
                duration(*uptime),
                clients.len(),
                self.order.key.title(),
            ),
            traffic(rates),
            String::new(),
        ]
    }
}

/// Prints a report in the style of the output, for whatever is not a screen.
pub fn print(report: &Report, out: Output) -> Result<(), Failure> {
    let mut table = table();
    let number: fn(f64) -> String = match out.style() {
        Style::Pretty => scaled,
        Style::Compact | Style::Json => |number| format!("{number:.0}"),
    };
    for client in &report.clients {
        add_row(&mut table, &client.name, client, number);
    }
    if out.style() == Style::Pretty {
        let (uptime, clients) = (duration(report.uptime), report.clients.len());
        let traffic = traffic(&report.rates);
        return out.line(&format!(
            "up {uptime}   clients {clients}   {traffic}\n{table}\n"
        ));
    }
    out.table(&table, report)
}

fn table() -> Table<10> {
    Table::new([
        ("name", Align::Left),
        ("type", Align::Left),
        ("source", Align::Left),
        ("in/s", Align::Right),
        ("in B/s", Align::Right),
        ("out/s", Align::Right),
        ("out B/s", Align::Right),
        ("queue", Align::Right),
        ("bytes", Align::Right),
        ("dropped", Align::Right),
    ])
}

fn add_row(
    table: &mut Table<10>,
    name: &str,
    client: &ClientReport,
    number: impl Fn(f64) -> String,
) {
    let rates = &client.rates;
    table.row([
        name,
        &client.kind,
        client.source.as_deref().unwrap_or_default(),
        &number(rates.in_frames),
        &number(rates.in_bytes),
        &number(rates.out_frames),
        &number(rates.out_bytes),
        &number(client.queue as f64),
        &number(client.queue_bytes as f64),
        &number(client.dropped as f64),
    ]);
}

fn traffic(rates: &Rates) -> String {
    let [in_frames, in_bytes, out_frames, out_bytes] = [
        rates.in_frames,
        rates.in_bytes,
        rates.out_frames,
        rates.out_bytes,
    ]
    .map(scaled);
    format!("in {in_frames}/s, {in_bytes} B/s   out {out_frames}/s, {out_bytes} B/s")
}

/// Two digits or more, and the SI prefix: `7`, `0.5`, `12`, `3.4k`, `560M`. Never longer than five
/// characters.
fn scaled(number: f64) -> String {
    const PREFIXES: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    let mut prefixes = PREFIXES.iter();
    let (mut number, mut prefix) = (number, "");
    while number >= 999.5 {
        let Some(next) = prefixes.next() else { break };
        (number, prefix) = (number / 1000.0, next);
    }
    if number < 9.95 && number.fract() != 0.0 {
        format!("{number:.1}{prefix}")
    } else {
        format!("{number:.0}{prefix}")
    }
}

fn duration(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match days {
        0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{days}d {hours:02}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests;
