//! Numbers for the texts of levels.
//!
//! A lookup visits many nodes, and a peer may send levels of megabytes. Were the text compared
//! at every node, the cost would be their product. So the text is read once, and what the
//! nodes compare is its number.

use std::collections::HashMap;

/// Stands for the text of a level; equal numbers are equal texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Symbol(u32);

/// The texts in use, each of them stored once.
///
/// The texts come from peers: the hasher has to be a keyed one, as that of the standard
/// library is.
#[derive(Debug, Default)]
pub struct Symbols {
    entries: HashMap<Box<str>, Entry>,
    /// Numbers below `entries.len() + free.len()` that no text has.
    free: Vec<Symbol>,
}

#[derive(Debug)]
struct Entry {
    symbol: Symbol,
    uses: usize,
}

impl Symbols {
    /// The symbol of a text, if the text is in use.
    pub fn get(&self, text: &str) -> Option<Symbol> {
        self.entries.get(text).map(|entry| entry.symbol)
    }

    /// The symbol of a text, which is in use once more from now on.
    pub fn acquire(&mut self, text: &str) -> Symbol {
        if let Some(entry) = self.entries.get_mut(text) {
            entry.uses += 1;
            return entry.symbol;
        }
        let unused = Symbol(self.entries.len() as u32);
        let symbol = self.free.pop().unwrap_or(unused);
        self.entries.insert(text.into(), Entry { symbol, uses: 1 });
        symbol
    }

    /// Ends one use of a text, and forgets the text after its last use.
    pub fn release(&mut self, text: &str) {
        if let Some(entry) = self.entries.get_mut(text) {
            entry.uses -= 1;
            if entry.uses == 0 {
                self.free.push(entry.symbol);
                self.entries.remove(text);
            }
        }
    }

    /// Texts in use.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}
