//! Every bound of the system, named and explained. What a peer can make this process hold is the
//! product of these numbers, so a change here is a change of the memory a device must have.

use std::time::Duration;

/// Longest client name, in bytes of UTF-8. The wire allows 65,535; the protocol asks for 1,000.
pub const MAX_NAME_BYTES: usize = 1024;

/// Most levels of a topic filter, parts of a client name or parts of a broadcast mask.
pub const MAX_LEVELS: usize = 128;

/// Longest body of a frame from a client, in bytes, unless configured.
pub const DEFAULT_MAX_FRAME: usize = 16 * 1024 * 1024;

/// By how much a delivered body may exceed the body that was sent: the sender's name and a NUL take
/// the place of the target.
pub const DELIVERY_OVERHEAD: usize = MAX_NAME_BYTES + 1;

/// Most clients registered at a time, unless configured. One more is answered `76` (busy).
pub const DEFAULT_MAX_CLIENTS: usize = 1024;

/// Connections of one listener that wait to be accepted; the system may allow fewer
/// (`net.core.somaxconn`). Where the C library knows smaller numbers only (musl), it is what the
/// system allows. Beyond that UNIX clients wait, and TCP clients try again after a second.
pub const LISTEN_BACKLOG: i32 = 1024;

/// Connections of one listener that are in the handshake at a time, unless configured. For the next
/// one, that which has been there for the longest time is dropped.
pub const DEFAULT_MAX_HANDSHAKES: usize = 256;

/// Connections of one listener of the daemon from one host or user at a time, unless configured: one
/// source leaves an eighth of the clients that there may be to others.
pub const DAEMON_CONNECTIONS_PER_SOURCE: usize = DEFAULT_MAX_CLIENTS / 8 * 7;

/// New connections per second from one host or user to one listener of the daemon, unless configured.
pub const DAEMON_CONNECT_RATE: u32 = 1000;

/// Hosts and users whose connections are counted one by one; what more there are is bounded together.
pub const MAX_SOURCES: usize = 4096;

/// Handshakes are dropped for newer ones, or connections refused: the log is told of it once in this
/// time.
pub const CROWD_WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Frames that wait for one client, unless configured. The daemon's own default is
/// [`DAEMON_QUEUE_FRAMES`].
pub const DEFAULT_QUEUE_FRAMES: usize = 8192;

/// Frames that wait for one client of the daemon, unless configured.
pub const DAEMON_QUEUE_FRAMES: usize = 512;

/// Bytes that wait for one client, unless configured. A frame larger than this is accepted if
/// nothing else waits, so the true bound is this number or one frame of the largest size.
pub const DEFAULT_QUEUE_BYTES: usize = 1024 * 1024;

/// What all clients of a broker may take together, in bytes, unless configured: in queues, in large
/// frames of which a part has arrived, in topic filters. What each may take at any time is not counted
/// ([`FREE_MEMORY_BYTES`]).
pub const DEFAULT_MAX_MEMORY: usize = 256 * 1024 * 1024;

/// The same for the daemon, unless configured: half of a device with 64 MiB.
pub const DAEMON_MAX_MEMORY: usize = 32 * 1024 * 1024;

/// What each client may have in its queue, and again in its topic filters, whatever others have, in
/// bytes: who reads gets small frames also when memory is short.
pub const FREE_MEMORY_BYTES: usize = 16 * 1024;

/// The filters of one client may take this part of the memory for all clients.
pub const MAX_FILTER_SHARE: usize = 4;

/// In what steps memory is counted, in bytes.
pub const MEMORY_STEP_BYTES: usize = 16 * 1024;

/// Frames beyond the bound of a queue that are kept for what the broker itself has to say: pings
/// and announcements. When that room is used up too, they are dropped. Queues of clients in the
/// broker's process are channels of the application, and have no such room.
pub const QUEUE_RESERVE_FRAMES: usize = 64;

/// Bytes beyond the bound of a queue that are kept for the same: as many announcements as the reserve
/// has frames, of clients with the longest names.
pub const QUEUE_RESERVE_BYTES: usize = QUEUE_RESERVE_FRAMES * (MAX_NAME_BYTES + 128);

/// Frames for a client are dropped again after it had room: others are told of it this long after
/// they were last told, at the earliest. A receiver that goes back and forth would otherwise become a
/// flood for everybody.
pub const SLOW_WARNING_INTERVAL: Duration = Duration::from_secs(1);

/// Acks that may wait for one client. At this number its requests are no longer read, so that a
/// client which never reads its acks holds up itself only.
pub const MAX_WAITING_ACKS: usize = 8192;

/// Filters (subscriptions and exclusions together) of one client.
pub const MAX_FILTERS: usize = 32_768;

/// What the filters of one client may take, in bytes: the text of each, and
/// [`FILTER_LEVEL_COST`] for each of its levels.
pub const MAX_FILTER_BYTES: usize = 16 * 1024 * 1024;

/// What one level of a filter is charged with, in bytes: a node of the tree at its largest.
pub const FILTER_LEVEL_COST: usize = 128;

/// Topics whose receiver lists are remembered, at most.
pub const MAX_CACHED_TOPICS: usize = 1024;

/// Longest topic whose receiver list is remembered, in bytes.
pub const MAX_CACHED_TOPIC_BYTES: usize = 1024;

/// Receivers in all remembered lists together, at most.
pub const MAX_CACHED_RECEIVERS: usize = 65_536;

