//! Making changes of the access map take effect on clients that are connected.

use std::sync::Arc;

use super::access::{LiveAccess, Refreshed};
use super::hub::Hub;
use super::peer::{Peer, Reason};

/// Makes the rights of many clients those that the access map has now. Nobody is told of those who
/// have to go before everybody has only the subscriptions that are still allowed.
pub(super) fn refresh_all(hub: &Hub, peers: &[Arc<Peer>]) {
    let revoked: Vec<_> = peers
        .iter()
        .filter(|peer| !peer.origin.is_from_allowed_host() || !refresh_access(hub, peer))
        .collect();
    for peer in revoked {
        hub.expel(peer, Reason::Access);
    }
}

/// Makes the client's rights those that the access map has now. False if it is not admitted any
/// more.
pub(super) fn refresh_access(hub: &Hub, peer: &Arc<Peer>) -> bool {
    let Some(access) = &peer.access else {
        return true;
    };
    match access.refresh() {
        Refreshed::Unchanged => true,
        Refreshed::Changed => {
            revoke_denied(hub, peer, access);
            true
        }
        Refreshed::Revoked => false,
    }
}

/// Ends the subscriptions that the client may not have any more, and makes what is denied count.
pub(super) fn revoke_denied(hub: &Hub, peer: &Arc<Peer>, access: &LiveAccess) {
    let rights = access.current();
    hub.topics.revoke(peer, |filter| {
        filter == super::BROKER_WARN_TOPIC || rights.may_subscribe_to(filter)
    });
    hub.topics.forget_receivers();
}
