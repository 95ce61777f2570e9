//! The RPC layer: calls, handlers, and what becomes of them.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::fake::Fake;
use crate::common::*;
use crate::{LONG, bus_error, confirmed, connect, connect_to_fake, ends};
use elbus::rpc::RPC_ERROR_CODE_INTERNAL;
use elbus::sync::rpc::{Options, RpcClient, RpcError, RpcEvent, RpcHandlers, RpcResult};
use elbus::{ErrorKind as Kind, Frame, QoS, empty_payload};

const ALL_QOS: [QoS; 4] = [
    QoS::No,
    QoS::Processed,
    QoS::Realtime,
    QoS::RealtimeProcessed,
];

/// What a handler was told: kind, sender, data.
type Told = (&'static str, String, Vec<u8>);

struct Handlers {
    told: Mutex<Sender<Told>>,
    /// Calls others from within a handler.
    own: Option<RpcClient>,
}

impl Handlers {
    fn tell(&self, kind: &'static str, sender: &str, data: &[u8]) {
        let told = (kind, sender.to_owned(), data.to_vec());
        self.told.lock().unwrap().send(told).expect("the test");
    }
}

impl RpcHandlers for Handlers {
    fn handle_call(&self, event: RpcEvent) -> RpcResult {
        match event.parse_method()? {
            "echo" => Ok(Some(event.payload().to_vec())),
            "nothing" => Ok(None),
            "fail" => Err(RpcError::new(-777, Some(event.payload().to_vec()))),
            "panic" => panic!("as asked for"),
            "note" => {
                self.tell("note", event.sender(), event.payload());
                Ok(None)
            }
            "ask" => {
                let own = self.own.as_ref().expect("a client of its own");
                let reply = own.call(".broker", "test", empty_payload!(), QoS::Processed)?;
                Ok(Some(reply.payload().to_vec()))
            }
            _ => Err(RpcError::method(None)),
        }
    }

    fn handle_notification(&self, event: RpcEvent) {
        self.tell("notification", event.sender(), event.payload());
    }

    fn handle_frame(&self, frame: Frame) {
        self.tell("frame", frame.sender(), frame.payload());
    }
}

fn serve(broker: &Broker, options: Options) -> (RpcClient, std::sync::mpsc::Receiver<Told>) {
    let client = connect(broker, "server", LONG);
    let own = client.register_secondary().expect("a secondary");
    let (told, news) = channel();
    let handlers = Handlers {
        told: Mutex::new(told),
        own: Some(RpcClient::new0(own)),
    };
    (RpcClient::create(client, handlers, options), news)
}

#[test]
fn calls_and_their_outcomes() {
    let broker = Broker::start(&[]);
    let (_server, _) = serve(&broker, Options::new());
    let caller = RpcClient::new0(connect(&broker, "caller", LONG));
    let large = vec![7; 1_000_000];
    for qos in ALL_QOS {
        for params in [&b""[..], b"\0a\0", &large] {
            let reply = caller
                .call("server", "echo", params.into(), qos)
                .expect("a reply");
            assert!(reply.payload() == params, "{} bytes", params.len());
            assert_eq!(reply.sender(), "server");
            assert_eq!(reply.frame().is_realtime(), qos.is_realtime());
        }
        let call =
            |method, params: &'static [u8]| caller.call("server", method, params.into(), qos);
        assert_eq!(call("nothing", b"").expect("a reply").payload(), b"");
        assert_eq!(
            call("ask", b"").expect("a reply").payload(),
            b"\x81\xA2ok\xC3"
        );
        let error = call("fail", b"why").expect_err("an error");
        assert_eq!((error.code(), error.data()), (-777, Some(&b"why"[..])));
        assert_eq!(
            call("missing", b"").expect_err("an error"),
            RpcError::method(None)
        );
        let error = call("panic", b"").expect_err("an error");
        assert_eq!(error.code(), RPC_ERROR_CODE_INTERNAL);
        let error = call("a\0b", b"").expect_err("an error");
        assert_eq!(bus_error(error.code()), Kind::Data);
    }
    let nobody = caller.call("nobody", "echo", empty_payload!(), QoS::Processed);
    assert_eq!(
        bus_error(nobody.expect_err("nobody").code()),
        Kind::NotRegistered
    );
    // Those who only call refuse calls themselves.
    let refused = caller.call("caller", "echo", empty_payload!(), QoS::Processed);
    assert_eq!(refused.expect_err("no handlers"), RpcError::method(None));
}

#[test]
fn what_needs_no_reply() {
    let broker = Broker::start(&[]);
    let (server, news) = serve(&broker, Options::new());
    confirmed(server.client().subscribe("t", QoS::Processed)).expect("done");
    let caller = RpcClient::new0(connect(&broker, "caller", LONG));
    let next = || news.recv_timeout(DEADLINE).expect("news");
    let told = |kind, data: &[u8]| (kind, "caller".to_owned(), data.to_vec());
    confirmed(caller.notify("server", b"hi".as_slice().into(), QoS::Processed)).expect("done");
    assert_eq!(next(), told("notification", b"hi"));
    let params = b"hi".as_slice();
    confirmed(caller.call0("server", "note", params.into(), QoS::Processed)).expect("done");
    assert_eq!(next(), told("note", b"hi"));
    confirmed(caller.client().publish("t", params.into(), QoS::Processed)).expect("done");
    assert_eq!(next(), told("frame", b"hi"));
    confirmed(
        caller
            .client()
            .send_broadcast("server", params.into(), QoS::Processed),
    )
    .expect("done");
    assert_eq!(next(), told("frame", b"hi"));
    let refused = caller.call0("nobody", "note", params.into(), QoS::Processed);
    assert_eq!(confirmed(refused), Err(Kind::NotRegistered));
}

#[test]
fn blocking_handlers_keep_the_order_of_arrival() {
    let broker = Broker::start(&[]);
    let options = Options::new().blocking_notifications().blocking_frames();
    let (server, news) = serve(&broker, options);
    confirmed(server.client().subscribe("t", QoS::Processed)).expect("done");
    let caller = RpcClient::new0(connect(&broker, "caller", LONG));
    for number in 0..1000_u32 {
        let data = number.to_le_bytes();
        let sent = match number % 2 {
            0 => caller.notify("server", data.as_slice().into(), QoS::No),
            _ => caller
                .client()
                .publish("t", data.as_slice().into(), QoS::No),
        };
        sent.expect("sent");
    }
    for number in 0..1000_u32 {
        let (_, _, data) = news.recv_timeout(DEADLINE).expect("news");
        assert_eq!(data, number.to_le_bytes());
    }
}

/// Whatever the order of the replies.
#[test]
fn threads_share_an_rpc_client() {
    let broker = Broker::start(&[]);
    let (_server, _) = serve(&broker, Options::new().max_tasks(3));
    let caller = Arc::new(RpcClient::new0(connect(&broker, "caller", LONG)));
    let threads: Vec<_> = (0..8_u32)
        .map(|thread| {
            let caller = Arc::clone(&caller);
            thread::spawn(move || {
                for number in 0..100_u32 {
                    let params = [thread.to_le_bytes(), number.to_le_bytes()].concat();
                    let params = params.as_slice();
                    let reply = caller.call("server", "echo", params.into(), QoS::Processed);
                    assert_eq!(reply.expect("a reply").payload(), params);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn a_call_ends_with_its_own_timeout() {
    let broker = Broker::start(&[]);
    // It is there, and never answers.
    let _silent = connect(&broker, "x", LONG);
    let options = Options::new().timeout(crate::SHORT);
    let caller = RpcClient::create0(connect(&broker, "caller", LONG), options);
    for qos in ALL_QOS {
        let error = caller.call("x", "method", empty_payload!(), qos);
        let kind = bus_error(error.expect_err("no reply").code());
        assert_eq!(kind, Kind::Timeout);
    }
}

/// Whether there is traffic or not.
#[test]
fn the_broker_is_pinged() {
    let fake = Fake::new();
    let (pinged, pings) = channel();
    let script = fake.next(move |peer| {
        let mut peer = peer.greet(3);
        while let Some(bytes) = peer.try_hear(9) {
            assert_eq!(bytes, CLIENT_PING);
            let _ = pinged.send(());
            peer.try_say(&got_message(0, "x", b"\0notification"));
        }
    });
    let client = connect_to_fake(&fake, Duration::from_millis(50));
    let rpc = RpcClient::new0(client);
    for _ in 0..3 {
        pings.recv_timeout(DEADLINE).expect("a ping");
    }
    drop(rpc);
    script.join().expect("the script");
}

#[test]
fn a_client_whose_events_are_taken_says_so() {
    let broker = Broker::start(&[]);
    let client = connect(&broker, "c", LONG);
    let _events = client.take_event_channel();
    let rpc = RpcClient::new0(client);
    let error = rpc.call(".broker", "test", empty_payload!(), QoS::Processed);
    assert_eq!(bus_error(error.expect_err("no events").code()), Kind::Eof);
}

/// A handler may be the one who has the last hold on its client.
#[test]
fn a_client_can_be_dropped_by_its_handler() {
    struct Dropping {
        own: Mutex<Option<RpcClient>>,
        done: Mutex<Sender<()>>,
    }
    struct Proxy(Arc<Dropping>);
    impl RpcHandlers for Proxy {
        fn handle_notification(&self, _: RpcEvent) {
            drop(self.0.own.lock().unwrap().take());
            let _ = self.0.done.lock().unwrap().send(());
        }
    }
    let broker = Broker::start(&[]);
    let (done, is_done) = channel();
    let shared = Arc::new(Dropping {
        own: Mutex::default(),
        done: Mutex::new(done),
    });
    let rpc = RpcClient::new(connect(&broker, "c", LONG), Proxy(Arc::clone(&shared)));
    *shared.own.lock().unwrap() = Some(rpc);
    let other = RpcClient::new0(connect(&broker, "other", LONG));
    confirmed(other.notify("c", empty_payload!(), QoS::Processed)).expect("done");
    is_done.recv_timeout(DEADLINE).expect("it must not hang");
    // All of it has gone.
    ends(move || {
        while other
            .notify("c", empty_payload!(), QoS::Processed)
            .is_ok_and(|sent| sent.expect("a confirmation").wait().is_ok())
        {
            thread::yield_now();
        }
    });
}
