//! Connections without the client library: for those who do not behave as it does.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::scene::Scene;

/// Magic and version.
const GREETING: [u8; 3] = [0xEB, 1, 0];
const OK: u8 = 1;
const BUSY: u8 = 0x76;
const SUBSCRIBE: u8 = 2;
const MESSAGE: u8 = 0x12;

/// A connected socket of either kind.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A TCP connection ends with a reset.
pub async fn connect(scene: &Scene) -> io::Result<Box<dyn Connection>> {
    if fastrand::bool() {
        return Ok(Box::new(UnixStream::connect(&scene.socket).await?));
    }
    let tcp = TcpStream::connect(("127.0.0.1", scene.port)).await?;
    tcp.set_zero_linger()?;
    Ok(Box::new(tcp))
}

/// Greeting and name in one piece.
pub fn hello(name: &str) -> Vec<u8> {
    let mut bytes = GREETING.to_vec();
    bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

pub fn subscribe(filter: &str) -> Vec<u8> {
    frame(SUBSCRIBE, filter.as_bytes())
}

pub fn message(target: &str, payload: &[u8]) -> Vec<u8> {
    frame(MESSAGE, &[target.as_bytes(), b"\0", payload].concat())
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, flags];
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Registers; false if the name is taken.
pub async fn register(connection: &mut dyn Connection, name: &str) -> io::Result<bool> {
    connection.write_all(&hello(name)).await?;
    let mut answers = [0; 5];
    connection.read_exact(&mut answers).await?;
    match answers {
        [_, _, _, OK, OK] => Ok(true),
        [_, _, _, OK, BUSY] => Ok(false),
        other => Err(io::Error::other(format!("answered {other:02x?}"))),
    }
}
