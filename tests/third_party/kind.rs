//! The libraries that a peer can be made of.

use crate::ours;
use crate::setup::{bindings, programs};
use std::path::Path;
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    PythonElbus,
    PythonElbusAsync,
    PythonBusrt,
    PythonBusrtAsync,
    RustElbus,
    RustBusrt,
    Ours,
    OursSync,
    /// Ours in other languages, see `bindings/`.
    OursPython,
    OursPythonAsync,
    OursJavaScript,
    OursC,
}

impl Kind {
    pub fn all() -> Vec<Kind> {
        let mut kinds = vec![
            Kind::PythonElbus,
            Kind::PythonElbusAsync,
            Kind::PythonBusrt,
            Kind::PythonBusrtAsync,
        ];
        kinds.extend(Kind::bindings());
        kinds.extend(Kind::rust());
        kinds
    }

    pub fn rust() -> Vec<Kind> {
        let mut kinds = vec![Kind::RustElbus, Kind::RustBusrt, Kind::OursSync];
        if ours::PRESENT {
            kinds.push(Kind::Ours);
        }
        kinds
    }

    fn bindings() -> Vec<Kind> {
        let mut kinds = vec![Kind::OursPython, Kind::OursPythonAsync, Kind::OursC];
        if crate::missing::find("node").is_some() {
            kinds.push(Kind::OursJavaScript);
        }
        kinds
    }

    /// A word for client names and topics.
    pub fn label(self) -> &'static str {
        match self {
            Kind::PythonElbus => "python-elbus",
            Kind::PythonElbusAsync => "python-elbus-async",
            Kind::PythonBusrt => "python-busrt",
            Kind::PythonBusrtAsync => "python-busrt-async",
            Kind::RustElbus => "rust-elbus",
            Kind::RustBusrt => "rust-busrt",
            Kind::Ours => "ours",
            Kind::OursSync => "ours-sync",
            Kind::OursPython => "ours-python",
            Kind::OursPythonAsync => "ours-python-async",
            Kind::OursJavaScript => "ours-javascript",
            Kind::OursC => "ours-c",
        }
    }

    /// The binding for C has no threads: it serves when its program lets it, not while a call of its own
    /// waits.
    pub fn can_call_itself(self) -> bool {
        self != Kind::OursC
    }

    /// The program of a binding, below `bindings/`.
    fn source(self) -> Option<&'static str> {
        match self {
            Kind::OursPython => Some("python/tests/peer.py"),
            Kind::OursPythonAsync => Some("python/tests/peer_async.py"),
            Kind::OursJavaScript => Some("js/tests/peer.js"),
            Kind::OursC => Some("c/tests/peer.c"),
            _ => None,
        }
    }

    /// The program to run; our own Rust clients run within this process.
    pub fn command(self) -> Option<Command> {
        let script = |name: &str| programs().scripts.join(name);
        let mut command = match self {
            Kind::PythonElbus => python(&script("peer_threads.py"), "elbus"),
            Kind::PythonElbusAsync => python(&script("peer_asyncio.py"), "elbus_async"),
            Kind::PythonBusrt => python(&script("peer_threads.py"), "busrt"),
            Kind::PythonBusrtAsync => python(&script("peer_asyncio.py"), "busrt_async"),
            Kind::RustElbus => Command::new(&programs().elbus),
            Kind::RustBusrt => Command::new(&programs().busrt),
            Kind::OursC => Command::new(programs().c_peer.as_ref()?),
            Kind::OursPython | Kind::OursPythonAsync => {
                let mut command = python(&bindings().join(self.source()?), "");
                command.env("PYTHONPATH", bindings().join("python"));
                command
            }
            Kind::OursJavaScript => {
                let mut command = Command::new("node");
                command.arg(bindings().join(self.source()?));
                command
            }
            Kind::Ours | Kind::OursSync => return None,
        };
        // Not what the developer has set for other programs.
        command.env_remove("NODE_OPTIONS");
        Some(command)
    }
}

/// A script for the interpreter that has the packages; an empty argument is none.
fn python(script: &Path, argument: &str) -> Command {
    let mut command = Command::new(&programs().python);
    // `-B`: no compiled files next to the scripts.
    command.arg("-B").arg(script);
    command.args(Some(argument).filter(|argument| !argument.is_empty()));
    command.env_remove("PYTHONPATH").env("PYTHONUTF8", "1");
    command
}
