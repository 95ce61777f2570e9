//! A broker as plain as it can be: who must receive what, in which order, and which codes are
//! answered (protocol, sections 3 to 7 and 15.4). Shares no code with the real one.

use std::collections::{BTreeMap, BTreeSet};

use elbus::broker::{BROKER_INFO_TOPIC, BROKER_NAME, BROKER_WARN_TOPIC};
use elbus::{FrameKind, QoS};
use elbus_fuzz::oracle::{FILTERS, MASKS};

use crate::event::{Event, Payload};
use crate::plan::{Rights, SEATS, Setup, Transport};
use crate::request::{Operation, Request};
use crate::rights::allowed;

const OK: u8 = 0x01;
const NOT_REGISTERED: u8 = 0x71;
const DATA: u8 = 0x72;
const BUSY: u8 = 0x76;
const ACCESS: u8 = 0x79;

const MAX_LEVELS: usize = 128;

pub struct Client {
    pub name: &'static str,
    pub transport: Transport,
    /// All that it must have seen by now.
    pub expected: Vec<Event>,
    /// Registered no more; what was queued before still reaches it.
    pub is_gone: bool,
    subscriptions: BTreeSet<String>,
    exclusions: BTreeSet<String>,
    /// As they were when the broker looked last, with the number of that entry.
    rights: Option<(u64, Rights)>,
}

/// See the top of this file.
pub struct Model {
    pub seats: [Option<Client>; SEATS],
    has_core: bool,
    accounts: BTreeMap<&'static str, (u64, Rights)>,
    entries_made: u64,
    /// Frames of clients.
    received: u64,
    /// Frames and acks for clients that are not there any more.
    queued: u64,
}

fn primary(name: &str) -> &str {
    name.split("%%").next().unwrap_or(name)
}

fn is_secondary(name: &str) -> bool {
    name.contains("%%")
}

impl Model {
    pub fn new(setup: &Setup) -> Self {
        Self {
            seats: Default::default(),
            has_core: setup.has_core,
            accounts: BTreeMap::new(),
            entries_made: 0,
            received: 0,
            queued: 0,
        }
    }

    fn is_internal(&self, name: &str) -> bool {
        let mut seated = self.seats.iter().flatten();
        seated.any(|client| client.name == name && client.transport == Transport::Internal)
    }

    /// Those that are registered.
    fn clients(&mut self) -> impl Iterator<Item = &mut Client> {
        let seated = self.seats.iter_mut().flatten();
        seated.filter(|client| !client.is_gone)
    }

    /// Registers a client at a free seat, or tells the code with which it is refused.
    pub fn join(&mut self, seat: usize, name: &'static str, transport: Transport) -> u8 {
        let is_internal = transport == Transport::Internal;
        let is_reserved = name.starts_with('.') && !is_internal;
        if name.is_empty() || name.contains('*') || is_reserved {
            return DATA;
        }
        let rights = self.accounts.get(primary(name)).cloned();
        let is_guarded = transport == Transport::Guarded;
        if is_guarded && rights.is_none() {
            return ACCESS;
        }
        if self.clients().any(|client| client.name == name) {
            return BUSY;
        }
        let has_primary = self.clients().any(|client| client.name == primary(name));
        if is_secondary(name) && !has_primary {
            return NOT_REGISTERED;
        }
        let warnings = (!is_internal).then(|| BROKER_WARN_TOPIC.to_owned());
        self.seats[seat] = Some(Client {
            name,
            transport,
            expected: Vec::new(),
            is_gone: false,
            subscriptions: warnings.into_iter().collect(),
            exclusions: BTreeSet::new(),
            rights: rights.filter(|_| is_guarded),
        });
        self.announce("reg", name);
        OK
    }

    fn announce(&mut self, subject: &str, name: &str) {
        if !self.has_core || is_secondary(name) {
            return;
        }
        let event = Event::Announced {
            subject: subject.into(),
            name: name.into(),
        };
        for client in self.clients() {
            if client.wants(BROKER_INFO_TOPIC) {
                client.expected.push(event.clone());
            }
        }
    }

