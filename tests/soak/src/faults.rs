//! What should not have happened.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// The first ones tell the story; thousands of them hide it.
const KEPT: usize = 50;

#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
struct Found {
    first: Vec<String>,
    count: usize,
}

impl Faults {
    pub fn add(&self, what: String) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.count += 1;
        if found.first.len() < KEPT {
            println!("FAULT: {what}");
            found.first.push(what);
        }
    }

    /// Says how it ended.
    pub fn tell(&self) -> ExitCode {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.count == 0 {
            println!("passed");
            return ExitCode::SUCCESS;
        }
        println!("FAILED, {} faults:", found.count);
        for what in &found.first {
            println!("  {what}");
        }
        ExitCode::FAILURE
    }
}
