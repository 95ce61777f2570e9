//! Who is subscribed to what, and who gets a publication.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::peer::{OwnFilters, Peer};
use crate::limits::{
    FILTER_LEVEL_COST, FREE_MEMORY_BYTES, MAX_CACHED_RECEIVERS, MAX_CACHED_TOPIC_BYTES,
    MAX_CACHED_TOPICS, MAX_FILTER_BYTES, MAX_FILTER_SHARE, MAX_LEVELS,
};
use crate::maps::HashSet;
use crate::matching::{FilterTrie, TOPIC};
use crate::protocol::{ERR_BUSY, ERR_DATA};
use crate::transport::budget::{Budget, Charge};

/// The receivers of one topic, each once.
pub(super) type Receivers = Arc<[Arc<Peer>]>;

/// Which of a client's two sets of filters is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FilterSet {
    /// What it wants.
    Subscriptions,
    /// What it does not want although a subscription brings it.
    Exclusions,
}

/// Why filters were not taken. None of the frame takes effect.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FilterError {
    Levels,
    /// More than this number.
    Count(usize),
    Bytes,
    /// Those of all clients together take too much.
    Memory,
}

impl FilterError {
    /// What the client is answered.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Memory => ERR_BUSY,
            Self::Levels | Self::Count(_) | Self::Bytes => ERR_DATA,
        }
    }
}

impl std::fmt::Display for FilterError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Levels => write!(f, "a topic filter has more than {MAX_LEVELS} levels"),
            Self::Count(limit) => write!(f, "more than {limit} topic filters"),
            Self::Bytes => write!(
                f,
                "the topic filters take more than {MAX_FILTER_BYTES} bytes"
            ),
            Self::Memory => f.write_str("the topic filters take too much of the memory for all"),
        }
    }
}

type Subscribers = Vec<Arc<Peer>>;

#[derive(Default)]
struct Cache {
    /// The state of the subscriptions that the lists were made from.
    generation: u64,
    lists: HashMap<Box<str>, Receivers>,
    receivers: usize,
}

struct Filters {
    subscriptions: FilterTrie<Subscribers>,
    exclusions: FilterTrie<Subscribers>,
}

/// See the top of this file.
///
/// Lock order: a peer's own filters, then `filters`, then `cache`.
pub(super) struct Topics {
    filters: RwLock<Filters>,
    cache: RwLock<Cache>,
    /// Changes with every change of a filter.
    generation: AtomicU64,
    /// Filters of one client, of both sets together.
    max_filters: usize,
    budget: Arc<Budget>,
}

impl Topics {
    pub(super) fn new(max_filters: usize, budget: Arc<Budget>) -> Self {
        Self {
            filters: RwLock::new(Filters {
                subscriptions: FilterTrie::new(MAX_LEVELS),
                exclusions: FilterTrie::new(MAX_LEVELS),
            }),
            cache: RwLock::default(),
            generation: AtomicU64::new(0),
            max_filters,
            budget,
        }
    }

