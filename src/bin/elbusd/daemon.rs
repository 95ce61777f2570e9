//! The life of the broker: it is started, serves until a signal asks it to stop, and leaves
//! nothing behind.

use std::time::Duration;

use elbus::address::Address;
#[cfg(feature = "rpc")]
use elbus::broker::BrokerEvent;
use elbus::broker::{Broker, BrokerOptions, ServerConfig};
use elbus::limits;

use crate::access::Rules;
use crate::args::Args;
use crate::default_address;
use crate::descriptors;
use crate::pid_file::PidFile;
use crate::runtime::Workers;
use crate::signals::{Request, Signals};

/// How long the announcement of the end may take: as long as a client that does not read can make
/// it wait.
#[cfg(feature = "rpc")]
const ANNOUNCE_LIMIT: Duration = Duration::from_millis(250);

/// Runs the broker until SIGTERM or SIGINT. Calls `ready` once, when every address is bound and the
/// pid file is written; an error of it ends the broker.
///
/// # Errors
///
/// A message for humans that says what could not be done, and why.
pub fn run(args: &Args, ready: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let count = args.process.workers();
    let workers = Workers::prepare(count)
        .map_err(|error| format!("cannot prepare {count} workers: {error}"))?;
    let options = BrokerOptions::new()
        .max_clients(args.clients.max_clients)
        .workers(workers.handles())
        .wake_workers(workers.waker());
    workers.run(serve(args, options, ready))
}

async fn serve(
    args: &Args,
    options: BrokerOptions,
    ready: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    // Before anything that has to be undone exists.
    let mut signals = Signals::install()
        .map_err(|error| format!("cannot install the signal handlers: {error}"))?;
    let rules = args.access.config.clone().map(Rules::load).transpose()?;
    let shortage = descriptors::provide_for(args.clients.max_clients);
    let mut broker = Broker::with_options(options);
    let _pid_file = match start(&mut broker, args, rules.as_ref(), ready).await {
        Ok(pid_file) => pid_file,
        Err(failure) => {
            // Removes the sockets that were bound before.
            broker.shutdown(Duration::ZERO).await;
            return Err(failure);
        }
    };
    if let Some(shortage) = shortage {
        log::warn!("{shortage}");
    }
    let signal = loop {
        match signals.next().await {
            Request::Stop(signal) => break signal,
            Request::Reload => reload(&broker, rules.as_ref()),
        }
    };
    log::info!("{signal}: stopping");
    tokio::select! {
        () = stop(&mut broker) => {
            log::info!("stopped");
            Ok(())
        }
        signal = signals.stop_requested() => {
            Err(format!("{signal} while stopping: some clients may have missed the end"))
        }
    }
}

/// Opens every door, then tells that they are open.
async fn start(
    broker: &mut Broker,
    args: &Args,
    rules: Option<&Rules>,
    ready: impl FnOnce() -> Result<(), String>,
) -> Result<Option<PidFile>, String> {
    // Clients may call `.broker` from the first moment they can connect.
    #[cfg(feature = "rpc")]
    broker
        .init_default_core_rpc()
        .await
        .map_err(|error| format!("cannot start the methods of the broker: {error}"))?;
    for address in &addresses(args) {
        bind(broker, address, args, rules)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        log::info!("{}", invitation(address));
    }
    let pid_file = args
        .process
        .pid_file
        .as_deref()
        .map(PidFile::create)
        .transpose()?;
    ready()?;
    Ok(pid_file)
}

fn addresses(args: &Args) -> Vec<Address> {
    if args.listening.bind.is_empty() {
        vec![default_address::choose()]
    } else {
        args.listening.bind.clone()
    }
}

async fn bind(
    broker: &mut Broker,
    address: &Address,
    args: &Args,
    rules: Option<&Rules>,
) -> Result<(), elbus::Error> {
    match address {
        Address::Unix(path) => {
            let path = path.to_string_lossy();
            broker.spawn_unix_server(&path, guarded(args, rules)).await
        }
        Address::Tcp(address) => broker.spawn_tcp_server(address, guarded(args, rules)).await,
        #[cfg(feature = "rpc")]
        Address::Fifo(path) => {
            let path = path.to_string_lossy();
            broker.spawn_fifo_with(&path, args.fifo_config()).await
        }
        #[cfg(not(feature = "rpc"))]
        Address::Fifo(_) => Err(elbus::Error::not_supported(
            "built without the feature `rpc`",
        )),
    }
}

/// What applies to every socket, with the one set of access rules that there is. Fifos are guarded by
/// their permissions.
fn guarded(args: &Args, rules: Option<&Rules>) -> ServerConfig {
    let config = args.server_config();
    match rules.and_then(Rules::map) {
        Some(map) => config.aaa_map(map),
        None => config,
    }
}

/// Reads the access rules again. When the log says that they are in force, they are, also for clients
/// that are connected. The file is read in place: it is short, and nobody waits for a worker more.
fn reload(broker: &Broker, rules: Option<&Rules>) {
    let Some(rules) = rules else {
        log::info!("SIGHUP: there is no configuration to reload, nothing changes");
        return;
    };
    match rules.reload() {
        Ok(change) => {
            broker.refresh_access();
            log::info!("SIGHUP: new access rules are in force: {change}");
        }
        Err(failure) => {
            log::error!("SIGHUP: the access rules stay as they were: {failure}");
        }
    }
}

/// Says that an address is open, together with a command that uses it.
fn invitation(address: &Address) -> String {
    match address {
        Address::Unix(_) | Address::Tcp(_) => {
            format!("listening on {address}, try: elbus {address} listen")
        }
        Address::Fifo(path) => {
            let path = path.display();
            format!("reading commands from {path}, try: echo '=topic payload' > {path}")
        }
    }
}

/// Tells every client, delivers what waits for them, and closes everything, in a bounded time.
async fn stop(broker: &mut Broker) {
    #[cfg(feature = "rpc")]
    match tokio::time::timeout(ANNOUNCE_LIMIT, broker.announce(BrokerEvent::shutdown())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::warn!("the stop was not announced: {error}"),
        Err(_) => log::warn!("the stop was not announced to every client in time"),
    }
    broker.shutdown(limits::LINGER).await;
}
