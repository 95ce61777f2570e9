//! Which rules carry a message, what has to be subscribed to, and that no message goes round in
//! circles.

mod conflation;
mod loops;
mod routes;
mod subscriptions;

use super::Rules;
use crate::bridge::config::{Config, Rule};

/// These rules on the bus `dev`.
fn rules(rules: impl IntoIterator<Item = Rule>) -> Rules {
    let mut config = Config::new("/bus.sock", "mqtt://a").expect("an address");
    config.bus.id = Some("dev".into());
    config.rules.extend(rules);
    config.check().expect("a configuration");
    Rules::new(&config, &config.identity().expect("an id")).expect("rules")
}
