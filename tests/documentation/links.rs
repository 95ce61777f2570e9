//! Links of the book and of the pages around it, as a forge follows them: relative to the page, with
//! the anchors of headings. `docs/check` does the same for the built book.

use crate::markdown::Page;
use crate::pages::{of_the_book, root, text};
use std::path::{Path, PathBuf};

fn pages_with_links() -> Vec<PathBuf> {
    let mut pages = of_the_book();
    pages.push(root().join("docs/SUMMARY.md"));
    pages.push(root().join("README.md"));
    pages.push(root().join("ARCHITECTURE.md"));
    for binding in std::fs::read_dir(root().join("bindings")).expect("a directory") {
        pages.push(binding.expect("an entry").path().join("README.md"));
    }
    pages
}

/// What is wrong with a link of a page, if anything is.
fn complaint(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let file = match path {
        "" => page.to_owned(),
        path => page.parent().expect("a directory").join(path),
    };
    if !file.exists() {
        return Some("there is no such file".to_owned());
    }
    let anchor = anchor?;
    let anchors = Page::read(&text(&file)).anchors();
    (!anchors.iter().any(|found| found == anchor)).then(|| "there is no such heading".to_owned())
}

#[test]
fn links_lead_somewhere() {
    let mut complaints = Vec::new();
    for path in pages_with_links() {
        for (target, line) in Page::read(&text(&path)).links {
            if let Some(what) = complaint(&path, &target) {
                complaints.push(format!("{}:{line}: {target}: {what}", path.display()));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_table_of_contents_has_every_page_once() {
    let contents = Page::read(&text(&root().join("docs/SUMMARY.md")));
    let mut listed: Vec<PathBuf> = contents
        .links
        .iter()
        .map(|(target, _)| root().join("docs").join(target))
        .collect();
    listed.sort();
    assert_eq!(listed, of_the_book());
}

#[test]
fn broken_links_are_noticed() {
    let page = root().join("docs/README.md");
    for (target, broken) in [
        ("getting-started.md", false),
        ("../README.md#limits", false),
        ("../README.md#no-such-heading", true),
        ("no-such-page.md", true),
        ("../examples/rpc_handler.rs", false),
        ("https://example.com/no-such-page", false),
    ] {
        assert_eq!(complaint(&page, target).is_some(), broken, "{target}");
    }
}
