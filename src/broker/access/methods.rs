//! The methods of `.broker`, as far as rights are concerned.

/// A method of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) enum Method {
    Test,
    Info,
    Stats,
    BenchmarkTest,
    ClientList,
    ClientKick,
    TopicList,
}

impl Method {
    const ALL: [Self; 7] = [
        Self::Test,
        Self::Info,
        Self::Stats,
        Self::BenchmarkTest,
        Self::ClientList,
        Self::ClientKick,
        Self::TopicList,
    ];

    pub(in crate::broker) fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Info => "info",
            Self::Stats => "stats",
            Self::BenchmarkTest => "benchmark.test",
            Self::ClientList => "client.list",
            Self::ClientKick => "client.kick",
            Self::TopicList => "topic.list",
        }
    }

    pub(in crate::broker) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// It shows or does what concerns others than its caller.
    pub(in crate::broker) fn is_guarded(self) -> bool {
        matches!(self, Self::ClientKick | Self::TopicList)
    }
}

/// The names of all methods of the broker.
pub fn broker_methods() -> impl Iterator<Item = &'static str> {
    Method::ALL.into_iter().map(Method::as_str)
}

/// The names of the broker's methods to which a client needs a right of its own, see
/// [`ClientAaa::allow_broker_methods`](super::ClientAaa::allow_broker_methods).
pub fn guarded_methods() -> impl Iterator<Item = &'static str> {
    let guarded = Method::ALL.into_iter().filter(|method| method.is_guarded());
    guarded.map(Method::as_str)
}

/// Some of the methods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Methods(u8);

impl Methods {
    /// Those of these names. Other names have no effect.
    pub(super) fn named(names: &[&str]) -> Self {
        let known = names.iter().filter_map(|name| Method::named(name));
        Self(known.fold(0, |set, method| set | 1 << method as u8))
    }

    pub(super) fn contains(self, method: Method) -> bool {
        self.0 & 1 << method as u8 != 0
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}
