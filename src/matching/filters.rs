//! Stored topic filters, found by the topic of a publication (protocol, section 7.1).

use super::inline_vec::InlineVec;
use super::symbols::Symbol;
use super::syntax::{Level, TOPIC};
use super::trie::{Keys, NodeId, ROOT, Trie};

/// A map from topic filters to values.
///
/// Filters which differ only in what follows a `#` are one key.
pub type FilterTrie<V> = Trie<V, Filters>;

/// The keys are topic filters.
#[derive(Debug)]
pub enum Filters {}

impl Keys for Filters {
    fn levels(key: &str) -> impl Iterator<Item = Level<'_>> {
        TOPIC.pattern_levels(key)
    }
}

impl<V> FilterTrie<V> {
    /// Calls `visit` once for every stored filter that matches the topic, in no particular
    /// order.
    ///
    /// The topic may have any number of levels. The cost is one look at each level of the
    /// topic, down to `max_levels`, and one visit of each node whose path matches the
    /// beginning of the topic. Topics of fewer than 16 levels are looked up without
    /// allocating.
    pub fn for_each_matching<'a>(&'a self, topic: &str, mut visit: impl FnMut(&'a V)) {
        // `None` is a level that no filter has literally. No node is deeper than `max_levels`,
        // so of the levels below only matters whether there is one.
        let levels: InlineVec<Option<Symbol>> = TOPIC
            .levels(topic)
            .take(self.max_levels().saturating_add(1))
            .map(|text| self.symbol(text))
            .collect();
        let mut visit_value_of = |id: NodeId| self.node(id).value.iter().for_each(&mut visit);

        // Nodes whose path matches the topic so far, with the number of levels in that path.
        let mut pending = InlineVec::new();
        pending.push((ROOT, 0));
        while let Some((id, depth)) = pending.pop() {
            let node = self.node(id);
            let Some(level) = levels.get(depth) else {
                visit_value_of(id);
                continue;
            };
            if let Some(rest) = node.rest {
                visit_value_of(rest);
            }
            let literal = level.and_then(|symbol| node.literal(symbol));
            for child in [node.one, literal].into_iter().flatten() {
                pending.push((child, depth + 1));
            }
        }
    }
}
