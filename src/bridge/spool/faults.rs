//! Failures of the disk on demand, for tests. In programs this is nothing at all.

#[cfg(not(test))]
use std::io;

/// Which operations fail. Clones share the plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    #[cfg(test)]
    plan: std::sync::Arc<plan::Plan>,
}

impl Faults {
    /// Called before each operation on files; fails if it is one that is to fail.
    #[cfg(not(test))]
    #[inline]
    pub(super) fn check(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod plan {
    use std::io;
    use std::ops::Range;
    use std::sync::{Mutex, PoisonError};

    use super::Faults;

    #[derive(Debug, Default)]
    pub(super) struct Plan {
        state: Mutex<State>,
    }

    #[derive(Debug, Default)]
    struct State {
        operations: u64,
        failing: Range<u64>,
    }

    impl Faults {
        /// Operations with these indices will fail.
        pub(in super::super) fn fail(&self, operations: Range<u64>) {
            self.with(|state| state.failing = operations);
        }

        /// How many operations there were.
        pub(in super::super) fn operations(&self) -> u64 {
            self.with(|state| state.operations)
        }

        pub(in super::super) fn check(&self) -> io::Result<()> {
            let fails = self.with(|state| {
                let fails = state.failing.contains(&state.operations);
                state.operations += 1;
                fails
            });
            match fails {
                true => Err(io::Error::from(io::ErrorKind::StorageFull)),
                false => Ok(()),
            }
        }

        fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
            work(
                &mut self
                    .plan
                    .state
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner),
            )
        }
    }
}
