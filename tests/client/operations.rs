//! Operations and calls that wait for a broker which misbehaves after the handshake.

use crate::common::fake::{Fake, Peer};
use crate::common::*;
use crate::connecting::REFUSALS;
use crate::{LONG, SHORT, connect, ends};
use elbus::client::AsyncClient;
use elbus::ipc::Client;
use elbus::rpc::{Rpc, RpcClient};
use elbus::{ErrorKind as Kind, QoS, empty_payload};
use std::time::Duration;

/// What a client can wait for.
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    Send,
    Broadcast,
    Publish,
    Subscribe,
    /// A call whose request is to be acknowledged.
    Call,
    /// One whose request is not.
    UnconfirmedCall,
}

pub const EVERYTHING: [Wait; 6] = [
    Wait::Send,
    Wait::Broadcast,
    Wait::Publish,
    Wait::Subscribe,
    Wait::Call,
    Wait::UnconfirmedCall,
];

/// What ends with a negative ack.
const ACKNOWLEDGED: [Wait; 5] = [
    Wait::Send,
    Wait::Broadcast,
    Wait::Publish,
    Wait::Subscribe,
    Wait::Call,
];

/// Waits with a client of its own; how that ends.
pub async fn wait(mut client: Client, what: Wait) -> Result<(), Kind> {
    let nothing = empty_payload!();
    let confirmation = match what {
        Wait::Send => ends(client.send("x", nothing, QoS::Processed)).await,
        Wait::Broadcast => ends(client.send_broadcast("*", nothing, QoS::Processed)).await,
        Wait::Publish => ends(client.publish("t", nothing, QoS::Processed)).await,
        Wait::Subscribe => ends(client.subscribe("t", QoS::RealtimeProcessed)).await,
        Wait::Call => return call(RpcClient::new0(client), QoS::Processed).await,
        Wait::UnconfirmedCall => return call(RpcClient::new0(client), QoS::No).await,
    };
    let confirmation = confirmation
        .map_err(|e| e.kind())?
        .expect("as the QoS asks for");
    let outcome = ends(confirmation).await.expect("never just dropped");
    outcome.map_err(|e| e.kind())
}

async fn call(rpc: RpcClient, qos: QoS) -> Result<(), Kind> {
    let outcome = ends(rpc.call("x", "method", empty_payload!(), qos)).await;
    match outcome {
        Ok(_) => Ok(()),
        Err(e) => {
            let code = u8::try_from(-32_000 - e.code()).expect("an error of the bus");
            Err(Kind::from(code))
        }
    }
}

