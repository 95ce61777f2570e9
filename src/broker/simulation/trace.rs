//! Shows what happens in a run that is repeated: what the broker logs, and what the clients do.

use log::{LevelFilter, Log, Metadata, Record};

struct Trace;

impl Log for Trace {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        eprintln!("{:5} {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

/// To be called when only one seed is looked at.
pub(super) fn start() {
    // Another test may have called it before.
    if log::set_logger(&Trace).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}
