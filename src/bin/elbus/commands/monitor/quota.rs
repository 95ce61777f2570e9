//! How much may be printed, and how much was not. Knows no clock: whoever owns it renews it.

/// So many entries until it is renewed; what exceeds them is counted.
pub struct Quota {
    limit: u64,
    spent: u64,
    skipped: u64,
}

impl Quota {
    /// A fresh quota.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            spent: 0,
            skipped: 0,
        }
    }

    /// Attempts to print an entry, within the limit; one that is not printed counts as skipped.
    pub fn spend(&mut self, attempt: impl FnOnce() -> bool) {
        if self.spent < self.limit && attempt() {
            self.spent += 1;
        } else {
            self.skipped += 1;
        }
    }

    /// Starts over. Attempts to tell how many were skipped; if that fails too, they are told of the
    /// next time.
    pub fn renew(&mut self, attempt: impl FnOnce(u64) -> bool) {
        self.spent = 0;
        if self.skipped > 0 && attempt(self.skipped) {
            self.skipped = 0;
        }
    }

    /// How many were skipped that nobody was told of.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_entries_are_counted() {
        let mut quota = Quota::new(2);
        let mut printed = 0;
        for _ in 0..5 {
            quota.spend(|| {
                printed += 1;
                true
            });
        }
        assert_eq!((printed, quota.skipped()), (2, 3));
        let mut told = None;
        quota.renew(|skipped| {
            told = Some(skipped);
            true
        });
        assert_eq!((told, quota.skipped()), (Some(3), 0));
        quota.spend(|| true);
        assert_eq!(quota.skipped(), 0);
    }

    #[test]
    fn what_the_printer_has_no_room_for_is_counted_too() {
        let mut quota = Quota::new(2);
        quota.spend(|| false);
        quota.renew(|_| false);
        quota.spend(|| false);
        assert_eq!(quota.skipped(), 2);
    }

    #[test]
    fn nothing_skipped_is_nothing_to_tell() {
        Quota::new(1).renew(|_| unreachable!("nothing was skipped"));
    }
}
