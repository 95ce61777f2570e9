//! The texts in a configuration file: client names, masks, topic filters, networks, users, methods. What
//! cannot be meant is refused where it stands, and so is what would grant more than it seems to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use elbus::address::Address;
use elbus::broker::{IpNetwork, broker_methods};
use elbus::limits::MAX_LEVELS;
use elbus::protocol::names::{check_name, is_secondary};
use ipnet::IpNet;

use crate::values::{account, bind_address, group_id};

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// A method of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerMethod(String);

impl FromStr for BrokerMethod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if broker_methods().all(|method| method != text) {
            let known: Vec<&str> = broker_methods().collect();
            return Err(format!("{text:?} is none of {}", known.join(", ")));
        }
        Ok(Self(text.into()))
    }
}

/// An address to listen on, as `-B` takes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BindAddress(String);

impl BindAddress {
    pub fn address(&self) -> Address {
        Address::parse_server(&self.0)
    }
}

impl FromStr for BindAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        bind_address(text).map_err(|error| format!("{text:?}: {error}"))?;
        Ok(Self(text.into()))
    }
}

/// Allows what it names, or, with a `!` in front, denies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule<T> {
    pub denies: bool,
    pub what: T,
}

/// A rule for TCP peers.
pub type HostRule = Rule<Network>;

impl<T: FromStr<Err = String>> FromStr for Rule<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (denies, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let what = text.parse()?;
        Ok(Self { denies, what })
    }
}

impl<T: fmt::Display> fmt::Display for Rule<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.denies { "!" } else { "" };
        write!(f, "{sign}{}", self.what)
    }
}

/// What of the rules is allowed, and what is denied, as texts.
pub struct Sides<'a> {
    pub allowed: Vec<&'a str>,
    pub denied: Vec<&'a str>,
}

impl<'a> Sides<'a> {
    pub fn of<T: AsRef<str>>(rules: &'a [Rule<T>]) -> Self {
        let side = |denies| {
            let rules = rules.iter().filter(move |rule| rule.denies == denies);
            rules.map(|rule| rule.what.as_ref()).collect()
        };
        Self {
            allowed: side(false),
            denied: side(true),
        }
    }
}

/// The networks that are allowed, or those that are denied.
pub fn networks(rules: &[HostRule], denies: bool) -> Vec<IpNetwork> {
    let rules = rules.iter().filter(|rule| rule.denies == denies);
    rules.map(|rule| rule.what.to_broker()).collect()
}

/// A user or a group of this machine, or `*`, which is everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// As it was written.
    text: String,
    /// `None`: everybody.
    pub id: Option<u32>,
}

impl Local {
    fn read(text: &str, id: impl Fn(&str) -> Result<u32, String>) -> Result<Self, String> {
        let id = match text {
            "*" => None,
            name => Some(id(name).map_err(|error| format!("{name:?}: {error}"))?),
        };
        Ok(Self {
            text: text.into(),
            id,
        })
    }
}

/// A user, by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRule(pub Local);

impl FromStr for UserRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Local::read(text, |name| account(name).map(|account| account.uid)).map(Self)
    }
}

/// A group, by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRule(pub Local);

impl FromStr for GroupRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Local::read(text, group_id).map(Self)
    }
}

impl fmt::Display for UserRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Display for GroupRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

/// The texts as the broker takes them.
pub fn texts(values: &[impl AsRef<str>]) -> Vec<&str> {
    values.iter().map(AsRef::as_ref).collect()
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

shown_as_text!(ClientName, BindAddress, Mask, TopicFilter, BrokerMethod);

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
        accepts::<BrokerMethod>(&["client.kick", "topic.list", "test", "client.list"]);
        refuses::<BrokerMethod>(&["", "*", "client.*", "Client.kick", "!test"]);
    }

    #[test]
    fn rules_that_deny() {
        let rule: Rule<Mask> = "!plc.*".parse().expect("a mask");
        assert!(rule.denies && rule.what.as_ref() == "plc.*");
        assert_eq!(rule.to_string(), "!plc.*");
        refuses::<Rule<Mask>>(&["!", "", "!a*"]);
        refuses::<HostRule>(&["!", "!!::1", "! ::1"]);
    }

    #[test]
    fn users_and_groups() {
        for (text, id) in [("root", Some(0)), ("4711", Some(4711)), ("*", None)] {
            let rule: UserRule = text.parse().expect("a user");
            assert_eq!(rule.0.id, id);
            assert_eq!(rule.to_string(), text);
        }
        accepts::<GroupRule>(&["root", "0", "*"]);
        refuses::<UserRule>(&["", "no such user", "-1", "!root"]);
        refuses::<GroupRule>(&["", "no such group"]);
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
