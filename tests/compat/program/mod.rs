//! A program that uses every public item of elbus 0.2, and panics where one does not do what it
//! did there. No item of a later version is used.
//!
//! | module | items of |
//! | --- | --- |
//! | `root` | the crate root: constants, errors, enums |
//! | `frames` | the crate root: frames; `borrow` |
//! | `helpers` | `comm`, `common`, `tools::pubsub` |
//! | `client` | `client`, on any client |
//! | `ipc` | `ipc` |
//! | `rpc` | `rpc`, without a broker |
//! | `calls` | `rpc`, with a broker |
//! | `broker` | `broker` |
//! | `access` | `broker`: access rules |

mod access;
mod broker;
mod calls;
mod client;
mod frames;
mod helpers;
mod ipc;
mod root;
mod rpc;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use elbus::broker::{Broker, ServerConfig};
use elbus::{Error, OpConfirm};

/// What takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Longer than anything takes on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        root::constants();
        root::enums();
        root::errors().await;
        frames::payloads();
        frames::frames();
        helpers::buffered_writer().await;
        helpers::replies_of_the_broker();
        helpers::params();
        helpers::topic_broker().await;
        rpc::constants();
        rpc::events();
        rpc::errors();
        step("clients over sockets", ipc::clients()).await;
        step("clients of the process", broker::clients_of_the_process()).await;
        step("calls", calls::calls()).await;
        step("options", calls::options()).await;
        step("core client", broker::core_client()).await;
        step("fifo", broker::fifo()).await;
        step("access rules", access::rules()).await;
    });
}

/// Ends a step that hangs.
async fn step(name: &str, work: impl Future<Output = ()>) {
    let timed = tokio::time::timeout(DEADLINE, work).await;
    timed.unwrap_or_else(|_| panic!("hangs: {name}"));
}

/// The outcome of an operation that is to be confirmed.
async fn confirmed(sent: Result<OpConfirm, Error>) -> Result<(), Error> {
    sent?.expect("a confirmation").await?
}

/// A broker with a UNIX socket in a directory of its own.
struct Bus {
    broker: Broker,
    directory: PathBuf,
}

impl Bus {
    async fn start(name: &str) -> Self {
        Self::with(name, ServerConfig::new()).await
    }

    async fn with(name: &str, config: ServerConfig) -> Self {
        let directory = format!("elbus-compat-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        std::fs::create_dir_all(&directory).expect("a directory");
        let mut bus = Self {
            broker: Broker::new(),
            directory,
        };
        let path = bus.path("sock");
        let started = bus.broker.spawn_unix_server(&path, config).await;
        started.expect("a listener");
        bus
    }

    fn path(&self, name: &str) -> String {
        let path = self.directory.join(name);
        path.to_str().expect("a plain path").to_owned()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
