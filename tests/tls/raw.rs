//! A client that says exactly what it is told to, over a TLS session of its own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::common::{DEADLINE, GREETING, OK, name_block};
use crate::scene::{Bus, Plant};

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Blocking, with a deadline for each read and write.
pub fn tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream
        .set_write_timeout(Some(DEADLINE))
        .expect("a deadline");
    stream
}

/// A session in which nothing was said yet.
pub fn session(plant: &Plant, port: u16) -> Stream {
    let ca = CertificateDer::from_pem_file(plant.ca()).expect("an authority");
    let mut roots = RootCertStore::empty();
    roots.add(ca).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    StreamOwned::new(session, tcp(port))
}

/// A registered client.
pub fn client(plant: &Plant, bus: &Bus, name: &str) -> Stream {
    client_at(plant, bus.port, name)
}

/// The same where there is no more than a port.
pub fn client_at(plant: &Plant, port: u16, name: &str) -> Stream {
    let mut stream = session(plant, port);
    let mut greeting = [0; 3];
    stream.read_exact(&mut greeting).expect("the greeting");
    assert_eq!(greeting, GREETING);
    stream.write_all(&GREETING).expect("room");
    expect_ok(&mut stream);
    stream
        .write_all(&name_block(name.as_bytes()))
        .expect("room");
    expect_ok(&mut stream);
    stream
}

fn expect_ok(stream: &mut Stream) {
    let mut code = [0];
    stream.read_exact(&mut code).expect("an answer");
    assert_eq!(code, [OK]);
}
