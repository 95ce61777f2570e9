//! Matching of topics and client names: who is meant by a filter or a mask.
//!
//! Pure functions and containers; no I/O, no clock, no knowledge of sessions. The texts come
//! from peers, so nothing here recurses, and whatever is stored is bounded in depth.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `syntax` | the two pattern languages: topic filters and broadcast masks |
//! | `pattern` | one pattern against one text, one pattern against another |

mod pattern;
mod syntax;

pub use syntax::{MASK, Syntax, TOPIC};
