//! The command line. What it has in common with the configuration file is in `options`.

use std::path::PathBuf;

use clap::{Args as Group, Parser};
use elbus::address::Address;

use crate::config::HostRule;
use crate::options::{BrokerLimits, ListenerOptions, LogOptions, ProcessOptions};
use crate::values;

const AFTER_HELP: &str = "\
BYTES are plain numbers or have a suffix: 512K, 16M, 1G (1K = 1024 bytes).

Signals:
  TERM, INT   stop: tell the clients, deliver what is queued, exit; again: exit at once
  HUP         read the access rules of --config again; clients that are connected
              get their new rights at once; a file that is wrong changes nothing;
              the same for certificates, which new connections get

Service manager (for systemd: Type=notify or notify-reload):
  NOTIFY_SOCKET               told when clients can come, of reloads, of the stop
  WATCHDOG_USEC               sign of life at half that time, if all threads work
  LISTEN_FDS, LISTEN_PID      listening UNIX and TCP sockets, served as they are;
                              -B with the address of one uses that; without -B
                              there are no others
  JOURNAL_STREAM              if that is stderr: lines have a priority, no time

Environment:
  DISABLE_SYSLOG=1            log to stderr even with -D or --log-syslog
  ELBUSD_SYSLOG_SOCKET=PATH   the socket of the syslog daemon [default: /dev/log]

Exit status: 0 stopped by a signal, or the file of --test-config is right;
1 something failed; 2 wrong usage.

Examples:
  elbusd
      Try it out: the first line of the log says where it listens.
  elbusd -B /run/elbus.sock -B 0.0.0.0:7777
      Serve programs of this device, and others over the network.
  elbusd -B /run/elbus.sock -B 0.0.0.0:7777 --allow 192.168.0.0/16
      The same, but only for hosts of that network.
  elbusd -B /run/elbus.sock --socket-group plc
      Let the users in the group `plc` connect.
  elbusd -D -P /run/elbusd.pid -B /run/elbus.sock -w 1
      Run in the background on one thread; log to syslog.
  elbusd -D -P /run/elbusd.pid -B /run/elbus.sock --user elbus
      Open the socket as root, then serve it as the user `elbus`.
  elbusd --config /etc/elbusd.toml --test-config && kill -HUP $(cat /run/elbusd.pid)
      Look at new access rules, then put them into force.
  elbusd -B /run/elbus.sock -B fifo:/run/elbus.fifo
      Take commands from scripts as well: echo '=topic payload' > /run/elbus.fifo";

/// elbus message broker: lets the programs of a device talk to each other.
#[derive(Debug, Parser)]
#[command(name = "elbusd", version, after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    pub listening: Listening,
    #[command(flatten)]
    pub access: Access,
    #[command(flatten)]
    pub broker: BrokerLimits,
    #[command(flatten)]
    pub listener: ListenerOptions,
    #[command(flatten)]
    pub process: ProcessOptions,
    #[command(flatten)]
    pub log: LogOptions,
}

/// Where clients come in.
#[derive(Debug, Group)]
#[command(next_help_heading = "Listening")]
pub struct Listening {
    /// Listen on a path (UNIX socket), HOST:PORT (TCP), tls://HOST:PORT or
    /// fifo:PATH (commands of scripts); repeatable
    /// [default: those of --config, else /run/elbus.sock, else elbus.sock
    /// in $XDG_RUNTIME_DIR, else in /tmp]
    #[arg(
        verbatim_doc_comment,
        short = 'B', long, value_name = "ADDRESS", value_parser = values::bind_address
    )]
    pub bind: Vec<Address>,
}

/// Who may register, and what they may do.
#[derive(Debug, Group)]
#[command(next_help_heading = "Access")]
pub struct Access {
    /// TCP peers may connect from this address or network, as in 10.0.0.0/8,
    /// and not from elsewhere; HOST:PORT=NETWORK is about one -B, !NETWORK
    /// denies; repeatable [default: from everywhere]
    #[arg(verbatim_doc_comment, long, value_name = "NETWORK")]
    pub allow: Vec<Allow>,

    /// Access rules and other settings: only clients that this TOML file
    /// names may register, each with the rights that it grants; a file that
    /// names none is an error, unless it says `allow_everybody = true`; flags
    /// win over the file [default: everybody may do everything]
    #[arg(verbatim_doc_comment, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Say what was understood of the file or what is wrong with it, and exit
    #[arg(long, requires = "config")]
    pub test_config: bool,
}

/// A rule for one listener or for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Allow {
    /// `None`: all that are TCP.
    pub address: Option<Address>,
    pub rule: HostRule,
}

impl std::str::FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, rule) = match text.rsplit_once('=') {
            Some((address, rule)) => (Some(values::bind_address(address)?), rule),
            None => (None, text),
        };
        if !matches!(address, None | Some(Address::Tcp(_) | Address::Tls(_))) {
            return Err("hosts connect over TCP, so the address has to be HOST:PORT".into());
        }
        let rule = rule.parse()?;
        Ok(Self { address, rule })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::OVERFLOW_POLICIES;
    use clap::CommandFactory;
    use elbus::broker::Overflow;

    #[test]
    fn command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn hosts_are_allowed_for_one_address_or_all() {
        let allow: Allow = "10.0.0.0/8".parse().expect("a network");
        assert_eq!(allow.address, None);
        let allow: Allow = "[::]:7777=!fd00::/8".parse().expect("both");
        assert_eq!(allow.address, Some(Address::Tcp("[::]:7777".into())));
        assert_eq!(allow.rule.to_string(), "!fd00::/8");
        for text in [
            "",
            "!",
            "=10.0.0.0/8",
            "/run/elbus.sock=10.0.0.0/8",
            "home",
            "a:1=",
        ] {
            assert!(text.parse::<Allow>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_policy_on_offer_is_one_of_the_broker() {
        for name in OVERFLOW_POLICIES {
            let policy: Overflow = name.parse().expect("a policy");
            assert_eq!(policy.to_string(), name);
        }
    }

    #[test]
    fn help_fits_100_columns() {
        let help = Args::command().render_help().to_string();
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{help}");
    }
}
