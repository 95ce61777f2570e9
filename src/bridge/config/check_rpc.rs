//! What makes no sense in RPC and presence.

use std::collections::HashSet;
use std::time::Duration;

use super::bounds::{Checked, Count, check_text, within};
use super::error::{At, Fault};
use super::{Config, Identity, MqttVersion, Presence, Rpc};
use crate::bridge::topics::names::{check_mqtt_topic, check_prefix};
use crate::limits::MAX_LEVELS;

/// Most tables `rpc.serve`, and as many of `rpc.call`.
pub const MAX_CALLS: usize = 256;

/// Most masks or methods in one list.
pub const MAX_MASKS: usize = 256;

const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const PENDING_MAX: usize = 65_535;

pub(super) fn check_rpc(config: &Config, rpc: &Rpc, identity: &Identity) -> Checked {
    let at = |key| At::key("rpc", key);
    if config.mqtt.version == MqttVersion::V311 {
        let what = "needs MQTT 5, and [mqtt] version is \"3.1.1\"";
        return Err(Fault::new(at(""), what));
    }
    if let Some(prefix) = &identity.rpc_prefix {
        check_own_topic(config, at("prefix"), prefix)?;
        if prefix.ends_with('/') {
            let what = format!("{prefix:?}: expected no `/` at the end");
            return Err(Fault::new(at("prefix"), what));
        }
    }
    within(at("timeout_s"), rpc.timeout, TIMEOUT_MIN, TIMEOUT_MAX)?;
    within(
        at("max_pending"),
        Count(rpc.max_pending),
        Count(1),
        Count(PENDING_MAX),
    )?;
    for (key, count) in [("serve", rpc.serve.len()), ("call", rpc.call.len())] {
        within(at(key), Count(count), Count(0), Count(MAX_CALLS))?;
    }
    for (index, serve) in rpc.serve.iter().enumerate() {
        let at = |key| At::nth("rpc.serve", index, key);
        check_masks(at("clients"), &serve.clients)?;
        check_count(at("methods"), &serve.methods)?;
        for method in &serve.methods {
            check_text(at("methods"), method)?;
            if method != "*" && method.contains('*') {
                let what = format!("{method:?}: `*` stands for all methods, and alone");
                return Err(Fault::new(at("methods"), what));
            }
        }
    }
    let mut methods = HashSet::new();
    for (index, call) in rpc.call.iter().enumerate() {
        let at = |key| At::nth("rpc.call", index, key);
        if call.method.is_empty() {
            return Err(Fault::new(at("method"), "is missing"));
        }
        check_text(at("method"), &call.method)?;
        if call.method.starts_with("bridge.") {
            let what = format!(
                "{:?}: what begins with `bridge.` is the bridge's own",
                call.method
            );
            return Err(Fault::new(at("method"), what));
        }
        if !methods.insert(&call.method) {
            let what = format!("{:?} is there twice", call.method);
            return Err(Fault::new(at("method"), what));
        }
        if call.topic.is_empty() {
            return Err(Fault::new(at("topic"), "is missing"));
        }
        check_own_topic(config, at("topic"), &call.topic)?;
        check_masks(at("callers"), &call.callers)?;
    }
    Ok(())
}

pub(super) fn check_presence(config: &Config, presence: &Presence, identity: &Identity) -> Checked {
    let at = |key| At::key("presence", key);
    if let Some(topic) = &identity.presence_topic {
        check_own_topic(config, at("topic"), topic)?;
    }
    if let Some(prefix) = &presence.registrations {
        let at = at("registrations");
        if prefix.is_empty() {
            return Err(Fault::new(at, "is empty"));
        }
        check_prefix(prefix).map_err(|why| Fault::new(at, why))?;
        check_own_topic(config, at, prefix)?;
    }
    Ok(())
}

/// A topic to which the bridge publishes on its own behalf.
fn check_own_topic(config: &Config, at: At, topic: &str) -> Checked {
    check_mqtt_topic(topic).map_err(|why| Fault::new(at, why))?;
    let prefix = &config.mqtt.origin_prefix;
    let below = topic.strip_prefix(prefix.as_str());
    if !prefix.is_empty() && below.is_some_and(|below| below.starts_with('/')) {
        let what = format!("{topic:?} is below `origin_prefix`, where marked messages are");
        return Err(Fault::new(at, what));
    }
    Ok(())
}

fn check_count(at: At, list: &[String]) -> Checked {
    if list.is_empty() {
        return Err(Fault::new(at, "is missing or empty"));
    }
    within(at, Count(list.len()), Count(1), Count(MAX_MASKS))
}

fn check_masks(at: At, masks: &[String]) -> Checked {
    check_count(at, masks)?;
    for mask in masks {
        check_mask(mask).map_err(|why| Fault::new(at, why))?;
    }
    Ok(())
}

fn check_mask(mask: &str) -> Result<(), String> {
    if mask.is_empty() {
        return Err("an empty mask is nobody's".into());
    }
    if mask.chars().any(char::is_control) {
        return Err(format!("{mask:?} contains a control character"));
    }
    if mask.split('.').nth(MAX_LEVELS).is_some() {
        return Err(format!("{mask:?} has more than {MAX_LEVELS} levels"));
    }
    let mut parts = mask.split('.');
    if parts.any(|part| part == "*") && parts.next().is_some() {
        return Err(format!("{mask:?}: `*` has to be the end"));
    }
    let mut parts = mask.split('.');
    if let Some(part) = parts.find(|part| part.len() > 1 && part.contains(['*', '?'])) {
        return Err(format!(
            "{mask:?}: {part:?} matches nobody; `*` and `?` stand for whole parts of a name"
        ));
    }
    Ok(())
}
