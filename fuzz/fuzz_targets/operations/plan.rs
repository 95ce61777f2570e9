//! What a fuzzer may have several clients do. Texts come from short lists, so that names, targets and
//! filters have something to do with each other.

use std::fmt;

use arbitrary::Arbitrary;
use elbus::QoS;

/// Clients at a time.
pub const SEATS: usize = 5;

/// The most that one input may ask for. What is beyond is not done.
pub const MAX_STEPS: usize = 48;
const MAX_ACTIONS: usize = 16;
const MAX_TEXTS: usize = 6;

/// 129 levels: one more than a filter may have.
const DEEP: &str = match str::from_utf8(&[b'/'; 128]) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $($text:expr),*;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Arbitrary)]
        pub struct $name(u8);

        impl $name {
            pub fn text(self) -> &'static str {
                const ALL: &[&str] = &[$($text),*];
                ALL[usize::from(self.0) % ALL.len()]
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.text().fmt(f)
            }
        }
    )*};
}

texts! {
    /// Of a client. Not all of them can be had.
    Name: "a", "b", "a.b", "b.c.d", "a%%0", "a%%x.y", "b%%", "a%%0%%1", ".inner", "", "a*";
    /// Of an entry in the access map.
    Account: "a", "b", "a.b", "b.c.d";
    /// Of a message.
    Target: "a", "b", "a.b", "b.c.d", "a%%0", "a%%x.y", "b%%", ".inner", ".broker", "nobody", "", "*";
    /// Of a broadcast.
    Mask: "*", "?", "a", "a.*", "a.?", "?.b", "b.?.d", "b.*", "?.*", "a%%0", "*.x", "", "a%%x.*", ".*";
    Topic: "", "a", "b", "a/b", "a/b/c", "/", "+", "a/#", ".broker/info", ".broker/warn", "b//c";
    Filter: "#", "", "+", "a", "a/#", "a/+", "+/b", "+/#", "+/+", "a/#/x", "a/b/c", "b",
        ".broker/info", ".broker/warn", "#/x", DEEP;
}

#[derive(Debug, Arbitrary)]
pub struct Plan {
    pub setup: Setup,
    pub rights: [Option<Rights>; ACCOUNTS.len()],
    pub cast: [Option<Role>; CAST.len()],
    pub steps: Vec<Step>,
}

/// Who has an entry in the access map from the start.
pub const ACCOUNTS: [&str; 2] = ["a", "b"];

/// Who is there from the start: left to chance, hardly anybody would ever meet a secondary of
/// somebody.
pub const CAST: [&str; 4] = ["a", "b", "a%%0", "a.b"];

/// One of those.
#[derive(Debug, Arbitrary)]
pub struct Role {
    pub transport: Transport,
    pub subscription: Filter,
}

#[derive(Debug, Arbitrary)]
pub struct Setup {
    pub queue: Queue,
    /// Whether there is a `.broker`, and therefore announcements.
    pub has_core: bool,
}

/// How much may wait for a client: from next to nothing to what is the default.
#[derive(Debug, Arbitrary)]
pub enum Queue {
    Tiny,
    Small,
    Usual,
}

#[derive(Debug, Arbitrary)]
pub enum Step {
    Join {
        seat: Seat,
        name: Name,
        transport: Transport,
    },
    Act {
        seat: Seat,
        actions: Vec<Action>,
        /// Where what is written is cut in two, in bytes.
        cut: u16,
    },
    /// Two clients act at the same time.
    Rush {
        seats: [Seat; 2],
        actions: [Vec<Action>; 2],
        cut: u16,
    },
    Leave {
        seat: Seat,
        how: Leaving,
    },
    /// An entry of the access map is replaced, or removed.
    Grant {
        account: Account,
        rights: Option<Rights>,
        /// Whether the broker is told to look.
        refresh: bool,
    },
}

/// A client of the plan, whatever its name.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub struct Seat(u8);

impl Seat {
    pub fn index(self) -> usize {
        usize::from(self.0) % SEATS
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub enum Transport {
    Internal,
    /// A listener where everybody may do everything.
    Open,
    /// A listener with an access map.
    Guarded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub enum Leaving {
    /// By itself: unregisters, or closes its sending side.
    Orderly,
    /// A client of this process is dropped; the broker disconnects others.
    Abrupt,
}

#[derive(Debug, Clone, Arbitrary)]
pub struct Rights {
    pub send: Option<Vec<Mask>>,
    pub broadcast: Option<Vec<Mask>>,
    pub publish: Option<Vec<Filter>>,
    pub subscribe: Option<Vec<Filter>>,
}

#[derive(Debug, Arbitrary)]
pub struct Action {
    pub what: What,
    pub qos: Quality,
    /// How often, less one: clients that send much send much of the same.
    times: u8,
}

#[derive(Debug, Arbitrary)]
pub enum What {
    Message(Target, Size),
    Broadcast(Mask, Size),
    Publish(Topic, Size),
    PublishFor(Topic, Target, Size),
    Subscribe(Filter, Vec<Filter>),
    Unsubscribe(Filter, Vec<Filter>),
    Exclude(Filter, Vec<Filter>),
    Unexclude(Filter, Vec<Filter>),
    Ping,
    /// What is not the protocol. Ends the connection.
    Garbage,
}

/// The length of a payload: within the frame, shared by receivers, received by itself.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Size {
    Empty,
    Short(u8),
    Shared,
    Large,
}

impl Size {
    pub fn bytes(self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Short(bytes) => bytes.into(),
            Self::Shared => 5_000,
            Self::Large => 70_000,
        }
    }
}

#[derive(Clone, Copy, Arbitrary)]
pub struct Quality(u8);

impl Quality {
    pub fn qos(self) -> QoS {
        QoS::try_from(self.0 % 4).expect("one of four")
    }
}

impl fmt::Debug for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.qos().fmt(f)
    }
}

impl Action {
    pub fn times(&self) -> usize {
        match self.times {
            // Enough for a run that is shared by its receivers.
            255 => 64,
            times => 1 + usize::from(times % 8),
        }
    }
}

/// Those that are carried out.
pub fn within_bounds(actions: &[Action]) -> &[Action] {
    &actions[..actions.len().min(MAX_ACTIONS)]
}

/// The texts of one frame.
pub fn texts(first: Filter, others: &[Filter]) -> Vec<&'static str> {
    let others = others.iter().take(MAX_TEXTS).map(|filter| filter.text());
    std::iter::once(first.text()).chain(others).collect()
}
