//! The files of the book.

use crate::markdown::Page;
use std::path::{Path, PathBuf};

/// The checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pages in `docs/`, by name, without the table of contents.
pub fn of_the_book() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("docs")).expect("the directory of the book");
    let mut pages: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .filter(|path| path.file_name().is_some_and(|name| name != "SUMMARY.md"))
        .collect();
    pages.sort();
    pages
}

/// A page by its path from the checkout.
pub fn page(path: &str) -> Page {
    Page::read(&text(&root().join(path)))
}

pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
