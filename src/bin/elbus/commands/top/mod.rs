//! `elbus BUS top`: what the clients do, second by second.

mod order;
mod report;
mod sample;
mod screen;
mod view;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use tokio::sync::mpsc::Receiver;

use crate::args::parse_seconds;
use crate::background::exit_on_interrupt;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Style;
use order::{Order, SortKey};
use report::Report;
use sample::{Sample, sample};
use screen::Screen;
use view::{Action, View};

const EXAMPLES: &str = "\
Examples:
  elbus bus.sock top
  elbus bus.sock top --interval 5 --sort queue
  elbus bus.sock top --count 1 --json | jq '.clients[] | select(.dropped > 0)'

The columns, for each client but this one:
  in/s, in B/s    frames and bytes per second that the broker receives from it
  out/s, out B/s  frames and bytes per second that the broker queues for it
  queue, bytes    frames and bytes that wait for it
  dropped         frames it has missed because its queue had no room

On a terminal, keys change the order, q or Ctrl-C ends. Elsewhere, and with --json or --silent, the
table (the object, the rows) is printed anew after each interval.
Ends with status 0 after the last of --count, with status 1 when the connection is lost.";

/// Watch the clients of the broker and their traffic
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, override_usage = "elbus <BUS> top [OPTIONS]")]
pub struct Top {
    /// Time between two looks at the broker
    #[arg(
        short,
        long,
        value_name = "SECONDS",
        default_value = "1",
        value_parser = parse_seconds,
    )]
    interval: Duration,

    /// End after so many intervals
    #[arg(
        short,
        long,
        value_name = "N",
        value_parser = RangedU64ValueParser::<u64>::new().range(1..),
    )]
    count: Option<u64>,

    /// Order of the clients: the largest values first
    #[arg(long, value_name = "COLUMN", default_value = "in")]
    sort: SortKey,
}

impl Top {
    pub async fn run(self, context: &Context) -> Result<(), Failure> {
        let rpc = context.connect_rpc().await?;
        let own_name = context.name().to_owned();
        let mut samples = sample(rpc, own_name, self.interval, context.timeout);
        let first = next(&mut samples).await?;
        if context.out.style() == Style::Pretty && io::stdout().is_terminal() {
            self.on_screen(context, samples, first).await
        } else {
            self.in_lines(context, samples, first).await
        }
    }

    /// Refreshes the screen until the user has seen enough.
    async fn on_screen(
        self,
        context: &Context,
        mut samples: Receiver<Result<Sample, Failure>>,
        mut previous: Sample,
    ) -> Result<(), Failure> {
        let mut remaining = self.count.unwrap_or(u64::MAX);
        let report = Report::between(&previous, &previous);
        let mut view = View::new(context.bus(), Order::by(self.sort), report);
        let screen = Screen::enter()?;
        let mut actions = screen.actions();
        loop {
            screen.draw(&view.lines(screen.size()))?;
            tokio::select! {
                action = actions.recv() => match action {
                    Some(Action::Quit) | None => return Ok(()),
                    Some(action) => view.apply(action),
                },
                sample = next(&mut samples) => {
                    let sample = sample?;
                    view.show(Report::between(&previous, &sample));
                    previous = sample;
                    remaining -= 1;
                    if remaining == 0 {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Prints a report per interval.
    async fn in_lines(
        self,
        context: &Context,
        mut samples: Receiver<Result<Sample, Failure>>,
        mut previous: Sample,
    ) -> Result<(), Failure> {
        exit_on_interrupt();
        let order = Order::by(self.sort);
        for _ in 0..self.count.unwrap_or(u64::MAX) {
            let sample = next(&mut samples).await?;
            let mut report = Report::between(&previous, &sample);
            order.apply(&mut report.clients);
            view::print(&report, context.out)?;
            previous = sample;
        }
        Ok(())
    }
}

async fn next(samples: &mut Receiver<Result<Sample, Failure>>) -> Result<Sample, Failure> {
    let sample = samples.recv().await;
    sample.unwrap_or_else(|| Err(Failure::connection_closed()))
}