    /// Unregisters the client, and its secondaries with it.
    pub fn leave(&mut self, seat: usize, is_announced: bool) {
        let Some(client) = &mut self.seats[seat] else {
            return;
        };
        if std::mem::replace(&mut client.is_gone, true) {
            return;
        }
        let name = client.name;
        if !is_secondary(name) {
            for other in self.clients() {
                other.is_gone |= primary(other.name) == name;
            }
        }
        if is_announced {
            self.announce("unreg", name);
        }
    }

    pub fn grant(&mut self, account: &'static str, rights: Option<Rights>) {
        self.entries_made += 1;
        match rights {
            Some(rights) => self.accounts.insert(account, (self.entries_made, rights)),
            None => self.accounts.remove(account),
        };
    }

    /// Whether somebody has lost its entry and is still there.
    pub fn has_unwelcome(&self) -> bool {
        (0..SEATS).any(|seat| !self.is_welcome(seat))
    }

    pub fn is_welcome(&self, seat: usize) -> bool {
        let client = self.seats[seat].as_ref();
        client.is_none_or(|client| {
            client.rights.is_none() || self.accounts.contains_key(primary(client.name))
        })
    }

    /// How much each has to have seen by now.
    pub fn expected_counts(&self) -> Vec<usize> {
        let count = |seat: &Option<Client>| seat.as_ref().map_or(0, |c| c.expected.len());
        self.seats.iter().map(count).collect()
    }

    /// Frames that clients have sent, and what was queued for them in all.
    pub fn counted(&self) -> (u64, u64) {
        let present: usize = self.expected_counts().iter().sum();
        (self.received, self.queued + present as u64)
    }

    /// Forgets a client that has gone.
    pub fn bury(&mut self, seat: usize) {
        let buried = self.seats[seat].take();
        self.queued += buried.map_or(0, |client| client.expected.len() as u64);
    }

    /// The broker looks at the entries of all, and only then sends away those who have to go.
    pub fn refresh_all(&mut self) {
        let unwelcome = (0..SEATS).filter(|seat| !self.refresh(*seat));
        for seat in unwelcome.collect::<Vec<_>>() {
            self.leave(seat, true);
        }
    }

    /// The broker looks at the entry of a client; false if there is none any more.
    fn refresh(&mut self, seat: usize) -> bool {
        let Some(client) = &mut self.seats[seat] else {
            return true;
        };
        let Some((number, _)) = &client.rights else {
            return true;
        };
        let Some((current, rights)) = self.accounts.get(primary(client.name)) else {
            return false;
        };
        if number != current {
            let keeps =
                |filter: &String| filter == BROKER_WARN_TOPIC || rights.may_subscribe(filter);
            client.subscriptions.retain(keeps);
            client.rights = Some((*current, rights.clone()));
        }
        true
    }

    /// What a batch of frames starts with. False if the client is sent away instead.
    pub fn begin(&mut self, seat: usize) -> bool {
        let is_welcome = self.refresh(seat);
        if !is_welcome {
            self.leave(seat, true);
        }
        is_welcome
    }

    /// Carries out an operation, acknowledges it where that is asked for, and tells its code.
    pub fn carry_out(&mut self, seat: usize, request: &Request) -> u8 {
        let Request {
            op_id,
            qos,
            ref operation,
        } = *request;
        let Some(client) = &self.seats[seat] else {
            return NOT_REGISTERED;
        };
        let (sender, rights) = (client.name, client.rights.clone());
        let rights = rights.map(|(_, rights)| rights);
        let code = match operation {
            Operation::Message(..)
            | Operation::Broadcast(..)
            | Operation::Publish(..)
            | Operation::PublishFor(..) => self.deliver(sender, rights, qos, operation),
            Operation::Subscribe(filters) => self.add(seat, rights.as_ref(), filters),
            Operation::Exclude(filters) => self.add_exclusions(seat, filters),
            Operation::Unsubscribe(filters) => self.remove(seat, filters, false),
            Operation::Unexclude(filters) => self.remove(seat, filters, true),
            Operation::Ping => return OK,
        };
        self.received += 1;
        if let Some(client) = &mut self.seats[seat]
            && client.transport != Transport::Internal
            && matches!(qos, QoS::Processed | QoS::RealtimeProcessed)
        {
            client.expected.push(Event::Ack { op_id, code });
        }
        code
    }

