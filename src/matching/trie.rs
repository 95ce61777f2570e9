//! The storage of many keys, level by level: a trie in an arena.
//!
//! What a key is, and how the stored keys are looked up, differs for topic filters
//! (`filters`) and for client names (`names`); inserting, removing and the memory they take
//! do not, and are here.
//!
//! Nodes refer to each other by index, so dropping the trie does not recurse either.
//!
//! Invariants:
//! - node 0 is the root: it always exists, has no value and is nobody's child;
//! - every other node in use has exactly one parent, and holds a value or has a child;
//! - a free node is blank: no value, no child, no memory;
//! - a level's text is in use once for every branch that it labels.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

use super::symbols::{Symbol, Symbols};
use super::syntax::Level;
use crate::maps::HashMap;

/// The position of a node in the arena. 2^32 nodes would take hundreds of gigabytes, so the
/// memory is gone long before the ids are.
pub(super) type NodeId = u32;

/// The node from which all keys start.
pub(super) const ROOT: NodeId = 0;

/// What the keys of a [`Trie`] are.
pub trait Keys {
    /// The levels of a key, one or more.
    fn levels(key: &str) -> impl Iterator<Item = Level<'_>>;
}

/// A map from keys to values which can be asked for all keys that match.
///
/// It is bounded in depth by `max_levels`. The number of keys, and their length in bytes, are
/// bounded by whoever inserts them; a key takes at most one node per level.
#[derive(Debug)]
pub struct Trie<V, K> {
    nodes: Vec<Node<V>>,
    /// Nodes of the arena that are not in use, to be taken before the arena grows.
    free: Vec<NodeId>,
    symbols: Symbols,
    /// Keys stored, which is the number of nodes with a value.
    len: usize,
    max_levels: usize,
    keys: PhantomData<K>,
}

#[derive(Debug)]
pub(super) struct Node<V> {
    pub(super) value: Option<V>,
    /// The branch of [`Level::One`].
    pub(super) one: Option<NodeId>,
    /// The branch of [`Level::Rest`].
    pub(super) rest: Option<NodeId>,
    /// The branches of [`Level::Literal`]. An empty map owns no memory.
    pub(super) literals: HashMap<Symbol, NodeId>,
}

/// The key has more levels than the trie accepts. Nothing was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooDeep {
    /// The number of levels that would have been accepted.
    pub max_levels: usize,
}

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} levels", self.max_levels)
    }
}

impl Error for TooDeep {}

impl<V, K: Keys> Trie<V, K> {
    /// An empty trie for keys of at most `max_levels` levels.
    pub fn new(max_levels: usize) -> Self {
        Self {
            nodes: vec![Node::blank()],
            free: Vec::new(),
            symbols: Symbols::default(),
            len: 0,
            max_levels,
            keys: PhantomData,
        }
    }

    /// The value of the key; a default value is stored first if the key is new.
    ///
    /// # Errors
    ///
    /// [`TooDeep`] if the key has more than `max_levels` levels.
    pub fn insert(&mut self, key: &str) -> Result<&mut V, TooDeep>
    where
        V: Default,
    {
        // Counted before anything is created, and never further than to the bound.
        if K::levels(key).nth(self.max_levels).is_some() {
            return Err(TooDeep {
                max_levels: self.max_levels,
            });
        }
        let mut id = ROOT;
        for level in K::levels(key) {
            id = match self.child(id, level) {
                Some(child) => child,
                None => self.attach_child(id, level),
            };
        }
        if self.node(id).value.is_none() {
            self.len += 1;
        }
        Ok(self.node_mut(id).value.get_or_insert_default())
    }

    /// The value of exactly this key: wildcards of the key match only themselves.
    #[cfg(test)]
    pub fn get(&self, key: &str) -> Option<&V> {
        self.node(self.find(key)?).value.as_ref()
    }

