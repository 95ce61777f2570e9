//! What is printed: one row for each look at the broker.

use std::fmt;

use crate::vitals::Vitals;

#[derive(Debug, Default)]
pub struct Table(Vec<(String, Vitals)>);

impl Table {
    pub fn row(&mut self, when: &str, vitals: &Vitals) {
        self.0.push((when.to_owned(), vitals.clone()));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<20} {:>12} {:>12} {:>8} {:>8} {:>12} {:>8}",
            "", "memory, KiB", "descriptors", "threads", "clients", "secondaries", "filters"
        )?;
        for (when, vitals) in &self.0 {
            writeln!(
                f,
                "{when:<20} {:>12} {:>12} {:>8} {:>8} {:>12} {:>8}",
                vitals.memory_kib,
                vitals.descriptors,
                vitals.threads,
                vitals.clients,
                vitals.secondaries,
                vitals.filters
            )?;
        }
        Ok(())
    }
}
