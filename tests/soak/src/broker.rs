//! The broker as a process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use elbus::ipc::{Client, Config};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::control::CONTROL;
use crate::rules;

/// How long its start and its end may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Broker {
    process: Child,
    pid: u32,
    dir: PathBuf,
    socket: String,
    port: u16,
    names: Vec<String>,
}

impl Broker {
    /// Starts it with rules for these clients, and waits until it serves.
    pub async fn start(program: &Path, names: &[String]) -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("elbus-soak-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let socket = dir.join("bus.sock").display().to_string();
        // Nobody else has it now; should that change before the broker has it, its start fails.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let config = dir.join("elbusd.toml");
        rules::write(&config, names, 0)?;
        let log = std::fs::File::create(dir.join("elbusd.log"))?;
        println!("log of the broker: {}", dir.join("elbusd.log").display());
        let process = Command::new(program)
            .args(["-B", &socket, "-B", &format!("127.0.0.1:{port}")])
            .arg("--config")
            .arg(&config)
            .args(["--max-clients", "4096"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let pid = process.id().context("the broker has ended")?;
        let broker = Self {
            process,
            pid,
            dir,
            socket,
            port,
            names: names.to_vec(),
        };
        broker.wait_until_it_serves().await?;
        Ok(broker)
    }

    async fn wait_until_it_serves(&self) -> Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        let config = Config::new(&self.socket, CONTROL);
        while let Err(e) = Client::connect(&config).await {
            ensure!(tokio::time::Instant::now() < end, "it does not serve: {e}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn socket(&self) -> &str {
        &self.socket
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What is needed to have it read its configuration again.
    pub fn reloading(&self) -> Reloading {
        Reloading {
            pid: self.pid,
            config: self.dir.join("elbusd.toml"),
            names: self.names.clone(),
        }
    }

    /// Tells it to stop. Nothing may be left then, and it has to be content.
    pub async fn stop(&mut self) -> Result<()> {
        signal(self.pid, Signal::SIGTERM)?;
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        match ended.context("the broker does not stop")?? {
            status if status.success() => {}
            status => bail!("the broker ended with {status}"),
        }
        let socket = Path::new(&self.socket);
        ensure!(!socket.exists(), "the broker has left its socket");
        Ok(())
    }
}

/// See [`Broker::reloading`].
pub struct Reloading {
    pid: u32,
    config: PathBuf,
    names: Vec<String>,
}

impl Reloading {
    /// With the rules of this number.
    pub fn reload(&self, number: usize) -> Result<()> {
        rules::write(&self.config, &self.names, number)?;
        signal(self.pid, Signal::SIGHUP)
    }

    /// With a file that is wrong.
    pub fn reload_broken(&self) -> Result<()> {
        rules::write_broken(&self.config)?;
        signal(self.pid, Signal::SIGHUP)
    }
}

fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?);
    kill(pid, signal).context("the broker has ended")
}