    /// The value of exactly this key: wildcards of the key match only themselves.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        let id = self.find(key)?;
        self.node_mut(id).value.as_mut()
    }

    /// Removes a key, and all nodes that only this key needed.
    ///
    /// The arena is kept for later keys, until the last key is removed.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        // The longest branch that no other key needs: the node it hangs on, and the number of
        // levels above it.
        let mut own_branch = (ROOT, 0);
        let mut id = ROOT;
        for (depth, level) in K::levels(key).enumerate() {
            if self.node(id).is_needed_without_one_child() {
                own_branch = (id, depth);
            }
            id = self.child(id, level)?;
        }
        let value = self.node_mut(id).value.take()?;
        self.len -= 1;
        if self.len == 0 {
            *self = Self::new(self.max_levels);
        } else if !self.node(id).has_children() {
            let (parent, depth) = own_branch;
            self.remove_branch(parent, K::levels(key).skip(depth));
        }
        Some(value)
    }

    fn find(&self, key: &str) -> Option<NodeId> {
        K::levels(key).try_fold(ROOT, |id, level| self.child(id, level))
    }
}

impl<V, K> Trie<V, K> {
    /// Keys stored.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is no key stored?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Nodes in use, the root included: at least 1.
    #[cfg(test)]
    pub fn node_count(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Different texts of literal levels that are stored.
    #[cfg(test)]
    pub fn level_text_count(&self) -> usize {
        self.symbols.len()
    }

    pub(super) fn max_levels(&self) -> usize {
        self.max_levels
    }

    /// The symbol of a literal level, if any stored key has such a level.
    pub(super) fn symbol(&self, text: &str) -> Option<Symbol> {
        self.symbols.get(text)
    }

    pub(super) fn node(&self, id: NodeId) -> &Node<V> {
        &self.nodes[id as usize]
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node<V> {
        &mut self.nodes[id as usize]
    }

    fn child(&self, parent: NodeId, level: Level<'_>) -> Option<NodeId> {
        let parent = self.node(parent);
        match level {
            Level::One => parent.one,
            Level::Rest => parent.rest,
            Level::Literal(text) => parent.literal(self.symbol(text)?),
        }
    }

    fn attach_child(&mut self, parent: NodeId, level: Level<'_>) -> NodeId {
        let child = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Node::blank());
            (self.nodes.len() - 1) as NodeId
        });
        match level {
            Level::One => self.node_mut(parent).one = Some(child),
            Level::Rest => self.node_mut(parent).rest = Some(child),
            Level::Literal(text) => {
                let symbol = self.symbols.acquire(text);
                self.node_mut(parent).literals.insert(symbol, child);
            }
        }
        child
    }

    fn detach_child(&mut self, parent: NodeId, level: Level<'_>) -> Option<NodeId> {
        match level {
            Level::One => self.node_mut(parent).one.take(),
            Level::Rest => self.node_mut(parent).rest.take(),
            Level::Literal(text) => {
                let symbol = self.symbol(text)?;
                let child = self.node_mut(parent).remove_literal(symbol)?;
                self.symbols.release(text);
                Some(child)
            }
        }
    }

    /// Frees the nodes along `levels`, each of which has no value and no other child.
    fn remove_branch<'k>(&mut self, mut parent: NodeId, levels: impl Iterator<Item = Level<'k>>) {
        for level in levels {
            let Some(child) = self.detach_child(parent, level) else {
                return;
            };
            // Blank as soon as the next round has taken its child.
            self.free.push(child);
            parent = child;
        }
    }
}

impl<V> Node<V> {
    fn blank() -> Self {
        Self {
            value: None,
            one: None,
            rest: None,
            literals: HashMap::default(),
        }
    }

    pub(super) fn literal(&self, symbol: Symbol) -> Option<NodeId> {
        self.literals.get(&symbol).copied()
    }

    pub(super) fn has_children(&self) -> bool {
        self.child_count() > 0
    }

    fn child_count(&self) -> usize {
        usize::from(self.one.is_some()) + usize::from(self.rest.is_some()) + self.literals.len()
    }

    /// Would another key still need this node, if one of its children were gone?
    fn is_needed_without_one_child(&self) -> bool {
        self.value.is_some() || self.child_count() > 1
    }

    fn remove_literal(&mut self, symbol: Symbol) -> Option<NodeId> {
        let child = self.literals.remove(&symbol);
        // A map never shrinks by itself, and walking it costs its capacity. To halve it at a
        // quarter keeps a removal cheap on average; an empty map gives all its memory back.
        if self.literals.len() < self.literals.capacity().div_ceil(4) {
            self.literals.shrink_to(self.literals.len() * 2);
        }
        child
    }
}
