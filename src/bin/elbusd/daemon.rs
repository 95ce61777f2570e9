//! The life of the broker: it is started, serves until a signal asks it to stop, and leaves
//! nothing behind.

use std::time::Duration;

#[cfg(feature = "rpc")]
use elbus::broker::BrokerEvent;
use elbus::broker::{Broker, BrokerOptions};
use elbus::limits;
use nix::sys::stat::{Mode, umask};

use crate::access::Rules;
use crate::allocator;
use crate::background::Report;
use crate::descriptors;
use crate::inherited::Inherited;
use crate::listening::Doors;
use crate::manager::{Manager, READY, READY_AS_BEFORE};
use crate::oom_score;
use crate::pid_file::PidFile;
use crate::privileges::{self, Target};
use crate::runtime::Workers;
use crate::settings::Settings;
use crate::signals::{Request, Signals};
use crate::tls::Certificates;
use crate::watchdog;

/// How long the announcement of the end may take: as long as a client that does not read can make
/// it wait.
#[cfg(feature = "rpc")]
const ANNOUNCE_LIMIT: Duration = Duration::from_millis(250);

/// What this process was given by those who have started it.
pub struct Origin {
    /// Who wants to know how it is.
    pub manager: Manager,
    /// Sockets that listen already.
    pub inherited: Vec<Inherited>,
    /// The first of two processes, which waits until this one listens.
    pub first: Option<Report>,
}

/// Runs the broker until SIGTERM or SIGINT.
///
/// # Errors
///
/// A message for humans that says what could not be done, and why.
pub fn run(settings: &Settings, origin: Origin) -> Result<(), String> {
    // What the process makes has the modes that are documented, whatever it inherits; until it has
    // them, and if it makes something that nobody has thought of, it is nobody else's.
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let target = Target::choose(&settings.process)?;
    if let Some(score) = settings.process.oom_score_adj {
        oom_score::adjust(score);
    }
    let Origin {
        manager,
        inherited,
        first,
    } = origin;
    let count = settings.process.worker_threads();
    let workers = Workers::prepare(count)
        .map_err(|error| format!("cannot prepare {count} workers: {error}"))?;
    let threads = workers.threads();
    let waker = threads.clone();
    let options = BrokerOptions::new()
        .max_clients(settings.broker.clients())
        .max_subscriptions(settings.broker.subscriptions())
        .max_memory(settings.broker.memory())
        .workers(workers.handles())
        .wake_workers(move |worker| waker.wake(worker))
        .on_keep_alive(allocator::tick);
    let start = Start {
        settings,
        inherited,
        target,
        first,
    };
    workers.run(async {
        tokio::select! {
            result = serve(start, options, &manager) => result,
            never = watchdog::run(&manager, &threads) => match never {},
        }
    })
}

/// What a start uses up.
struct Start<'a> {
    settings: &'a Settings,
    inherited: Vec<Inherited>,
    target: Option<Target>,
    first: Option<Report>,
}

async fn serve(start: Start<'_>, options: BrokerOptions, manager: &Manager) -> Result<(), String> {
    let settings = start.settings;
    // Before anything that has to be undone exists.
    let mut signals = Signals::install()
        .map_err(|error| format!("cannot install the signal handlers: {error}"))?;
    let file = settings.config.as_ref();
    let rules = file.map(|(path, config)| Rules::new(path, config));
    let shortage = descriptors::provide_for(settings);
    let mut broker = Broker::with_options(options);
    let mut reloaded = Reloaded {
        rules,
        certificates: Certificates::default(),
    };
    let _pid_file = match start.carry_out(&mut broker, &mut reloaded, manager).await {
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
            Request::Reload => {
                manager.tell_reloading();
                let done = reloaded.reload(&broker);
                manager.tell(if done { READY } else { READY_AS_BEFORE });
            }
        }
    };
    log::info!("{signal}: stopping");
    manager.tell("STOPPING=1\nSTATUS=delivering what is queued");
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

impl Start<'_> {
    /// Opens every door, then tells that they are open.
    async fn carry_out(
        self,
        broker: &mut Broker,
        reloaded: &mut Reloaded,
        manager: &Manager,
    ) -> Result<Option<PidFile>, String> {
        let settings = self.settings;
        // Clients may call `.broker` from the first moment they can connect.
        #[cfg(feature = "rpc")]
        broker
            .init_default_core_rpc()
            .await
            .map_err(|error| format!("cannot start the methods of the broker: {error}"))?;
        let mut doors = Doors {
            settings,
            rules: reloaded.rules.as_ref(),
            certificates: &mut reloaded.certificates,
            target: self.target.as_ref(),
        };
        doors.open(broker, self.inherited).await?;
        let pid_file = settings
            .process
            .pid_file
            .as_deref()
            .map(PidFile::create)
            .transpose()?;
        if let Some(target) = self.target {
            target.become_it()?;
            if let Some((path, _)) = &settings.config {
                privileges::check_reload(path, "the rules");
            }
            reloaded.certificates.check_reload();
        }
        match self.first {
            Some(first) => first.ready()?,
            None => manager.tell(READY),
        }
        Ok(pid_file)
    }
}

/// What SIGHUP is about. Files are read in place: they are short, and nobody waits for a worker more.
struct Reloaded {
    rules: Option<Rules>,
    certificates: Certificates,
}

impl Reloaded {
    /// Reads everything again. False if anything cannot be used; that stays as it was.
    fn reload(&self, broker: &Broker) -> bool {
        if self.rules.is_none() && !self.certificates.exist() {
            log::info!("SIGHUP: there is no configuration to reload, nothing changes");
            return true;
        }
        let rules = self.rules.as_ref();
        let has_rules = rules.is_none_or(|rules| reload_rules(broker, rules));
        self.certificates.reload() && has_rules
    }
}

/// Reads the access rules again. When the log says that they are in force, they are, also for clients
/// that are connected. False if the rules cannot be used.
fn reload_rules(broker: &Broker, rules: &Rules) -> bool {
    match rules.reload() {
        Ok(change) => {
            broker.refresh_access();
            log::info!("SIGHUP: new access rules are in force: {change}");
            true
        }
        Err(failure) => {
            log::error!("SIGHUP: the access rules stay as they were: {failure}");
            false
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
