//! The log of the library on standard error.

use log::{LevelFilter, Log, Metadata, Record};

use crate::escape::printable;
use crate::output;

struct StderrLog;

impl Log for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The reactor below logs every wake-up at the levels we let through for ourselves.
        metadata.target().starts_with("elbus")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let text = record.args().to_string();
            output::complain(&format!("{}: {}", record.level(), printable(&text)));
        }
    }

    fn flush(&self) {}
}

/// Logs from now on, up to the level.
pub fn start(level: LevelFilter) {
    // Fails only if there is a logger already, and this is the program's only one.
    if log::set_logger(&StderrLog).is_ok() {
        log::set_max_level(level);
    }
}
