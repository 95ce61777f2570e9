//! Commands from a fifo, for scripts that have nothing but `echo` (protocol, section 10.1).

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::stat::Mode;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;

use super::config::ServerConfig;
use super::hub::Hub;
use super::peer::Peer;
use super::router::{Routed, Router};
use super::socket_path::{BoundPath, apply_rights};
use super::{BROKER_NAME, Broker};
use crate::borrow::Cow;
use crate::limits::MAX_FIFO_LINE_BYTES;
use crate::protocol::RESPONSE_OK;
use crate::protocol::rpc::{NO_REPLY, NOTIFICATION_HEAD, request_head};
use crate::{Error, ErrorKind, QoS};

/// Who may write commands, unless configured: the owner and the group.
const DEFAULT_MODE: u32 = 0o620;

impl Broker {
    /// Reads commands from a fifo, one per line (protocol, section 10.1). They are carried out in
    /// the name of the core client. `buf_size` is accepted for compatibility; lines are bounded by
    /// [`MAX_FIFO_LINE_BYTES`]. The fifo is made with mode 0620.
    ///
    /// # Errors
    ///
    /// `NotSupported` without a core client, `Busy` if something that is no fifo is at the path,
    /// `Io` if the system refuses.
    pub async fn spawn_fifo(&mut self, path: &str, buf_size: usize) -> Result<(), Error> {
        let _ = buf_size;
        self.spawn_fifo_with(path, ServerConfig::new()).await
    }

    /// As [`spawn_fifo`](Self::spawn_fifo), with the mode and group of `config`.
    ///
    /// # Errors
    ///
    /// As [`spawn_fifo`](Self::spawn_fifo).
    #[allow(clippy::unused_async)]
    pub async fn spawn_fifo_with(&mut self, path: &str, config: ServerConfig) -> Result<(), Error> {
        let core = self
            .hub
            .find(BROKER_NAME)
            .ok_or_else(|| Error::not_supported("a fifo needs the core client"))?;
        let fifo = Fifo::create(Path::new(path), &config)?;
        self.bound.push(BoundPath::adopt(Path::new(path))?);
        self.tasks
            .push(tokio::spawn(fifo.run(self.hub.clone(), core)));
        Ok(())
    }
}

/// A fifo that is open for reading.
pub(super) struct Fifo {
    input: pipe::Receiver,
    path: PathBuf,
    config: ServerConfig,
}

impl Fifo {
    /// Makes the fifo, or takes the one that is there.
    pub(super) fn create(path: &Path, config: &ServerConfig) -> Result<Self, Error> {
        let explain =
            |e: io::Error| Error::io(format_args!("cannot open fifo {}: {e}", path.display()));
        match path.symlink_metadata() {
            Ok(metadata) if metadata.file_type().is_fifo() => {}
            Ok(_) => {
                return Err(Error::busy(format_args!(
                    "{} exists and is not a fifo",
                    path.display()
                )));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)
                    .map_err(|e| explain(e.into()))?;
            }
            Err(e) => return Err(explain(e)),
        }
        let mode = config.socket_mode.unwrap_or(DEFAULT_MODE);
        apply_rights(path, Some(mode), config)?;
        Ok(Self {
            input: open(path).map_err(explain)?,
            path: path.to_owned(),
            config: config.clone(),
        })
    }

    /// Carries out every line, in the name of `core`.
    pub(super) async fn run(self, hub: Arc<Hub>, core: Arc<Peer>) {
        let mut router = Router::new(hub, core, self.config.timeout);
        let mut lines = BufReader::new(self.input);
        let mut line = Vec::new();
        loop {
            match read_line(&mut lines, &mut line).await {
                Ok(Line::Whole) => match carry_out(&mut router, &line).await {
                    Ok(()) => {}
                    Err(e) => log::warn!("fifo: {:?}: {e}", String::from_utf8_lossy(&line)),
                },
                Ok(Line::TooLong) => {
                    log::warn!("fifo: a line of more than {MAX_FIFO_LINE_BYTES} bytes is skipped");
                }
                // The last writer has closed. A fifo that is opened anew is silent until the next
                // one comes; the old descriptor would report its end for ever.
                Ok(Line::NoMore) => match open(&self.path) {
                    Ok(input) => lines = BufReader::new(input),
                    Err(e) => {
                        log::error!("fifo {}: {e}", self.path.display());
                        return;
                    }
                },
                Err(e) => {
                    log::error!("fifo {}: {e}", self.path.display());
                    return;
                }
            }
        }
    }
}

