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

/// Topics for which there are so many bytes.
fn topics(memory: usize) -> Topics {
    Topics::new(MAX_FILTERS, Budget::new(memory))
}

/// Each client has some filters free; what others take does not count for that.
#[test]
fn filters_of_all_clients_together_are_bounded() {
    let topics = topics(64 * 1024);
    let (hog, other) = (peer(), peer());
    let set = FilterSet::Subscriptions;
    let many: Vec<String> = (0..500).map(|i| format!("hog/{i}")).collect();
    let of = |texts: &[String]| texts.to_vec();
    let add = |peer, texts: &[String]| topics.add(peer, set, of(texts).iter().map(String::as_str));
    assert_eq!(add(&hog, &many[..250]), Ok(()));
    assert_eq!(
        add(&other, &many[..50]),
        Ok(()),
        "there is always room for some"
    );
    assert_eq!(add(&other, &many), Err(FilterError::Memory));
    assert_eq!(
        topics.receivers("hog/100").1.len(),
        1,
        "none of the frame has taken effect"
    );
    topics.forget(&hog);
    assert_eq!(add(&other, &many[..250]), Ok(()));
    topics.forget(&other);
    assert_eq!(topics.budget.used(), 0);
}

/// Each repetition would be looked up, and twice so with everybody else kept waiting.
#[test]
fn frames_that_name_more_filters_than_a_client_can_have_are_refused() {
    let (topics, peer) = (topics(usize::MAX), peer());
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
    let (topics, peer) = (topics(usize::MAX), peer());
    let set = FilterSet::Subscriptions;
    let before = topics.generation();
    assert_eq!(topics.add(&peer, set, ["a/#"].into_iter()), Ok(()));
    let after = topics.generation();
    assert_ne!(after, before);
    assert_eq!(topics.add(&peer, set, ["a/#/x"].into_iter()), Ok(()));
    assert_eq!(topics.remove(&peer, set, ["b"].into_iter()), Ok(()));
    assert_eq!(topics.generation(), after);
}
