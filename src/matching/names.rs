//! Stored client names, found by the mask of a broadcast (protocol, section 7.2).

use super::inline_vec::InlineVec;
use super::symbols::Symbol;
use super::syntax::{Level, MASK};
use super::trie::{Keys, NodeId, ROOT, Trie};

/// A map from client names to values.
///
/// A part of a name that reads `?` or `*` is just that text.
pub type NameTrie<V> = Trie<V, Names>;

/// The keys are client names.
#[derive(Debug)]
pub enum Names {}

impl Keys for Names {
    fn levels(key: &str) -> impl Iterator<Item = Level<'_>> {
        MASK.levels(key).map(Level::Literal)
    }
}

/// One part of the mask that is looked for.
#[derive(Clone, Copy, Default)]
enum Part {
    #[default]
    One,
    Rest,
    Literal(Symbol),
}

impl<V> NameTrie<V> {
    /// Calls `visit` once for every stored name that the mask matches, in no particular order.
    ///
    /// The mask may have any number of parts. The cost is one look at each part of the mask,
    /// down to `max_levels`, and one visit of each node whose path the beginning of the mask
    /// matches. The memory taken meanwhile is bounded by the number of those nodes that have
    /// children.
    pub fn for_each_matching<'a>(&'a self, mask: &str, mut visit: impl FnMut(&'a V)) {
        // No node is deeper than `max_levels`, so of the parts below only matters whether
        // there is one.
        let parts: Option<InlineVec<Part>> = MASK
            .pattern_levels(mask)
            .take(self.max_levels().saturating_add(1))
            .map(|level| self.part(level))
            .collect();
        let Some(parts) = parts else {
            return;
        };
        let mut visit_value_of = |id: NodeId| self.node(id).value.iter().for_each(&mut visit);

        // Nodes whose path the mask matches so far, with the index of the part, which always
        // exists, to be matched by their children.
        let mut pending = InlineVec::new();
        pending.push((ROOT, 0));
        while let Some((id, index)) = pending.pop()
            && let Some(part) = parts.get(index)
        {
            let node = self.node(id);
            let children = node.literals.values();
            // A child without children can only be the end of a name; most are, and of those
            // no list is made.
            let mut enter = |child: NodeId, next: usize| {
                if parts.get(next).is_none() {
                    visit_value_of(child);
                } else if self.node(child).has_children() {
                    pending.push((child, next));
                }
            };
            match part {
                Part::Literal(symbol) => {
                    if let Some(child) = node.literal(symbol) {
                        enter(child, index + 1);
                    }
                }
                Part::One => children.for_each(|&child| enter(child, index + 1)),
                // `*` is the last part: it matches the child itself, and what is below it.
                Part::Rest => children.for_each(|&child| {
                    enter(child, index + 1);
                    enter(child, index);
                }),
            }
        }
    }

    /// What to look for; nothing if the text is part of no name, and the mask matches nobody.
    fn part(&self, level: Level<'_>) -> Option<Part> {
        match level {
            Level::One => Some(Part::One),
            Level::Rest => Some(Part::Rest),
            Level::Literal(text) => self.symbol(text).map(Part::Literal),
        }
    }
}