/// What one read from a socket takes in at most, in bytes. One such buffer per thread is lent to
/// whichever connection has something to read.
pub const READ_BUFFER_BYTES: usize = 64 * 1024;

/// What is read of a frame that follows a large one, in bytes: enough to see where its payload
/// begins. The payload is then read to where it stays.
pub const LARGE_FRAME_PEEK_BYTES: usize = 8 * 1024;

/// Size of one segment of an outbox, in bytes.
pub const SEGMENT_BYTES: usize = 16 * 1024;

/// Payloads of at least this size are not copied into a segment: all receivers share one
/// allocation. In bytes.
pub const SHARED_PAYLOAD_BYTES: usize = 4 * 1024;

/// Small publications for several subscribers that are encoded and queued as one, in bytes. Each
/// thread keeps the memory of one.
pub const RUN_BYTES: usize = SEGMENT_BYTES;

/// Empty segments of full size that one thread keeps for the next frames: a batch of publications
/// to as many subscribers takes no fresh memory.
pub const MAX_SPARE_SEGMENTS: usize = 64;

/// What the empty segments of each smaller size may take that one thread keeps, in bytes: enough
/// for a frame to each of 512 receivers.
pub const MAX_SPARE_SMALL_SEGMENT_BYTES: usize = 128 * 1024;

/// What must arrive of an unfinished frame within one timeout, in bytes, unless the frame ends
/// before. Slow links get through with large frames, and one byte a minute does not.
pub const MIN_PROGRESS_BYTES: usize = 1024;

/// Operations of one client that wait for their confirmation. One more is refused as busy.
pub const MAX_CONFIRMATIONS: usize = 65_536;

/// Bytes that wait in an outbox at which it stops to linger for more.
pub const LINGER_BYTES: usize = 32 * 1024;

/// Deliveries that one connection may cause before others on its thread get their turn: the work of
/// about a millisecond. What is delivered leaves at the end of the turn, so fewer would make more and
/// smaller writes.
pub const DELIVERIES_PER_TURN: usize = 16_384;

/// How many deliveries the search for the receivers of a broadcast counts as.
pub const BROADCAST_COST: usize = 64;

/// First pause after a failed `accept`; doubles up to [`ACCEPT_PAUSE_MAX`].
pub const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);

/// Longest pause after a failed `accept`.
pub const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Longest line of the fifo, in bytes.
pub const MAX_FIFO_LINE_BYTES: usize = 64 * 1024;

/// Longest regular expression by which `client.list` can be filtered, in bytes.
pub const MAX_NAME_FILTER_BYTES: usize = 256;

/// What such an expression may take when compiled, in bytes: some hundred states, each of which may
/// have to be looked at for each character of each name.
pub const MAX_NAME_FILTER_PROGRAM_BYTES: usize = 8 * 1024;

/// Longest head of a request for metrics, in bytes.
pub const MAX_METRICS_REQUEST_BYTES: usize = 4 * 1024;

/// How long a request for metrics, its answer and its end may take together.
pub const METRICS_EXCHANGE_LIMIT: Duration = Duration::from_secs(5);

/// Requests for metrics at a time. For the next one, that which has been there for the longest time
/// is dropped.
pub const MAX_METRICS_CONNECTIONS: usize = 4;

/// Metrics are written in pieces of about this size, in bytes: what an answer takes, whatever the number
/// of clients, beside the numbers themselves (some 200 bytes for each client).
pub const METRICS_PIECE_BYTES: usize = 16 * 1024;

/// What is read and thrown away after an answer, in bytes: a peer that is cut off while it sends may
/// lose the answer.
pub const MAX_METRICS_UNREAD_BYTES: usize = 64 * 1024;

/// Topic filters that `topic.list` shows, at most.
pub const MAX_LISTED_TOPICS: usize = 4096;

/// Bytes in the topic filters that `topic.list` shows, at most.
pub const MAX_LISTED_TOPIC_BYTES: usize = 256 * 1024;

/// Records that may wait inside a TLS session for room in its socket, in bytes; what its client is
/// charged with comes on top of that.
pub const TLS_BUFFER_BYTES: usize = 64 * 1024;

/// Longest file with certificates or a key, in bytes.
pub const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// Longest configuration file of the daemon, in bytes.
pub const MAX_CONFIG_BYTES: usize = 1024 * 1024;

/// How long a client that has closed its sending side may take to read what still waits for it, or
/// a broker that shuts down waits for its clients.
pub const LINGER: Duration = Duration::from_millis(500);

/// Handlers of one RPC client that run at a time, unless configured.
pub const DEFAULT_RPC_TASKS: usize = 512;

/// Handlers of one blocking RPC client that run at a time, each in a thread of its own, unless
/// configured.
pub const DEFAULT_RPC_THREADS: usize = 16;

/// Events that wait for a handler of one RPC client. Beyond this number its event channel is no
/// longer read, so that frames wait in the broker, where the sender feels it.
pub const MAX_RPC_WAITING: usize = 8192;

/// Bytes in the payloads of events that wait for a handler of one RPC client. An event larger than
/// this is accepted if nothing else waits.
pub const MAX_RPC_WAITING_BYTES: usize = 4 * 1024 * 1024;

/// How long an RPC call of a client without a timeout of its own (one in the broker's process) may
/// take, unless configured. Only there to end at some time what would otherwise wait for ever.
pub const INTERNAL_RPC_TIMEOUT: Duration = Duration::from_secs(60);