    fn deliver(
        &mut self,
        sender: &str,
        rights: Option<Rights>,
        qos: QoS,
        operation: &Operation,
    ) -> u8 {
        let (is_allowed, kind, topic, payload) = match operation {
            Operation::Message(target, payload) => {
                let rules = rights.and_then(|rights| rights.send_texts());
                let is_allowed = allowed(rules, |rule| MASKS.matches(rule, target));
                (is_allowed, FrameKind::Message, None, payload)
            }
            Operation::Broadcast(mask, payload) => {
                let rules = rights.and_then(|rights| rights.broadcast_texts());
                let is_allowed = allowed(rules, |rule| MASKS.covers(rule, mask));
                (is_allowed, FrameKind::Broadcast, None, payload)
            }
            Operation::Publish(topic, payload) | Operation::PublishFor(topic, _, payload) => {
                let rules = rights.and_then(|rights| rights.publish_texts());
                // What the broker announces, nobody beyond its process can imitate.
                let is_reserved = *topic == BROKER_NAME || topic.starts_with(".broker/");
                let is_allowed = (!is_reserved || self.is_internal(sender))
                    && allowed(rules, |rule| FILTERS.matches(rule, topic));
                (is_allowed, FrameKind::Publish, Some(*topic), payload)
            }
            _ => return DATA,
        };
        if !is_allowed {
            return ACCESS;
        }
        let event = Event::Frame {
            kind,
            realtime: matches!(qos, QoS::Realtime | QoS::RealtimeProcessed),
            sender: sender.into(),
            topic: topic.map(str::to_owned),
            payload: Payload(payload.clone()),
        };
        let mut receivers = 0;
        for client in self.clients() {
            if client.is_meant_by(operation) {
                client.expected.push(event.clone());
                receivers += 1;
            }
        }
        match operation {
            // It takes what is no call without a word.
            Operation::Message(BROKER_NAME, _) if self.has_core => OK,
            Operation::Message(..) if receivers == 0 => NOT_REGISTERED,
            _ => OK,
        }
    }

    fn add(&mut self, seat: usize, rights: Option<&Rights>, filters: &[&str]) -> u8 {
        let Some(client) = &mut self.seats[seat] else {
            return NOT_REGISTERED;
        };
        let may = |filter: &&str| rights.is_none_or(|rights| rights.may_subscribe(filter));
        let permitted: Vec<&str> = filters.iter().copied().filter(may).collect();
        let is_whole = permitted.len() == filters.len();
        let fits = extend(&mut client.subscriptions, &permitted);
        match (is_whole, fits) {
            (false, _) => ACCESS,
            (true, false) => DATA,
            (true, true) => OK,
        }
    }

    fn add_exclusions(&mut self, seat: usize, filters: &[&str]) -> u8 {
        let Some(client) = &mut self.seats[seat] else {
            return NOT_REGISTERED;
        };
        match extend(&mut client.exclusions, filters) {
            true => OK,
            false => DATA,
        }
    }

    fn remove(&mut self, seat: usize, filters: &[&str], are_exclusions: bool) -> u8 {
        let Some(client) = &mut self.seats[seat] else {
            return NOT_REGISTERED;
        };
        let set = match are_exclusions {
            true => &mut client.exclusions,
            false => &mut client.subscriptions,
        };
        for filter in filters {
            set.remove(&FILTERS.normal(filter));
        }
        OK
    }
}

/// All of them, or none if one has too many levels.
fn extend(set: &mut BTreeSet<String>, filters: &[&str]) -> bool {
    let filters: Vec<String> = filters.iter().map(|text| FILTERS.normal(text)).collect();
    let fits = |filter: &String| filter.split('/').count() <= MAX_LEVELS;
    let all_fit = filters.iter().all(fits);
    if all_fit {
        set.extend(filters);
    }
    all_fit
}

impl Client {
    fn wants(&self, topic: &str) -> bool {
        let in_set = |set: &BTreeSet<String>| set.iter().any(|key| FILTERS.matches(key, topic));
        in_set(&self.subscriptions) && !in_set(&self.exclusions)
    }

    fn is_meant_by(&self, operation: &Operation) -> bool {
        match operation {
            Operation::Message(target, _) => self.name == *target,
            Operation::Broadcast(mask, _) => MASKS.matches(mask, self.name),
            Operation::Publish(topic, _) => self.wants(topic),
            Operation::PublishFor(topic, receiver, _) => {
                primary(self.name) == *receiver && self.wants(topic)
            }
            _ => false,
        }
    }
}
