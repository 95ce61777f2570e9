//! The command line.

use std::path::PathBuf;

use clap::Parser;

const AFTER_HELP: &str = "\
Signals:
  TERM, INT   stop: take nothing more, wait for what is on its way, exit; again: exit
              at once

Environment:
  DISABLE_SYSLOG=1                  log to stderr even with --log-syslog
  ELBUS_BRIDGE_SYSLOG_SOCKET=PATH   the socket of the syslog daemon [default: /dev/log]
  JOURNAL_STREAM                    if that is stderr: lines have a priority, no time

Exit status: 0 stopped by a signal, or the file of --test-config is right;
1 something failed; 2 wrong usage.

Examples:
  elbus-bridge --config /etc/elbus-bridge.toml --test-config
      Look at the configuration: what is carried where, and who the bridge is.
  elbus-bridge --config /etc/elbus-bridge.toml
      Carry it.
  elbus /run/elbus.sock rpc call bridge bridge.status
      Ask a bridge how it is.";

/// elbus bridge: carries topics and RPC calls between a bus and an MQTT broker.
#[derive(Debug, Parser)]
#[command(name = "elbus-bridge", version, after_help = AFTER_HELP)]
pub struct Args {
    /// What is carried between which bus and which MQTT broker: a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Say what was understood of the file or what is wrong with it, and exit
    #[arg(long)]
    pub test_config: bool,

    /// Log everything, not only what an operator should know
    #[arg(help_heading = "Logging", long)]
    pub verbose: bool,

    /// Log to syslog instead of stderr
    #[arg(help_heading = "Logging", long)]
    pub log_syslog: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_fits_100_columns() {
        let help = Args::command().render_help().to_string();
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{help}");
    }
}
