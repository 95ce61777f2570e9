//! The maps whose order may show: in the order of the receivers of a broadcast, for instance.
//!
//! Texts come from peers, so the hashers are the keyed ones of the standard library. Only in tests the
//! keys are the same for every map: there a seed has to decide everything that happens.

#[cfg(not(test))]
pub(crate) use std::collections::HashMap;
#[cfg(all(not(test), feature = "broker"))]
pub(crate) use std::collections::HashSet;

#[cfg(test)]
use std::hash::{BuildHasherDefault, DefaultHasher};

#[cfg(test)]
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<DefaultHasher>>;
#[cfg(test)]
pub(crate) type HashSet<K> = std::collections::HashSet<K, BuildHasherDefault<DefaultHasher>>;
