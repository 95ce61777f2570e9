//! The codecs against the bytes of the specification: exact examples, every cut point, every limit,
//! and round trips of whatever proptest comes up with.

mod delivery;
mod opening;
mod operation;
mod repetition;
mod request;
mod rpc;

use proptest::prelude::*;

use super::operation::QoS;

/// More than any frame of these tests has.
const NO_LIMIT: usize = 1 << 20;

const ALL_QOS: [QoS; 4] = [
    QoS::No,
    QoS::Processed,
    QoS::Realtime,
    QoS::RealtimeProcessed,
];

/// Text as targets, topics and names may be: any UTF-8 but NUL.
fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,20}"
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

fn qos() -> impl Strategy<Value = QoS> {
    prop::sample::select(ALL_QOS.as_slice())
}
