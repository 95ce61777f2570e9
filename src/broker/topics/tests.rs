//! Frames with many filters, and what stays valid.

use super::super::internal::origin;
use super::super::origin::Kind;
use super::super::peer::{Channel, Inbox};
use super::*;
use crate::limits::MAX_FILTERS;

fn peer() -> Arc<Peer> {
    let channel = Channel::new(async_channel::bounded(1).0);
    let inbox = Inbox::Channel(channel);
    let origin = origin(Kind::Internal);
    Arc::new(Peer::new(1, "peer".into(), origin, inbox, None))
}

/// Each repetition would be looked up, and twice so with everybody else kept waiting.
#[test]
fn frames_that_name_more_filters_than_a_client_can_have_are_refused() {
    let (topics, peer) = (Topics::new(MAX_FILTERS), peer());
    let set = FilterSet::Subscriptions;
    topics.add(&peer, set, std::iter::once("")).expect("room");
    let many = std::iter::repeat_n("", MAX_FILTERS);
    assert_eq!(topics.add(&peer, set, many.clone()), Ok(()));
    let too_many = std::iter::repeat_n("", MAX_FILTERS + 1);
    let refused = Err(FilterError::Count(MAX_FILTERS));
    assert_eq!(topics.add(&peer, set, too_many.clone()), refused);
    assert_eq!(topics.remove(&peer, set, too_many), refused);
    assert_eq!(topics.receivers("").1.len(), 1);
    assert_eq!(topics.remove(&peer, set, many), Ok(()));
    assert_eq!(topics.receivers("").1.len(), 0);
}

/// The lists of receivers that others remember stay valid.
#[test]
fn what_changes_nothing_costs_nobody_anything() {
    let (topics, peer) = (Topics::new(MAX_FILTERS), peer());
    let set = FilterSet::Subscriptions;
    let before = topics.generation();
    assert_eq!(topics.add(&peer, set, ["a/#"].into_iter()), Ok(()));
    let after = topics.generation();
    assert_ne!(after, before);
    assert_eq!(topics.add(&peer, set, ["a/#/x"].into_iter()), Ok(()));
    assert_eq!(topics.remove(&peer, set, ["b"].into_iter()), Ok(()));
    assert_eq!(topics.generation(), after);
}
