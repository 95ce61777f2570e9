//! The command line: options that every command has, and the list of commands.

use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser};

use crate::commands::Command;
use crate::output::Style;
use crate::tls::Tls;

const EXAMPLES: &str = "\
Examples:
  elbus /run/elbus.sock broker client.list
  elbus /run/elbus.sock send plant.line1 'hello'
  elbus /run/elbus.sock send 'plant.*' '{\"alarm\": true}'
  elbus 10.0.0.5:7777 listen -t 'sensors/#' --json | jq .payload
  elbus 10.0.0.5:7777 rpc call plant.line1 set speed=1.5 on=true

Exit status:
  0  the command has succeeded, or whoever read its output has had enough
  1  it has failed: no connection, or the bus or the called method answered with an error
  2  the command line is wrong";

/// Largest I/O buffer, in bytes. This bound and the next one keep a slip of the finger from asking
/// for more memory than there is: both are allocated in advance.
const MAX_BUF_SIZE: u64 = 16 * 1024 * 1024;

/// Longest queue, in frames.
const MAX_QUEUE_SIZE: u64 = 1_000_000;

/// Longest time limit. Clocks cannot count for ever.
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Command line client of the elbus message broker
#[derive(Parser, Debug)]
#[command(
    name = "elbus",
    version,
    after_help = EXAMPLES,
    disable_help_subcommand = true,
    // Required, except by the commands that are about the program itself.
    subcommand_negates_reqs = true,
    override_usage = "elbus <BUS> [OPTIONS] <COMMAND>\n       elbus completions <SHELL>",
)]
pub struct Cli {
    /// Where the broker listens: the path of a UNIX socket, HOST:PORT, or tls://HOST:PORT
    #[arg(required = true)]
    pub bus: Option<String>,

    #[command(flatten)]
    pub options: Options,

    #[command(subcommand)]
    pub command: Command,
}

/// What applies to every command, before or after its name.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Options {
    /// Name to register under [default: cli.HOSTNAME.PID]
    #[arg(short, long, global = true)]
    pub name: Option<String>,

    /// Size of the I/O buffer
    #[arg(
        long,
        global = true,
        value_name = "BYTES",
        default_value_t = elbus::DEFAULT_BUF_SIZE,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_BUF_SIZE),
    )]
    pub buf_size: usize,

    /// Received frames that may wait
    #[arg(
        long,
        global = true,
        value_name = "FRAMES",
        default_value_t = elbus::DEFAULT_QUEUE_SIZE,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_QUEUE_SIZE),
    )]
    pub queue_size: usize,

    /// Time limit to connect, and of each answer
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value = "5",
        value_parser = parse_seconds,
    )]
    pub timeout: Duration,

    /// Print JSON: one value per line
    #[arg(long, global = true)]
    pub json: bool,

    /// Log to standard error what happens
    #[arg(short, long, global = true, conflicts_with = "silent")]
    pub verbose: bool,

    /// Log nothing, and print values only, one per line
    #[arg(short, long, global = true)]
    pub silent: bool,

    #[command(flatten)]
    pub tls: Tls,
}

impl Options {
    /// What goes to the log; its place is standard error.
    pub fn log_level(&self) -> log::LevelFilter {
        match (self.verbose, self.silent) {
            (true, _) => log::LevelFilter::Trace,
            (_, true) => log::LevelFilter::Off,
            _ => log::LevelFilter::Warn,
        }
    }

    /// How results are printed.
    pub fn style(&self) -> Style {
        match (self.json, self.silent) {
            (true, _) => Style::Json,
            (_, true) => Style::Compact,
            _ => Style::Pretty,
        }
    }
}

/// A time above zero as fractions of seconds, bounded by what clocks can count.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() && duration <= MAX_TIMEOUT => Ok(duration),
        _ => Err("not above zero, or more than a day".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The command and all commands below it.
    fn with_subcommands(command: clap::Command) -> Vec<clap::Command> {
        let below = command
            .get_subcommands()
            .cloned()
            .flat_map(with_subcommands);
        let below: Vec<_> = below.collect();
        std::iter::once(command).chain(below).collect()
    }

    #[test]
    fn help_fits_a_terminal_and_shows_the_whole_command_line() {
        let mut root = Cli::command();
        root.build();
        for mut command in with_subcommands(root) {
            let help = command.render_long_help().to_string();
            let usage = help
                .lines()
                .find(|line| line.starts_with("Usage:"))
                .expect("a usage line");
            let expected = match command.get_name() {
                "completions" | "man" => format!("Usage: elbus {}", command.get_name()),
                _ => "Usage: elbus <BUS> ".to_owned(),
            };
            assert!(usage.starts_with(&expected), "{usage}");
            for line in help.lines() {
                assert!(line.chars().count() <= 100, "{line}");
            }
        }
    }

    #[test]
    fn timeouts_are_fractions_of_seconds_within_bounds() {
        assert_eq!(parse_seconds("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_seconds("86400"), Ok(MAX_TIMEOUT));
        for wrong in [
            "", "soon", "0", "-1", "nan", "inf", "86401", "1e300", "1e-300",
        ] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn options_stand_before_or_after_the_command() {
        for line in [
            "elbus --timeout 2 --json bus.sock broker info",
            "elbus bus.sock broker info --json --timeout 2",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).expect(line);
            assert_eq!(cli.options.timeout, Duration::from_secs(2));
            assert!(matches!(cli.options.style(), Style::Json));
        }
    }
}
