//! The lock of an outbox. When the model checker runs (`--cfg shuttle`), it is one of which it
//! decides who gets it next.

#[cfg(not(shuttle))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(shuttle)]
pub(crate) use {modelled::Mutex, shuttle::sync::MutexGuard};

#[cfg(shuttle)]
mod modelled {
    use shuttle::sync::MutexGuard;

    /// The lock of the model checker as one that needs no poisoning.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(inner: T) -> Self {
            Self(shuttle::sync::Mutex::new(inner))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a panic ends the run")
        }

        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner().expect("a panic ends the run")
        }
    }
}