fn open(path: &Path) -> io::Result<pipe::Receiver> {
    pipe::OpenOptions::new().open_receiver(path)
}

/// What was read.
enum Line {
    Whole,
    /// It was skipped.
    TooLong,
    /// The last writer has closed.
    NoMore,
}

/// Reads one line without its end. The last line of a writer needs none.
async fn read_line(
    input: &mut (impl AsyncBufReadExt + Unpin),
    line: &mut Vec<u8>,
) -> io::Result<Line> {
    line.clear();
    let mut fits = true;
    loop {
        let mut part = (&mut *input).take(MAX_FIFO_LINE_BYTES as u64 + 1);
        let n = part.read_until(b'\n', line).await?;
        if n == 0 && line.is_empty() && fits {
            return Ok(Line::NoMore);
        }
        let ended = line.pop_if(|last| *last == b'\n').is_some() || n == 0;
        if !ended && line.len() <= MAX_FIFO_LINE_BYTES {
            // The writer has closed in the middle of the line; the next read tells.
            continue;
        }
        if ended {
            line.pop_if(|last| *last == b'\r');
            return Ok(if fits { Line::Whole } else { Line::TooLong });
        }
        fits = false;
        line.clear();
    }
}

/// What a line asks for.
async fn carry_out(router: &mut Router, line: &[u8]) -> Result<(), Error> {
    let line = std::str::from_utf8(line)?;
    if line.is_empty() {
        return Ok(());
    }
    let routed = route(router, line)?;
    router.settle();
    let code = match routed {
        Routed::Done(code) => code,
        Routed::Held(held) => router.wait(held).await,
    };
    match code {
        RESPONSE_OK => Ok(()),
        code => Err(ErrorKind::from(code).into()),
    }
}

fn route(router: &mut Router, line: &str) -> Result<Routed, Error> {
    let (target, rest) = line
        .split_once(' ')
        .ok_or_else(|| Error::data("a line needs a target and something to send"))?;
    let payload = Cow::Borrowed(rest.as_bytes());
    let counted = target.len() + 1 + rest.len();
    if let Some(topic) = target.strip_prefix('=') {
        return Ok(router.publish(topic, None, payload, QoS::No, counted));
    }
    if target.contains(['*', '?']) {
        return Ok(router.broadcast(target, payload, QoS::No, counted));
    }
    let (head, data) = match rest.as_bytes() {
        [b'.', data @ ..] => (NOTIFICATION_HEAD.to_vec(), Cow::Borrowed(data)),
        [b':', ..] => request(&rest[1..])?,
        _ => return Ok(router.message(target, None, payload, QoS::No, counted)),
    };
    let counted = target.len() + 1 + head.len() + data.len();
    Ok(router.message(target, Some(Cow::Owned(head)), data, QoS::No, counted))
}

/// The two parts of a request that wants no reply: `METHOD [K=V ...]`.
fn request(text: &str) -> Result<(Vec<u8>, Cow<'static>), Error> {
    let mut words = text.split(' ');
    let method = words.next().unwrap_or_default();
    let pairs: Vec<&str> = words.collect();
    let params = crate::common::str_to_params_map(&pairs)?;
    let params = rmp_serde::to_vec_named(&params).map_err(Error::data)?;
    let head = request_head(NO_REPLY, method).ok_or_else(|| Error::data("NUL in the method"))?;
    Ok((head, Cow::Owned(params)))
}
