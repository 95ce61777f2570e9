//! Memory that all clients of a broker take together: what waits in their queues, frames of which a
//! part has arrived, topic filters.
//!
//! Each holder has a [`Charge`], which it raises before it takes memory and lowers when it has given
//! some back. It does so in steps, so that small frames cost a comparison.
//!
//! Large frames take theirs bit by bit as they arrive. So that several of them cannot wait for each
//! other, one at a time may overdraw: it is the one that gets through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::limits::MEMORY_STEP_BYTES;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
    /// Some charge may have more than there is.
    is_overdrawn: AtomicBool,
    /// Somebody was refused since memory was last given back.
    is_short: AtomicBool,
    given_back: Notify,
}

impl Budget {
    /// `limit` is in bytes.
    #[cfg(feature = "broker")]
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            is_overdrawn: AtomicBool::new(false),
            is_short: AtomicBool::new(false),
            given_back: Notify::new(),
        })
    }

    /// What is in use, in bytes.
    #[cfg(feature = "broker")]
    pub(crate) fn used(&self) -> usize {
        self.used.load(SeqCst)
    }

    /// What there is in all, in bytes.
    #[cfg(feature = "broker")]
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Wakes when it is worth trying again. To be made, and enabled, before the attempt that fails.
    pub(crate) fn given_back(&self) -> Notified<'_> {
        self.given_back.notified()
    }

    fn take(&self, bytes: usize) -> bool {
        let attempt = || {
            let taken = self.used.fetch_update(SeqCst, SeqCst, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            });
            taken.is_ok()
        };
        // Whoever gives back before the second attempt cannot know that somebody waits.
        attempt() || {
            self.is_short.store(true, SeqCst);
            attempt()
        }
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, SeqCst);
        if self.is_short.swap(false, SeqCst) {
            self.given_back.notify_waiters();
        }
    }
}

/// What one holder has of a budget; given back when it is dropped. The default one is of no budget and
/// covers everything.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    budget: Option<Arc<Budget>>,
    bytes: usize,
    overdraws: bool,
}

impl Charge {
    #[cfg(feature = "broker")]
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Some(budget.clone()),
            ..Self::default()
        }
    }

    /// A charge of nothing, of the same budget.
    pub(crate) fn sibling(&self) -> Self {
        Self {
            budget: self.budget.clone(),
            ..Self::default()
        }
    }

    #[cfg(feature = "broker")]
    pub(crate) fn covers_anything(&self) -> bool {
        self.bytes > 0
    }

    pub(crate) fn budget(&self) -> Option<&Arc<Budget>> {
        self.budget.as_ref()
    }

    /// Covers so many bytes in all, or as many as before if the budget does not allow that.
    #[inline]
    pub(crate) fn cover(&mut self, bytes: usize) -> bool {
        bytes <= self.bytes || self.raise(bytes)
    }

    #[cold]
    fn raise(&mut self, bytes: usize) -> bool {
        let Some(budget) = &self.budget else {
            return true;
        };
        let wanted = bytes.next_multiple_of(MEMORY_STEP_BYTES);
        let is_covered = budget.take(wanted - self.bytes);
        if is_covered {
            self.bytes = wanted;
        }
        is_covered
    }

    /// Covers so many bytes in all, if need be beyond what there is. False if another charge of the
    /// same budget does that already.
    pub(crate) fn overdraw(&mut self, bytes: usize) -> bool {
        if self.cover(bytes) {
            return true;
        }
        let Some(budget) = &self.budget else {
            return true;
        };
        self.overdraws = self.overdraws || !budget.is_overdrawn.swap(true, SeqCst);
        if self.overdraws {
            let wanted = bytes.next_multiple_of(MEMORY_STEP_BYTES);
            budget.used.fetch_add(wanted - self.bytes, SeqCst);
            self.bytes = wanted;
        }
        self.overdraws
    }

    /// Gives back what is more than so many bytes need.
    #[inline]
    pub(crate) fn lower(&mut self, bytes: usize) {
        if self.bytes >= bytes + MEMORY_STEP_BYTES {
            self.lower_to(bytes.next_multiple_of(MEMORY_STEP_BYTES));
        }
    }

    #[cold]
    fn lower_to(&mut self, bytes: usize) {
        if let Some(budget) = &self.budget {
            if std::mem::take(&mut self.overdraws) {
                budget.is_overdrawn.store(false, SeqCst);
            }
            budget.give(self.bytes - bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.lower(0);
    }
}

#[cfg(all(test, feature = "broker"))]
mod tests {
    use super::*;

    const STEP: usize = MEMORY_STEP_BYTES;

    #[test]
    fn what_is_charged_is_given_back() {
        let budget = Budget::new(4 * STEP);
        let mut first = Charge::new(&budget);
        assert!(first.cover(1) && first.cover(2 * STEP));
        assert_eq!(budget.used(), 2 * STEP);
        let mut second = first.sibling();
        assert!(!second.cover(2 * STEP + 1), "only two steps are left");
        assert!(second.cover(STEP + 1));
        first.lower(STEP + 1);
        assert_eq!(budget.used(), 4 * STEP, "a step is kept as a whole");
        first.lower(STEP);
        assert_eq!(budget.used(), 3 * STEP);
        drop((first, second));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let budget = Budget::new(2 * STEP);
        let mut charge = Charge::new(&budget);
        assert!(charge.cover(STEP));
        for bytes in [2 * STEP + 1, usize::MAX - STEP] {
            assert!(!charge.cover(bytes));
        }
        assert_eq!(budget.used(), STEP);
        assert!(charge.cover(2 * STEP));
    }

    #[test]
    fn one_at_a_time_may_overdraw() {
        let budget = Budget::new(2 * STEP);
        let [mut first, mut second] = [(); 2].map(|()| Charge::new(&budget));
        assert!(first.overdraw(STEP) && second.overdraw(STEP));
        assert!(!budget.is_overdrawn.load(SeqCst), "there was enough");
        assert!(first.overdraw(9 * STEP) && first.overdraw(10 * STEP));
        assert!(!second.overdraw(2 * STEP));
        assert_eq!(budget.used(), 11 * STEP);
        drop(first);
        assert!(second.overdraw(3 * STEP));
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn without_a_budget_everything_is_covered() {
        let mut charge = Charge::default();
        assert!(charge.cover(usize::MAX));
        charge.lower(0);
    }

    #[tokio::test]
    async fn who_was_refused_is_woken() {
        let budget = Budget::new(STEP);
        let mut holder = Charge::new(&budget);
        assert!(holder.cover(STEP));
        let mut late = Charge::new(&budget);
        let given_back = budget.given_back();
        assert!(!late.cover(1));
        drop(holder);
        given_back.await;
        assert!(late.cover(1));
    }
}
