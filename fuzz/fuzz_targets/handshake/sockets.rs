//! Sockets at abstract addresses, which leave nothing in the file system.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream as StdStream};

use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

/// A listener at an address that no other process has.
pub fn listen() -> (UnixListener, SocketAddr) {
    let name = format!("elbus-fuzz-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).expect("a short name");
    let socket = UnixListener::bind_addr(&address).expect("a name of our own");
    (socket, address)
}

/// A connection to it. To be called within a runtime.
pub fn connect(address: &SocketAddr) -> UnixStream {
    let stream = StdStream::connect_addr(address).expect("a listener");
    stream.set_nonblocking(true).expect("a socket");
    UnixStream::from_std(stream).expect("a runtime")
}

/// A thread that waits for everything.
pub fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}
