//! Descriptors that the runtime watches.

use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the present runtime watch `owner`, which has to own one and the same descriptor for life.
///
/// # Errors
///
/// Those of the system, when there is one descriptor more to watch.
#[allow(deprecated)]
pub(crate) fn watch<T: AsRawFd>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // The replacement of this function is unsafe on account of types whose descriptor may change or
    // close while it is registered, which the types of this crate do not do.
    AsyncFd::with_interest(owner, interest)
}
