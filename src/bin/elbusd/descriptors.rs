//! Each client needs a descriptor, and a second one while its socket is full; the usual limit of 1024
//! for a process is too low for as many clients. The process may raise it as far as the system lets
//! it.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

use crate::settings::Settings;

/// Descriptors that are not clients: listeners, runtimes, the log, the pid file.
const OWN_DESCRIPTORS: usize = 64;

/// Makes room for the clients and handshakes that there may be. Returns a warning if there is not enough to have them
/// connected; full sockets make do without a second descriptor.
pub fn provide_for(settings: &Settings) -> Option<String> {
    let clients = settings.broker.clients();
    let handshakes = settings.of_listener(|_| false).options.handshakes();
    let needed = clients
        .saturating_add(handshakes)
        .saturating_add(OWN_DESCRIPTORS);
    let wanted = rlim_t::try_from(needed.saturating_add(clients)).unwrap_or(rlim_t::MAX);
    let needed = rlim_t::try_from(needed).unwrap_or(rlim_t::MAX);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft >= wanted {
        return None;
    }
    let raised = wanted.min(hard);
    let result = setrlimit(Resource::RLIMIT_NOFILE, raised, hard);
    let limit = if result.is_ok() { raised } else { soft };
    (limit < needed).then(|| {
        format!("{clients} clients may need {needed} descriptors, but the limit is {limit}")
    })
}
