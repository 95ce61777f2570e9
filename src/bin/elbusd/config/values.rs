//! The texts in a configuration file: client names, masks, topic filters, networks, methods. What cannot
//! be meant is refused where it stands, and so is what would grant more than it seems to.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::str::FromStr;

use elbus::broker::{IpNetwork, guarded_methods};
use elbus::limits::MAX_LEVELS;
use elbus::protocol::names::{check_name, is_secondary};
use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// The name of a client that is no secondary. A name is no mask: nobody but the client of this very
/// name gets its rights.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientName(String);

impl FromStr for ClientName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        check_name(text, false).map_err(|error| format!("{text:?} cannot be a client: {error}"))?;
        if is_secondary(text) {
            return Err(format!(
                "{text:?} is a secondary client, and those have the rights of their primary"
            ));
        }
        Ok(Self(text.into()))
    }
}

/// Names of clients: `plc.*`, `plc.?.io`, `.broker` (protocol, section 7.2).
#[derive(Debug, PartialEq, Eq)]
pub struct Mask(String);

impl FromStr for Mask {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty mask is nobody's".into());
        }
        check_pattern(text, '.', "*")?;
        let is_wildcard = |part: &str| part == "*" || part == "?";
        if let Some(part) = text
            .split('.')
            .find(|part| part.contains(['*', '?']) && !is_wildcard(part))
        {
            return Err(format!(
                "{text:?}: {part:?} matches nobody; `*` and `?` stand for whole parts of a name"
            ));
        }
        Ok(Self(text.into()))
    }
}

/// Topics: `plant/#`, `plant/+/level`, `.broker/info` (protocol, section 7.1).
#[derive(Debug, PartialEq, Eq)]
pub struct TopicFilter(String);

impl FromStr for TopicFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        check_pattern(text, '/', "#")?;
        Ok(Self(text.into()))
    }
}

/// What masks and filters have in common. The broker ignores what follows a wildcard for the rest,
/// so `plant/#/public` would open all of `plant/#`.
fn check_pattern(text: &str, separator: char, rest: &str) -> Result<(), String> {
    if text.chars().any(char::is_control) {
        return Err(format!("{text:?} contains a control character"));
    }
    if text.split(separator).count() > MAX_LEVELS {
        return Err(format!("{text:?} has more than {MAX_LEVELS} levels"));
    }
    let mut levels = text.split(separator);
    if levels.any(|level| level == rest) && levels.next().is_some() {
        return Err(format!("{text:?}: `{rest}` has to be the end"));
    }
    Ok(())
}

/// One address, or a network in CIDR notation.
#[derive(Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    pub fn to_broker(&self) -> IpNetwork {
        IpNetwork::from(self.0)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text
            .parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| {
                format!("{text:?} is neither an IP address nor a network, as in 10.0.0.0/8")
            })?;
        let whole = network.trunc();
        if network != whole {
            // Could be meant as one address, and would be 65,536 of them.
            let address = network.addr();
            return Err(format!(
                "{text:?} is ambiguous: the network is {whole}, the address {address}"
            ));
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A method of the broker that takes a right of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct BrokerMethod(String);

impl FromStr for BrokerMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if guarded_methods().all(|method| method != text) {
            let guarded: Vec<&str> = guarded_methods().collect();
            return Err(format!(
                "{text:?} is none of {}; all other methods of the broker come with `send = \
                 [\".broker\"]`",
                guarded.join(", ")
            ));
        }
        Ok(Self(text.into()))
    }
}

/// The patterns as the broker takes them.
pub fn texts(patterns: &[impl AsRef<str>]) -> Vec<&str> {
    patterns.iter().map(AsRef::as_ref).collect()
}

/// Reads a value from its text inside the deserializer, which then knows the place of what is wrong
/// with it.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! read_from_text {
    ($($value:ty),*) => {$(
        impl<'de> Deserialize<'de> for $value {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData))
            }
        }
    )*};
}

macro_rules! shown_as_text {
    ($($value:ty),*) => {$(
        impl AsRef<str> for $value {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $value {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

read_from_text!(ClientName, Mask, TopicFilter, Network, BrokerMethod);
shown_as_text!(ClientName, Mask, TopicFilter, BrokerMethod);

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<T: FromStr<Err = String>>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_ok(), "{text:?}");
        }
    }

    fn refuses<T: FromStr<Err = String>>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn h10_client_names_are_no_masks() {
        accepts::<ClientName>(&["a", "plc.line 1", "%", "ü"]);
        refuses::<ClientName>(&["", "*", "plc.*", "?", "a?", ".broker", "a%%", "a%%b", "a\n"]);
    }

    #[test]
    fn masks() {
        accepts::<Mask>(&["*", "?", "a", "a.*", "?.a", "a.?.b", ".broker", "a%%b"]);
        refuses::<Mask>(&["", "a*", "a.b*", "*.a", "a.*.b", "**", "a.??", "a\0"]);
        refuses::<Mask>(&[&".".repeat(MAX_LEVELS)]);
    }

    #[test]
    fn topic_filters() {
        accepts::<TopicFilter>(&[
            "",
            "#",
            "+",
            "a/#",
            "+/a",
            "+/+",
            "a+",
            "c#/a",
            ".broker/info",
        ]);
        refuses::<TopicFilter>(&["#/a", "a/#/b", "#/", "#/#", "a\n"]);
        refuses::<TopicFilter>(&[&"/".repeat(MAX_LEVELS)]);
    }

    #[test]
    fn broker_methods() {
        accepts::<BrokerMethod>(&["client.kick", "topic.list"]);
        refuses::<BrokerMethod>(&["", "test", "client.list", "*", "client.*", "Client.kick"]);
    }

    #[test]
    fn networks() {
        accepts::<Network>(&[
            "10.0.0.0/8",
            "192.168.1.7",
            "::1",
            "fd00::/8",
            "0.0.0.0/0",
            "::/0",
        ]);
        refuses::<Network>(&["", "localhost", "10.0.0.0/33", "10.0.0", "192.168.1.7/16"]);
        refuses::<Network>(&["::1/64", "*", "10.0.0.0/8 "]);
    }
}
