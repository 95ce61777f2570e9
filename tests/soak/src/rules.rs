//! The configuration file of the broker: everybody may do everything, but for one client whose right
//! comes and goes.

use std::path::Path;

use anyhow::{Context, Result};

/// May publish to one of two topics, see [`write`].
pub const PROBE: &str = "soak.probe";
pub const PROBE_TOPICS: [&str; 2] = ["probe/even", "probe/odd"];

/// Writes rules for these clients; the number says to which of its topics the probe may publish, and
/// how many others there are that nobody uses.
pub fn write(path: &Path, names: &[String], number: usize) -> Result<()> {
    let mut text = String::new();
    for name in names {
        text += &format!(
            "[clients.\"{name}\"]\nhosts = ['127.0.0.1']\nsend = ['*']\nbroadcast = ['*']\n\
             publish = ['#']\nsubscribe = ['#']\nbroker_methods = ['topic.list', 'client.kick']\n"
        );
    }
    let topic = PROBE_TOPICS[number % 2];
    text += &format!("[clients.\"{PROBE}\"]\npublish = ['{topic}']\n");
    for unused in 0..number % 7 {
        text += &format!("[clients.\"unused.{unused}\"]\nsend = ['*']\n");
    }
    replace(path, &text)
}

/// Writes a file that is cut off in the middle.
pub fn write_broken(path: &Path) -> Result<()> {
    replace(path, "[clients.\"soak.control\"]\nsend = ['")
}

/// In one step, so that nobody sees a half of it.
fn replace(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text)
        .and_then(|()| std::fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
