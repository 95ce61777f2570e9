//! The book in `docs/`: that its commands do what it says, its bytes are those of the wire, its tables
//! are complete and its links lead somewhere. `docs/contributing.md` has the conventions.
//!
//! The programs are those that cargo built for this test. A page that needs Python makes its own
//! virtual environment, as its reader does.

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "metrics")]
#[allow(dead_code)] // A part of it is used here.
#[path = "../common/missing.rs"]
mod missing;

mod bounds;
mod commands;
mod expectation;
mod links;
mod markdown;
mod matching;
mod pages;
mod pictures;
mod reference;
mod terminal;
mod wire;
