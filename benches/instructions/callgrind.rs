//! Reads what callgrind writes: how many instructions each function took, without those of the
//! functions it called. What was inlined counts as the function's own.

use std::collections::HashMap;
use std::path::Path;

/// Instructions by function.
pub type Profile = HashMap<String, u64>;

/// Reads a profile.
///
/// A function is named in full where it first occurs, `fn=(4) name`, and by its number from then
/// on. A line that starts with a position and has a number of instructions belongs to the function
/// named last, unless it follows a line `calls=`: then it is what the called function took.
pub fn read(path: &Path) -> std::io::Result<Profile> {
    let text = std::fs::read(path)?;
    let mut names: HashMap<String, String> = HashMap::new();
    let mut profile = Profile::new();
    let mut function = String::new();
    let mut of_callee = false;
    for line in String::from_utf8_lossy(&text).lines() {
        if let Some((key, name)) = named(line) {
            let (number, name) = name.split_once(' ').unwrap_or((name, ""));
            if !name.is_empty() {
                names.insert(number.to_owned(), name.to_owned());
            }
            if key == "fn" {
                function = names.get(number).cloned().unwrap_or_default();
            }
        } else if line.starts_with("calls=") {
            of_callee = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
            if !std::mem::take(&mut of_callee) {
                *profile.entry(function.clone()).or_default() += cost.unwrap_or(0);
            }
        }
    }
    Ok(profile)
}

/// The parts of a line that names the present function, or one that is called.
fn named(line: &str) -> Option<(&str, &str)> {
    line.split_once('=')
        .filter(|(key, _)| matches!(*key, "fn" | "cfn"))
}

/// Instructions per frame: what `twice` has more than `once`, by function, the largest first.
pub fn difference(once: &Profile, twice: &Profile, frames: usize) -> Vec<(String, f64)> {
    let per_frame = |name: &String, cost: u64| {
        let before = once.get(name).copied().unwrap_or(0);
        (cost as f64 - before as f64) / frames as f64
    };
    let mut list: Vec<_> = twice
        .iter()
        .map(|(name, cost)| (name.clone(), per_frame(name, *cost)))
        .collect();
    list.sort_by(|a, b| b.1.total_cmp(&a.1));
    list
}