    /// The present state of the subscriptions; a list of receivers is valid as long as this does
    /// not change.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Adds filters of `peer`: all of them, or none.
    ///
    /// # Errors
    ///
    /// If a bound would be exceeded.
    pub(super) fn add<'a>(
        &self,
        peer: &Arc<Peer>,
        set: FilterSet,
        texts: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), FilterError> {
        let mut own = peer.own_filters.lock();
        if !peer.is_alive() {
            // Its filters have been removed for good.
            return Ok(());
        }
        self.check_count(texts.clone())?;
        let mut fresh = Vec::new();
        let mut charged = own.charged;
        for text in texts {
            let filter = normal(text);
            let levels = TOPIC.levels(filter).take(MAX_LEVELS + 1).count();
            if levels > MAX_LEVELS {
                return Err(FilterError::Levels);
            }
            if set.of(&mut own).contains(filter) {
                continue;
            }
            fresh.push(filter);
            charged += cost(filter, levels);
            if own.count() + fresh.len() > self.max_filters {
                return Err(FilterError::Count(self.max_filters));
            }
            if charged > MAX_FILTER_BYTES {
                return Err(FilterError::Bytes);
            }
            // They stay as long as their client does.
            if charged.saturating_sub(FREE_MEMORY_BYTES) > self.budget.limit() / MAX_FILTER_SHARE {
                return Err(FilterError::Memory);
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        if charged > FREE_MEMORY_BYTES {
            let memory = own.memory.get_or_insert_with(|| Charge::new(&self.budget));
            if !memory.cover(charged - FREE_MEMORY_BYTES) {
                return Err(FilterError::Memory);
            }
        }
        let mut filters = self.filters.write();
        for filter in fresh {
            if set.of(&mut own).contains(filter) {
                continue;
            }
            let subscribers = filters
                .trie(set)
                .insert(filter)
                .map_err(|_| FilterError::Levels)?;
            subscribers.push(peer.clone());
            own.charged += cost(filter, TOPIC.levels(filter).count());
            set.of(&mut own).insert(filter.into());
        }
        self.changed();
        Ok(())
    }

    /// Removes filters of `peer`; those it does not have are skipped.
    ///
    /// # Errors
    ///
    /// If there are more than a client can have. Nothing is removed then.
    pub(super) fn remove<'a>(
        &self,
        peer: &Arc<Peer>,
        set: FilterSet,
        texts: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), FilterError> {
        self.check_count(texts.clone())?;
        self.take_away(peer, set, texts);
        Ok(())
    }

    fn take_away<'a>(
        &self,
        peer: &Arc<Peer>,
        set: FilterSet,
        texts: impl Iterator<Item = &'a str>,
    ) {
        let mut own = peer.own_filters.lock();
        let present = set.of(&mut own);
        // Looked for before everybody is kept waiting; most that a hostile peer names is not there.
        let found: Vec<&str> = texts
            .map(normal)
            .filter(|filter| present.contains(*filter))
            .collect();
        if found.is_empty() {
            return;
        }
        let mut filters = self.filters.write();
        for filter in found {
            if set.of(&mut own).remove(filter) {
                own.charged -= cost(filter, TOPIC.levels(filter).count());
                filters.take_out(set, filter, peer);
            }
        }
        let rest = own.charged.saturating_sub(FREE_MEMORY_BYTES);
        if let Some(memory) = &mut own.memory {
            memory.lower(rest);
        }
        self.changed();
    }

    /// Refuses more filters than a client can have. A frame of a few megabytes may name millions of
    /// them, and looking at each takes seconds.
    pub(super) fn check_count<'a>(
        &self,
        mut texts: impl Iterator<Item = &'a str>,
    ) -> Result<(), FilterError> {
        match texts.nth(self.max_filters) {
            None => Ok(()),
            Some(_) => Err(FilterError::Count(self.max_filters)),
        }
    }

    /// Removes every subscription of `peer` that `allowed` refuses.
    pub(super) fn revoke(&self, peer: &Arc<Peer>, allowed: impl Fn(&str) -> bool) {
        let denied: Vec<Box<str>> = {
            let own = peer.own_filters.lock();
            let all = own.subscriptions.iter();
            all.filter(|filter| !allowed(filter)).cloned().collect()
        };
        self.take_away(
            peer,
            FilterSet::Subscriptions,
            denied.iter().map(|filter| &**filter),
        );
    }

    /// Forgets who gets what: a rule has changed that denies topics.
    pub(super) fn forget_receivers(&self) {
        let _filters = self.filters.write();
        self.changed();
    }

    /// Removes everything of a peer that has been retired.
    pub(super) fn forget(&self, peer: &Arc<Peer>) {
        let mut own = peer.own_filters.lock();
        if own.count() == 0 {
            return;
        }
        let mut filters = self.filters.write();
        for set in [FilterSet::Subscriptions, FilterSet::Exclusions] {
            for filter in std::mem::take(set.of(&mut own)) {
                filters.take_out(set, &filter, peer);
            }
        }
        own.charged = 0;
        own.memory = None;
        self.changed();
    }

    /// True if nobody has a filter, and nobody is remembered.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let filters = self.filters.read();
        filters.subscriptions.is_empty()
            && filters.exclusions.is_empty()
            && self.cache.read().receivers == 0
    }

    /// Called with `filters` locked for writing, so that no list of the old state can be stored
    /// under the new generation.
    fn changed(&self) {
        self.generation.fetch_add(1, Ordering::Release);
        let mut cache = self.cache.write();
        cache.lists.clear();
        cache.receivers = 0;
    }

    /// Who gets a publication to `topic`, and the generation for which that is so.
    pub(super) fn receivers(&self, topic: &str) -> (u64, Receivers) {
        {
            let cache = self.cache.read();
            if cache.generation == self.generation()
                && let Some(list) = cache.lists.get(topic)
            {
                return (cache.generation, list.clone());
            }
        }
        let filters = self.filters.read();
        let generation = self.generation();
        let list = filters.receivers(topic);
        if topic.len() > MAX_CACHED_TOPIC_BYTES {
            return (generation, list);
        }
        let mut cache = self.cache.write();
        if cache.generation != generation
            || cache.lists.len() >= MAX_CACHED_TOPICS
            || cache.receivers + list.len() > MAX_CACHED_RECEIVERS
        {
            cache.lists.clear();
            cache.receivers = 0;
            cache.generation = generation;
        }
        cache.receivers += list.len();
        if let Some(old) = cache.lists.insert(topic.into(), list.clone()) {
            cache.receivers -= old.len();
        }
        (generation, list)
    }
}

