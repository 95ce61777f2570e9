//! A session between two sockets of this process.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use tokio::io::AsyncReadExt;

use super::*;
use crate::transport::budget::Charge;
use crate::transport::outbox::{Account, Bounds, Encoded, Load, Outbox, Payload, Push};
use crate::transport::socket::{ReadHalf, Socket, WriteHalf};

/// Longer than anything takes that works.
const DEADLINE: Duration = Duration::from_secs(60);

fn sessions() -> (ClientConnection, ServerConnection) {
    let CertifiedKey { cert, key_pair } =
        generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(key_pair.serialize_der().into());
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("an authority");
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a pair");
    let name = ServerName::try_from("localhost").expect("a name");
    (
        ClientConnection::new(Arc::new(client), name).expect("a client"),
        ServerConnection::new(Arc::new(server)).expect("a server"),
    )
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("a peer");
    let (far, _) = listener.accept().expect("a connection");
    for stream in [&near, &far] {
        stream.set_nonblocking(true).expect("non-blocking");
    }
    (near, far)
}

type Halves = (ReadHalf, WriteHalf);

/// Both ends of an open session, each with the socket below it.
async fn open_pair() -> (Halves, Halves, TcpStream) {
    let (near, far) = tcp_pair();
    let below = near.try_clone().expect("a handle");
    let (client, server) = sessions();
    let split = |stream, session| {
        let stream = TlsStream::new(stream, session);
        Socket::Tls(Box::new(stream)).split().expect("two halves")
    };
    let near = split(near, client.into());
    let far = split(far, server.into());
    let (one, other) = tokio::join!(open(&near.0, &near.1), open(&far.0, &far.1));
    one.expect("the client's part");
    other.expect("the server's part");
    (near, far, below)
}

/// The session has taken everything, the socket has not: only the drain can know.
#[tokio::test]
async fn what_only_the_session_holds_leaves_when_the_socket_has_room() {
    const FRAME: usize = 1000;
    let ((_keep, output), (mut input, _open), _below) = open_pair().await;
    let bounds = Bounds {
        frames: 100,
        bytes: 1 << 20,
        linger: None,
    };
    let outbox = Outbox::new(output, bounds, Charge::default());
    let mut sent = 0;
    while !outbox.is_blocked() {
        let frame = Encoded {
            head: &[sent as u8; FRAME],
            payload: Payload::Copied(&[]),
            realtime: true,
            counted: FRAME,
        };
        let pushed = outbox.push(frame, Account::Frame);
        assert!(matches!(pushed, Push::Queued { .. }));
        outbox.flush();
        sent += 1;
    }
    assert_eq!(outbox.totals().0, Load::default());
    let receive = async {
        for number in 0..sent {
            let mut frame = [0; FRAME];
            input.read_exact(&mut frame).await.expect("a frame");
            assert_eq!(frame, [number as u8; FRAME], "frame {number} of {sent}");
        }
    };
    let finish = async { outbox.finish(None).await.expect("room") };
    tokio::time::timeout(DEADLINE, async { tokio::join!(receive, finish) })
        .await
        .expect("nothing is stranded");
    assert!(!outbox.is_blocked());
}

/// One record, read in small pieces: what is left of it in the session does not make the socket
/// readable.
#[tokio::test]
async fn what_has_been_decrypted_is_read_without_the_socket() {
    let ((_keep, output), (mut input, _open), _below) = open_pair().await;
    output.write_all(&[7; 10_000]).await.expect("room");
    read_half_of_it(&mut input).await;
    // As a session that goes on on another thread.
    let rest = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            input.move_here().expect("a descriptor");
            read_half_of_it(&mut input).await;
        });
    });
    rest.join().expect("the other half");
}

async fn read_half_of_it(input: &mut ReadHalf) {
    for _ in 0..50 {
        let mut piece = [0; 100];
        let read = tokio::time::timeout(DEADLINE, input.read_exact(&mut piece)).await;
        read.expect("the rest is there").expect("plaintext");
        assert_eq!(piece, [7; 100]);
    }
}

/// Much of what arrives is not plaintext: a read looks at a part of it only, and the next one goes on
/// without waiting for more.
#[tokio::test]
async fn records_that_are_nearly_empty_are_all_read() {
    const RECORDS: usize = 50_000;
    let ((_keep, output), (mut input, _open), _below) = open_pair().await;
    let send = async {
        for number in 0..RECORDS {
            output.write_all(&[number as u8]).await.expect("room");
        }
    };
    let receive = async {
        for number in 0..RECORDS {
            assert_eq!(input.read_u8().await.expect("a byte"), number as u8);
        }
    };
    let both = async { tokio::join!(send, receive) };
    tokio::time::timeout(DEADLINE, both)
        .await
        .expect("nothing is stranded");
}

/// And no read takes everything at once.
#[tokio::test]
async fn a_read_is_bounded_by_what_arrives() {
    let ((_keep, output), (input, _open), _below) = open_pair().await;
    let Socket::Tls(far) = input.socket() else {
        panic!("a session");
    };
    let mut sent = 0;
    while output.try_write(&[sent as u8]).is_ok() {
        sent += 1;
    }
    let mut space = vec![0; READ_BUFFER_BYTES];
    let n = far.read(&mut space).expect("plaintext");
    assert!(n < sent, "{n} of {sent}");
    assert!(far.has_unread());
}

#[tokio::test]
async fn the_end_is_told_from_a_cut() {
    for is_told in [true, false] {
        let ((_keep, output), (mut input, _open), below) = open_pair().await;
        output.write_all(b"last words").await.expect("room");
        if is_told {
            drop(output);
        } else {
            below.shutdown(Shutdown::Both).expect("a cut");
        }
        let mut got = Vec::new();
        let read = input.read_to_end(&mut got).await;
        assert_eq!(got, b"last words");
        match is_told {
            true => assert!(read.is_ok(), "{read:?}"),
            false => assert_eq!(
                read.map_err(|e| e.kind()).err(),
                Some(ErrorKind::UnexpectedEof)
            ),
        }
    }
}

/// Whoever is in between can add bytes, but not unnoticed; the error comes after what is genuine, and
/// each time.
#[tokio::test]
async fn bytes_of_somebody_else_end_the_stream() {
    let ((_keep, output), (mut input, _open), mut below) = open_pair().await;
    output.write_all(b"genuine").await.expect("room");
    // A record of application data, as it would look.
    below.write_all(&[23, 3, 3, 0, 32]).expect("room");
    below.write_all(&[0; 32]).expect("room");
    let mut got = [0; 7];
    input.read_exact(&mut got).await.expect("what came before");
    assert_eq!(&got, b"genuine");
    for _ in 0..3 {
        let read = input.read(&mut got).await;
        assert_eq!(
            read.map_err(|e| e.kind()).err(),
            Some(ErrorKind::InvalidData)
        );
    }
}
