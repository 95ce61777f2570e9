//! Numbers in `docs/operating.md` that follow from the bounds in the sources.

use crate::pages::{root, text};
use elbus::limits;

/// Bytes of one acknowledgement on the wire.
const ACK_BYTES: usize = 6;
/// What an idle connection takes, measured; see docs/footprint.md.
const CONNECTION_BYTES: usize = 4 * 1024;

const MIB: usize = 1024 * 1024;

#[test]
fn the_memory_of_clients_is_bounded_as_documented() {
    let page = text(&root().join("docs/operating.md"));
    let has =
        |expected: String| assert!(page.contains(&expected), "operating.md lacks {expected:?}");

    let announcements = limits::QUEUE_RESERVE_BYTES;
    let acks = limits::MAX_WAITING_ACKS * ACK_BYTES;
    let fixed = announcements + acks + CONNECTION_BYTES;
    has(format!("a full queue, {} KiB", announcements / 1024));
    has(format!("has not read, {} KiB", acks / 1024));
    has(format!("160 bytes + {} KiB ) + 4 MiB", fixed / 1024));
    has(format!(
        "up to {} KiB more",
        limits::TLS_BUFFER_BYTES / 1024
    ));
    has(format!(
        "128 bytes for each level, and the text; {} MiB",
        limits::MAX_FILTER_BYTES / MIB
    ));
    assert_eq!(limits::FILTER_LEVEL_COST, 128);

    let each = 2 * limits::DEFAULT_MAX_FRAME + limits::MAX_FILTER_BYTES;
    let clients = limits::DEFAULT_MAX_CLIENTS;
    has(format!(
        "{clients} clients could hold {} MiB each",
        each / MIB
    ));

    // The rows of the table: clients, largest frame, bytes of a queue, filters of four levels.
    for (clients, frame, queue, filters) in [(32, 256, 64, 64), (64, 1024, 256, 256)] {
        let (larger, filters) = (frame.max(queue), filters * 4 * 160 / 1024);
        let fixed = fixed / 1024;
        let all = (clients * (larger + frame + filters + fixed)).div_ceil(1024) + 4;
        has(format!(
            "{clients} × ({larger} + {frame} + {filters} + {fixed}) KiB + 4 MiB = {all} MiB"
        ));
    }
}