impl Filters {
    fn trie(&mut self, set: FilterSet) -> &mut FilterTrie<Subscribers> {
        match set {
            FilterSet::Subscriptions => &mut self.subscriptions,
            FilterSet::Exclusions => &mut self.exclusions,
        }
    }

    fn take_out(&mut self, set: FilterSet, filter: &str, peer: &Arc<Peer>) {
        let trie = self.trie(set);
        let Some(subscribers) = trie.get_mut(filter) else {
            return;
        };
        if let Some(at) = subscribers
            .iter()
            .position(|other| Arc::ptr_eq(other, peer))
        {
            subscribers.swap_remove(at);
        }
        if subscribers.is_empty() {
            trie.remove(filter);
        }
    }

    fn receivers(&self, topic: &str) -> Receivers {
        let mut list: Vec<&Arc<Peer>> = Vec::new();
        self.subscriptions
            .for_each_matching(topic, |peers| list.extend(peers));
        list.sort_unstable_by_key(|peer| peer.id);
        list.dedup_by_key(|peer| peer.id);
        if !self.exclusions.is_empty() {
            let mut excluded: Vec<u64> = Vec::new();
            self.exclusions.for_each_matching(topic, |peers| {
                excluded.extend(peers.iter().map(|peer| peer.id));
            });
            excluded.sort_unstable();
            list.retain(|peer| excluded.binary_search(&peer.id).is_err());
        }
        list.retain(|peer| peer.may_receive(topic));
        list.into_iter().cloned().collect()
    }
}

impl FilterSet {
    fn of(self, own: &mut OwnFilters) -> &mut HashSet<Box<str>> {
        match self {
            Self::Subscriptions => &mut own.subscriptions,
            Self::Exclusions => &mut own.exclusions,
        }
    }
}

/// A filter ends with its first `#`; what follows means nothing (protocol, section 7.1).
fn normal(filter: &str) -> &str {
    let mut end = 0;
    for level in TOPIC.levels(filter) {
        end += level.len();
        if level == "#" {
            return &filter[..end];
        }
        end += 1;
    }
    filter
}

/// What a filter is charged with, in bytes.
fn cost(filter: &str, levels: usize) -> usize {
    filter.len() + levels * FILTER_LEVEL_COST
}

#[cfg(test)]
mod tests;
