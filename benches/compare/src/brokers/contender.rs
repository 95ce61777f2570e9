//! Which brokers there are, and the settings with which each is measured.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::wire::{Address, Protocol};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Unix,
    Tcp,
}

/// Where programs are that are not installed in the system.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `elbusd` and `elbus` of this repository.
    pub ours: PathBuf,
    /// The same of the original, and `busrtd`.
    pub peers: PathBuf,
}

/// A broker with its settings.
#[derive(Debug, Clone)]
pub struct Contender {
    /// Names it in the results.
    pub id: &'static str,
    pub protocol: Protocol,
    program: PathBuf,
    /// What is on its command line apart from the address.
    options: &'static [&'static str],
    /// For those that want one. Without addresses.
    config: &'static [&'static str],
}

/// How a contender appears in the document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Description {
    pub id: String,
    pub version: String,
    pub settings: String,
}

/// All brokers, in the order of the tables. Ours comes first.
pub fn contenders(programs: &Programs) -> Vec<Contender> {
    let elbus = |id, program, options| Contender {
        id,
        protocol: Protocol::Elbus,
        program,
        options,
        config: &[],
    };
    let installed = |id, protocol, program: &str, options, config| Contender {
        id,
        protocol,
        program: find(program),
        options,
        config,
    };
    let ours = programs.ours.join("elbusd");
    vec![
        elbus("elbusd", ours.clone(), &[]),
        elbus("elbusd -w 1", ours, &["-w", "1"]),
        elbus("original", programs.peers.join("elbusd"), &[]),
        // It cuts off clients that are silent, as subscribers are.
        elbus("busrtd", programs.peers.join("busrtd"), &["-t", "60"]),
        installed("NATS", Protocol::Nats, "nats-server", &[], &[]),
        installed(
            "mosquitto",
            Protocol::Mqtt,
            "mosquitto",
            &[],
            &[
                "allow_anonymous true",
                "persistence false",
                "set_tcp_nodelay true",
                "max_queued_messages 0",
                "max_inflight_messages 0",
            ],
        ),
        installed(
            "Redis",
            Protocol::Redis,
            "redis-server",
            &[
                "--save",
                "",
                "--appendonly",
                "no",
                "--client-output-buffer-limit",
                "pubsub 0 0 0",
            ],
            &[],
        ),
    ]
}

impl Contender {
    pub fn is_installed(&self) -> bool {
        self.program.is_file()
    }

    /// The command that runs it. Files that it needs go into the directory.
    pub fn command(&self, address: &Address, directory: &Path) -> std::io::Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(self.options).current_dir(directory);
        match (self.protocol, address) {
            (Protocol::Elbus, _) => command.args(["-B", &address.to_text()]),
            (Protocol::Nats, Address::Tcp(port)) => {
                command.args(["-a", "127.0.0.1", "-p", &port.to_string()])
            }
            (Protocol::Nats, Address::Unix(_)) => {
                return Err(std::io::Error::other("NATS has no UNIX sockets"));
            }
            (Protocol::Mqtt, _) => {
                let listener = match address {
                    Address::Unix(path) => format!("listener 0 {}", path.display()),
                    Address::Tcp(port) => format!("listener {port} 127.0.0.1"),
                };
                // As root it would look for its user, who cannot read our directory.
                let lines = [&[listener.as_str(), "user root"], self.config].concat();
                let file = directory.join("mosquitto.conf");
                std::fs::write(&file, lines.join("\n") + "\n")?;
                command.arg("-c").arg(file)
            }
            (Protocol::Redis, Address::Tcp(port)) => {
                command.args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            }
            (Protocol::Redis, Address::Unix(path)) => {
                command.args(["--port", "0", "--unixsocket"]).arg(path)
            }
        };
        Ok(command)
    }

    pub fn describe(&self) -> Description {
        let quoted = self.options.iter().map(|option| {
            if option.is_empty() || option.contains(' ') {
                format!("\"{option}\"")
            } else {
                (*option).to_owned()
            }
        });
        let settings: Vec<String> = match self.config {
            [] => vec![quoted.collect::<Vec<_>>().join(" ")],
            config => config.iter().map(|&line| line.to_owned()).collect(),
        };
        Description {
            id: self.id.to_owned(),
            version: self.version(),
            settings: settings.join(", "),
        }
    }

    fn version(&self) -> String {
        match self.id {
            // They do not tell.
            "original" => "elbus 0.2.21".to_owned(),
            "busrtd" => "busrt 0.5.6".to_owned(),
            _ => {
                let flag = if self.protocol == Protocol::Mqtt {
                    "-h"
                } else {
                    "--version"
                };
                let output = Command::new(&self.program).arg(flag).output();
                let text = output.map(|output| output.stdout).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                let line = text.lines().next().unwrap_or("unknown");
                // Redis tells more than anybody wants to know.
                line.split(" sha=").next().unwrap_or(line).to_owned()
            }
        }
    }
}

/// The program in the search path, or a path that does not exist.
fn find(program: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| program.into())
}
