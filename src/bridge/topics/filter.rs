//! MQTT filters (MQTT 5, section 4.7). They differ from those of the bus in two points: `a/#` matches
//! `a`, too, and wildcards at the first level do not match what begins with `$`.
//!
//! All filters here are valid, see `names`.

/// Does the filter match this topic?
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    if begins_with_wildcard(filter) && topic.starts_with('$') {
        return false;
    }
    let (mut levels, mut texts) = (filter.split('/'), topic.split('/'));
    loop {
        match (levels.next(), texts.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(text)) if level == text => {}
            _ => return false,
        }
    }
}

/// Does `wide` match every topic that `narrow` matches? `false` also for the few pairs that are the
/// same in other words, as `+/#` and `#`.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    if begins_with_wildcard(wide) && narrow.starts_with('$') {
        return false;
    }
    let (mut wide, mut narrow) = (wide.split('/'), narrow.split('/'));
    loop {
        match (wide.next(), narrow.next()) {
            (Some("#"), _) | (None, None) => return true,
            (_, Some("#")) => return false,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(other)) if level == other => {}
            _ => return false,
        }
    }
}

/// Is there a topic that both match?
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let apart = |one: &str, other: &str| begins_with_wildcard(one) && other.starts_with('$');
    if apart(one, other) || apart(other, one) {
        return false;
    }
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(level), Some(same)) if level == same => {}
            _ => return false,
        }
    }
}

fn begins_with_wildcard(filter: &str) -> bool {
    filter.starts_with(['+', '#'])
}
