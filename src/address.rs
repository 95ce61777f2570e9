//! Where a broker listens and a client connects: one syntax for all programs (protocol, section 1).

use std::fmt;
use std::path::{Path, PathBuf};

/// What an address with TLS begins with.
const TLS_SCHEME: &str = "tls://";

/// The address of a bus.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A UNIX stream socket.
    Unix(PathBuf),
    /// `HOST:PORT`.
    Tcp(String),
    /// `HOST:PORT`, with TLS. Understood by all, usable with the feature `tls`.
    Tls(String),
    /// A fifo for commands; servers only.
    Fifo(PathBuf),
}

impl Address {
    /// The address that a client connects to: `tls://HOST:PORT`, a path if it starts with `/` or
    /// ends in `.sock`, `.socket` or `.ipc`, else `HOST:PORT`.
    ///
    /// ```
    /// use elbus::address::Address;
    ///
    /// assert_eq!(Address::parse("bus.sock"), Address::Unix("bus.sock".into()));
    /// assert_eq!(Address::parse("plc:7777"), Address::Tcp("plc:7777".into()));
    /// assert_eq!(Address::parse("tls://plc:7778"), Address::Tls("plc:7778".into()));
    /// ```
    pub fn parse(text: &str) -> Self {
        if let Some(address) = text.strip_prefix(TLS_SCHEME) {
            return Self::Tls(address.to_owned());
        }
        let is_path = text.starts_with('/')
            || [".sock", ".socket", ".ipc"]
                .iter()
                .any(|suffix| text.ends_with(suffix));
        if is_path {
            Self::Unix(text.into())
        } else {
            Self::Tcp(text.to_owned())
        }
    }

    /// The address that a server binds: as [`Address::parse`], and `fifo:PATH`.
    ///
    /// ```
    /// use elbus::address::Address;
    ///
    /// let address = Address::parse_server("fifo:/run/elbus.fifo");
    /// assert_eq!(address, Address::Fifo("/run/elbus.fifo".into()));
    /// ```
    pub fn parse_server(text: &str) -> Self {
        match text.strip_prefix("fifo:") {
            Some(path) => Self::Fifo(path.into()),
            None => Self::parse(text),
        }
    }

    /// The path, unless this is an address of the network.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) | Self::Fifo(path) => Some(path),
            Self::Tcp(_) | Self::Tls(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => path.display().fmt(f),
            Self::Tcp(address) => address.fmt(f),
            Self::Tls(address) => write!(f, "{TLS_SCHEME}{address}"),
            Self::Fifo(path) => write!(f, "fifo:{}", path.display()),
        }
    }
}
