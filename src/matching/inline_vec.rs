//! The working memory of a lookup: the levels looked for, and the branches still to visit.

/// Entries held without allocating. A lookup by topic needs no more than one per level of the
/// topic, and topics of more than 16 levels are rare.
const INLINE: usize = 16;

/// A vector on the caller's stack, of which only what exceeds 16 entries is on the heap.
///
/// The overflow is used only while the inline part is full.
pub struct InlineVec<T> {
    inline: [T; INLINE],
    inline_len: usize,
    overflow: Vec<T>,
}

impl<T: Copy + Default> InlineVec<T> {
    pub fn new() -> Self {
        Self {
            inline: [T::default(); INLINE],
            inline_len: 0,
            overflow: Vec::new(),
        }
    }

    pub fn push(&mut self, entry: T) {
        match self.inline.get_mut(self.inline_len) {
            Some(slot) => {
                *slot = entry;
                self.inline_len += 1;
            }
            None => self.overflow.push(entry),
        }
    }

    /// Takes the entry that was pushed last.
    pub fn pop(&mut self) -> Option<T> {
        self.overflow.pop().or_else(|| {
            self.inline_len = self.inline_len.checked_sub(1)?;
            self.inline.get(self.inline_len).copied()
        })
    }

    pub fn get(&self, index: usize) -> Option<T> {
        let entry = if index < self.inline_len {
            self.inline.get(index)
        } else {
            self.overflow.get(index.checked_sub(INLINE)?)
        };
        entry.copied()
    }
}

impl<T: Copy + Default> FromIterator<T> for InlineVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        let mut all = Self::new();
        entries.into_iter().for_each(|entry| all.push(entry));
        all
    }
}
