//! The least that stands between two sockets: a process that sends back what it gets.
//!
//! What a round trip through a broker takes is compared with this. It waits for any of its clients,
//! as a broker must, and does nothing else.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::Result;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const LISTENER: u64 = 0;

pub fn run(path: &Path) -> Result<()> {
    let listener = UnixListener::bind(path)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients: HashMap<u64, UnixStream> = HashMap::new();
    let mut next = LISTENER + 1;
    let mut events = [EpollEvent::empty(); 16];
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..count] {
            if event.data() == LISTENER {
                let (client, _) = listener.accept()?;
                epoll.add(&client, EpollEvent::new(EpollFlags::EPOLLIN, next))?;
                clients.insert(next, client);
                next += 1;
            } else if let Some(client) = clients.get_mut(&event.data()) {
                let read = client.read(&mut buffer).unwrap_or(0);
                if read == 0 || client.write_all(&buffer[..read]).is_err() {
                    clients.remove(&event.data());
                }
            }
        }
    }
}