/// Lets each kind of waiting meet the script, which starts after the handshake and is to end when
/// the client has gone.
async fn each_ends(
    waits: &[Wait],
    timeout: Duration,
    expected: &[Kind],
    script: impl Fn(Peer) + Clone + Send + 'static,
) {
    for what in waits {
        let fake = Fake::new();
        let script = script.clone();
        let script = fake.next(move |peer| script(peer.greet(3)));
        let outcome = wait(connect(&fake, timeout).await, *what).await;
        let kind = outcome.expect_err("no success without an answer");
        assert!(expected.contains(&kind), "{what:?} ended with {kind}");
        // Not on this thread: it may be the one that has to close the connection.
        let end = tokio::task::spawn_blocking(|| script.join());
        end.await.expect("a thread").expect("the script");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_never_acknowledges() {
    each_ends(&EVERYTHING, SHORT, &[Kind::Timeout], Peer::hold).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_acknowledges_and_never_delivers() {
    let acknowledging = |mut peer: Peer| {
        while let Some((id, _, _)) = peer.frame() {
            peer.say(&ack(id, OK));
        }
    };
    let calls = [Wait::Call, Wait::UnconfirmedCall];
    each_ends(&calls, SHORT, &[Kind::Timeout], acknowledging).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_dies_meanwhile() {
    let dying = |mut peer: Peer| drop(peer.frame().expect("an operation"));
    each_ends(&EVERYTHING, LONG, &[Kind::Eof], dying).await;
    let half_an_ack = |mut peer: Peer| {
        let (id, _, _) = peer.frame().expect("an operation");
        peer.say(&ack(id, OK)[..4]);
    };
    each_ends(&EVERYTHING, LONG, &[Kind::Eof], half_an_ack).await;
    let before_the_reply = |mut peer: Peer| {
        let (id, _, _) = peer.frame().expect("a request");
        peer.say(&ack(id, OK));
    };
    each_ends(&[Wait::Call], LONG, &[Kind::Eof], before_the_reply).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_every_code_of_an_ack_has_its_kind() {
    for (code, kind) in REFUSALS {
        let refusing = move |mut peer: Peer| {
            let (id, _, _) = peer.frame().expect("an operation");
            peer.say(&ack(id, code));
            peer.hold();
        };
        each_ends(&ACKNOWLEDGED, LONG, &[kind], refusing).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_answers_byte_by_byte() {
    for what in EVERYTHING {
        let fake = Fake::new();
        let script = fake.next(move |peer| {
            let mut peer = peer.greet(3);
            let (id, flags, body) = peer.frame().expect("an operation");
            if flags & PROCESSED != 0 {
                peer.say_slowly(&ack(id, OK));
            }
            if let [b'x', 0, 1, id @ .., b'm', b'e', b't', b'h', b'o', b'd', 0] = &body[..] {
                let reply = [&[0x11], id, b"done"].concat();
                peer.say_slowly(&got_message(0, "x", &reply));
            }
            peer.hold();
        });
        let outcome = wait(connect(&fake, LONG).await, what).await;
        assert_eq!(outcome, Ok(()), "{what:?}");
        script.join().expect("the script");
    }
}

/// Answers to something else are no answers (H19).
#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_answers_the_wrong_thing() {
    let wrong = |mut peer: Peer| {
        let (id, _, _) = peer.frame().expect("an operation");
        for other in [0, id.wrapping_add(1), id.wrapping_sub(1), u32::MAX] {
            peer.say(&ack(other, OK));
            let reply = [&[0x11][..], &other.wrapping_add(7).to_le_bytes()].concat();
            peer.say(&got_message(0, "x", &reply));
            peer.say(&got_message(0, "somebody else", b"\x11\x01\0\0\0"));
        }
        peer.hold();
    };
    each_ends(&EVERYTHING, SHORT, &[Kind::Timeout], wrong).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_says_what_is_no_frame() {
    for kind in [0x02, 0x11, 0x55, 0xFF] {
        let unknown = move |mut peer: Peer| {
            peer.frame().expect("an operation");
            peer.say(&[kind, 1, 0, 0, 0, 0, 0]);
            peer.hold();
        };
        each_ends(&EVERYTHING, LONG, &[Kind::Eof], unknown).await;
    }
    // No NUL after the sender, no text as the sender.
    for body in [&b"sender"[..], b"\xFF\0payload"] {
        let malformed = move |mut peer: Peer| {
            peer.frame().expect("an operation");
            peer.say(&[&[MESSAGE, body.len() as u8, 0, 0, 0, 0], body].concat());
            peer.hold();
        };
        each_ends(&[Wait::Send, Wait::Call], LONG, &[Kind::Eof], malformed).await;
    }
}

/// The connection ends at once, and nothing is allocated for what is announced.
#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_announces_four_gigabytes() {
    let before = broker::virtual_kib(std::process::id());
    for kind in [PUBLISH, MESSAGE, BROADCAST] {
        let announcing = move |mut peer: Peer| {
            peer.frame().expect("an operation");
            peer.say(&[kind, 0xFF, 0xFF, 0xFF, 0xFF, 0]);
            peer.hold();
        };
        each_ends(&EVERYTHING, LONG, &[Kind::Eof], announcing).await;
    }
    let grown = broker::virtual_kib(std::process::id()).saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} KiB more");
}

/// The operation ends by its own time; the connection by that of the frame, a moment later.
#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_stops_within_a_frame() {
    let stopping = |mut peer: Peer| {
        peer.frame().expect("an operation");
        peer.say(&got_message(0, "x", &[0; 1024])[..100]);
        peer.hold();
    };
    each_ends(&EVERYTHING, SHORT, &[Kind::Timeout, Kind::Eof], stopping).await;
}

/// Frames of every kind without end, but not the one that is waited for.
fn flood(mut peer: Peer) {
    let frames = [
        got_publication(0, "x", "t", &[0; 1024]),
        got_message(0, "x", b"\x11\xFF\xFF\xFF\xFF"),
        got_message(1, "x", b"\0notification"),
        got_message(0, "x", b"no RPC"),
        got_broadcast(0, "x", b""),
        BROKER_PING.to_vec(),
        ack(u32::MAX, OK),
    ];
    let frames = frames.concat().repeat(100);
    while peer.try_say(&frames) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_floods() {
    each_ends(&EVERYTHING, SHORT, &[Kind::Timeout], flood).await;
}

/// On one thread, which the flood could keep busy for ever.
#[tokio::test]
async fn b18_a_broker_that_floods_a_single_thread() {
    each_ends(&EVERYTHING, SHORT, &[Kind::Timeout], flood).await;
}

/// What does not fit into the socket any more is not sent, and nothing waits for it for ever.
#[tokio::test(flavor = "multi_thread")]
async fn b18_a_broker_that_stops_reading() {
    for what in EVERYTHING {
        let fake = Fake::new();
        let (done, wait_for_the_end) = std::sync::mpsc::channel::<()>();
        let script = fake.next(move |peer| {
            let _open = peer.greet(3);
            let _ = wait_for_the_end.recv();
        });
        let mut client = connect(&fake, SHORT).await;
        let payload = vec![0; 4 * 1024 * 1024];
        let sent = ends(client.send("x", payload.into(), QoS::No)).await;
        assert!(sent.expect("in the queue").is_none());
        let kind = wait(client, what)
            .await
            .expect_err("no success without an answer");
        assert!(
            [Kind::Timeout, Kind::Eof].contains(&kind),
            "{what:?}: {kind}"
        );
        drop(done);
        script.join().expect("the script");
    }
}
