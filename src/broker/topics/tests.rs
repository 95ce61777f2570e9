//! Frames with many filters, and what stays valid.

use super::super::internal::origin;
use super::super::origin::Kind;
use super::super::peer::{Channel, Inbox};
use super::*;
use crate::limits::{MAX_FILTERS, MEMORY_STEP_BYTES};

fn peer() -> Arc<Peer> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let channel = Channel::new(async_channel::bounded(1).0);
    let inbox = Inbox::Channel(channel);
    let origin = origin(Kind::Internal);
    Arc::new(Peer::new(
        NEXT.fetch_add(1, Ordering::Relaxed),
        "peer".into(),
        origin,
        inbox,
        None,
    ))
}

/// Topics for which there are so many bytes.
fn topics(memory: usize) -> Topics {
    Topics::new(MAX_FILTERS, Budget::new(memory))
}

/// Each client has some filters free; what others take does not count for that.
#[test]
fn filters_of_all_clients_together_are_bounded() {
    let topics = topics(4 * MEMORY_STEP_BYTES);
    let hogs = [(); 4].map(|()| peer());
    let other = peer();
    let more: Vec<String> = (0..120).map(|i| format!("more/{i}")).collect();
    let set = FilterSet::Subscriptions;
    // Of each, so many take what is free and one step.
    let many: Vec<String> = (0..120).map(|i| format!("hog/{i}")).collect();
    let add = |peer, texts: &[String]| topics.add(peer, set, texts.iter().map(String::as_str));
    assert_eq!(add(&hogs[0], &many[..70]), Ok(()));
    assert_eq!(
        add(&hogs[0], &[&many[..], &more[..]].concat()),
        Err(FilterError::Memory),
        "one client has its share only"
    );
    for hog in &hogs[1..] {
        assert_eq!(add(hog, &many), Ok(()));
    }
    assert_eq!(add(&hogs[0], &many), Ok(()));
    assert_eq!(add(&other, &many), Err(FilterError::Memory));
    assert_eq!(
        topics.receivers("hog/100").1.len(),
        4,
        "none of it has taken effect"
    );
    assert_eq!(
        add(&other, &many[..50]),
        Ok(()),
        "there is always room for some"
    );
    topics.forget(&hogs[0]);
    assert_eq!(add(&other, &many), Ok(()));
    hogs.iter().for_each(|hog| topics.forget(hog));
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
