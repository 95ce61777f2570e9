//! What the rights of the plan allow.

use elbus_fuzz::oracle::FILTERS;

use crate::plan::Rights;

/// Without rules, everything is.
pub fn allowed(rules: Option<Vec<&str>>, is_permitted_by: impl Fn(&str) -> bool) -> bool {
    rules.is_none_or(|rules| rules.iter().any(|rule| is_permitted_by(rule)))
}

impl Rights {
    /// Each kind as texts; `None` where everything is allowed.
    pub fn send_texts(&self) -> Option<Vec<&'static str>> {
        let rules = self.send.as_ref()?;
        Some(rules.iter().map(|rule| rule.text()).collect())
    }

    pub fn broadcast_texts(&self) -> Option<Vec<&'static str>> {
        let rules = self.broadcast.as_ref()?;
        Some(rules.iter().map(|rule| rule.text()).collect())
    }

    pub fn publish_texts(&self) -> Option<Vec<&'static str>> {
        let rules = self.publish.as_ref()?;
        Some(rules.iter().map(|rule| rule.text()).collect())
    }

    pub fn subscribe_texts(&self) -> Option<Vec<&'static str>> {
        let rules = self.subscribe.as_ref()?;
        Some(rules.iter().map(|rule| rule.text()).collect())
    }

    pub fn may_subscribe(&self, filter: &str) -> bool {
        allowed(self.subscribe_texts(), |rule| FILTERS.covers(rule, filter))
    }
}
