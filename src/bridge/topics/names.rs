//! Which texts can be topics, filters and prefixes, on the bus and upstream.

use crate::limits::MAX_LEVELS;

/// Longest topic and filter of MQTT, in bytes: their length has 16 bits on the wire.
pub(crate) const MAX_TOPIC_BYTES: usize = u16::MAX as usize;

/// Topics of the broker itself: they are what it says they are only if nobody else publishes there.
const BROKER: &str = ".broker";

/// Subscriptions that several clients share: each message is for one of them, so a bridge would get
/// some, and could not refuse its own.
const SHARED: &str = "$share/";

/// Is this a topic of the broker itself?
pub(crate) fn is_of_broker(topic: &str) -> bool {
    let below = topic.strip_prefix(BROKER);
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Can something be published to this topic of the bus? Without an allocation: messages are asked.
pub(crate) fn is_bus_topic(topic: &str) -> bool {
    topic.len() <= MAX_TOPIC_BYTES && !topic.contains('\0') && !has_too_many_levels(topic)
}

/// Can something be published to this topic of MQTT? Those that begin with `$` belong to the broker
/// there.
pub(crate) fn is_mqtt_topic(topic: &str) -> bool {
    !topic.is_empty()
        && topic.len() <= MAX_TOPIC_BYTES
        && !topic.starts_with('$')
        && !topic.contains(['\0', '+', '#'])
        && !has_too_many_levels(topic)
}

/// Says why this cannot be a topic of MQTT to publish to.
pub(crate) fn check_mqtt_topic(topic: &str) -> Result<(), String> {
    check_text(topic)?;
    if topic.is_empty() {
        return Err("a topic of MQTT is not empty".into());
    }
    if topic.starts_with('$') {
        return Err(format!(
            "{topic:?}: topics that begin with `$` belong to the MQTT broker"
        ));
    }
    if topic.contains(['+', '#']) {
        return Err(format!("{topic:?}: a topic has no wildcards"));
    }
    Ok(())
}

/// Says why this cannot be a filter of the bus.
pub(crate) fn check_bus_filter(filter: &str) -> Result<(), String> {
    check_text(filter)?;
    check_rest(filter)
}

/// Says why this cannot be a filter of MQTT.
pub(crate) fn check_mqtt_filter(filter: &str) -> Result<(), String> {
    check_text(filter)?;
    if filter.is_empty() {
        return Err("a filter of MQTT is not empty".into());
    }
    if filter.starts_with(SHARED) {
        return Err(format!(
            "{filter:?}: a bridge cannot share its subscriptions"
        ));
    }
    check_rest(filter)?;
    let wildcards = |level: &&str| level.len() > 1 && level.contains(['+', '#']);
    if let Some(level) = filter.split('/').find(wildcards) {
        return Err(format!(
            "{filter:?}: {level:?} is no level of MQTT; `+` and `#` stand for whole levels"
        ));
    }
    Ok(())
}

/// Says why this cannot be put in front of topics.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), String> {
    check_text(prefix)?;
    if prefix.contains(['+', '#']) {
        return Err(format!("{prefix:?}: a prefix has no wildcards"));
    }
    if !prefix.is_empty() && !prefix.ends_with('/') {
        return Err(format!("{prefix:?}: a prefix ends with `/`"));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), String> {
    if text.len() > MAX_TOPIC_BYTES {
        return Err(format!("is longer than {MAX_TOPIC_BYTES} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{text:?} contains a control character"));
    }
    if has_too_many_levels(text) {
        return Err(format!("{text:?} has more than {MAX_LEVELS} levels"));
    }
    Ok(())
}

fn check_rest(filter: &str) -> Result<(), String> {
    let mut levels = filter.split('/');
    if levels.any(|level| level == "#") && levels.next().is_some() {
        return Err(format!("{filter:?}: `#` has to be the end"));
    }
    Ok(())
}

fn has_too_many_levels(text: &str) -> bool {
    text.split('/').nth(MAX_LEVELS).is_some()
}
