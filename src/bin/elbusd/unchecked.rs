//! What the compiler cannot check: that a process may be doubled, that a number is a descriptor of
//! ours, and that a command to the allocator takes no arguments. The rest of the program has no
//! `unsafe`.

#![allow(unsafe_code)]

#[cfg(not(feature = "std-alloc"))]
use std::ffi::CStr;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::{ForkResult, fork};

/// Doubles the process. To be called before anything starts a thread: `main` does, and nothing but
/// the workers and their runtimes ever starts one.
///
/// # Errors
///
/// When the system has no room for another process.
pub fn double() -> io::Result<ForkResult> {
    // SAFETY: with one thread no lock can be held by a thread that the new process does not have,
    // so that it may do whatever this one may. An allocator that was told to start a thread takes
    // care of its own locks.
    Ok(unsafe { fork() }?)
}

/// Takes over a descriptor that was open when the program started, and keeps it from programs that
/// this one may start. To be called once for each number, before anything else is opened.
///
/// # Errors
///
/// When the number is not that of an open descriptor.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: used for this one call, which fails if the number is not open; it is not -1, because
    // descriptors are counted from 3.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, as the call has shown; it has no other owner, because whatever this
    // process has opened by itself came later, and so got another number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A command of jemalloc that takes no arguments and has no result, by its name. One that does not
/// exist does nothing.
#[cfg(not(feature = "std-alloc"))]
pub fn command_allocator(name: &'static CStr) {
    use std::ptr::null_mut;
    // SAFETY: the name ends with NUL, and without places for an old and a new value nothing is read
    // or written but the allocator's own state, which has its own locks.
    unsafe { tikv_jemalloc_sys::mallctl(name.as_ptr(), null_mut(), null_mut(), null_mut(), 0) };
}
