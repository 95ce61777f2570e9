//! Numbers in `docs/operating.md` that follow from the bounds in the sources.

use crate::pages::{root, text};
use elbus::limits;

/// Bytes of one acknowledgement on the wire.
const ACK_BYTES: usize = 6;
/// What a client may have beside what is counted, see docs/security.md.
const EACH_KIB: usize = 232;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

#[test]
fn the_memory_of_clients_is_bounded_as_documented() {
    let page = text(&root().join("docs/operating.md"));
    let has =
        |expected: String| assert!(page.contains(&expected), "operating.md lacks {expected:?}");

    has(format!("`max_clients` × {EACH_KIB} KiB"));
    has(format!(
        "{} KiB of its queue",
        limits::FREE_MEMORY_BYTES / KIB
    ));
    has(format!(
        "{} KiB of filters",
        limits::FREE_MEMORY_BYTES / KIB
    ));
    let acks = limits::MAX_WAITING_ACKS * ACK_BYTES;
    has(format!("{} KiB of acknowledgements", acks / KIB));
    has(format!("up to {} KiB more", limits::TLS_BUFFER_BYTES / KIB));
    has(format!(
        "{} bytes for each level",
        limits::FILTER_LEVEL_COST
    ));
    has(format!(
        "{} MiB at most for one client",
        limits::MAX_FILTER_BYTES / MIB
    ));

    // The rows of the table: clients, memory and largest frame in MiB; the last one is the defaults.
    let defaults = (
        limits::DEFAULT_MAX_CLIENTS,
        limits::DAEMON_MAX_MEMORY / MIB,
        limits::DEFAULT_MAX_FRAME / MIB,
    );
    for (clients, memory, frame) in [(64, 8, 1), (256, 32, 4), defaults] {
        // One frame may go beyond the limit, and while it grows its former self is there, too.
        let frame = 2 * frame;
        let others = clients * EACH_KIB / KIB;
        let all = memory + frame + others;
        has(format!("{memory} + {frame} + {others} = {all} MiB"));
    }
}
