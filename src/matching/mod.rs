//! Matching of topics and client names: who is meant by a filter or a mask.
//!
//! Pure functions and containers; no I/O, no clock, no knowledge of sessions. The texts come
//! from peers, so nothing here recurses, and whatever is stored is bounded in depth.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `syntax` | the two pattern languages: topic filters and broadcast masks |
//! | `pattern` | one pattern against one text, one pattern against another |
//! | `trie` | the storage of many keys, level by level |
//! | `filters` | stored topic filters, found by a topic |
//! | `names` | stored client names, found by a broadcast mask |
//! | `symbols` | numbers for the texts of levels, so that long texts are compared once |
//! | `inline_vec` | the working memory of a lookup |

mod filters;
mod inline_vec;
mod names;
mod pattern;
mod symbols;
mod syntax;
mod trie;

#[cfg(feature = "broker")]
pub use filters::FilterTrie;
#[cfg(feature = "broker")]
pub use names::NameTrie;
#[cfg(feature = "broker")]
pub use syntax::Syntax;
pub use syntax::{MASK, TOPIC};

#[cfg(all(test, feature = "broker"))]
mod tests;
