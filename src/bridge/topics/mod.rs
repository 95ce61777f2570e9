//! Topics on both sides: which names and filters there can be, what MQTT filters match, how a topic of
//! one side is called on the other.
//!
//! Pure functions on texts; nothing recurses. The filters of the bus are matched by what the broker
//! matches them with.
//!
//! | file | job |
//! |---|---|
//! | `names` | which texts can be topics, filters, prefixes |
//! | `filter` | MQTT filters: what they match, cover, have in common |
//! | `mapping` | prefixes: topics and filters of one side as the other one's |

pub(super) mod filter;
pub(super) mod mapping;
pub(super) mod names;
#[cfg(test)]
mod tests;
