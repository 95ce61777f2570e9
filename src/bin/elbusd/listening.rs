//! Opens every address: those on the command line, and sockets that are open already.

use elbus::Error;
use elbus::address::Address;
use elbus::broker::{Broker, HostList, ServerConfig};

use crate::access::{Rules, host_list};
use crate::config::BindAddress;
use crate::default_address;
use crate::inherited::Inherited;
use crate::options::ListenerOptions;
use crate::privileges::Target;
use crate::settings::{ListenerSettings, Settings};
use crate::tls::Certificates;

/// Who may ask for metrics over a UNIX socket: the owner and the group.
const METRICS_MODE: u32 = 0o660;

/// What the addresses have in common.
pub struct Doors<'a> {
    pub settings: &'a Settings,
    /// Those of the configuration file.
    pub rules: Option<&'a Rules>,
    /// For those with TLS.
    pub certificates: &'a mut Certificates,
    /// Who is going to serve them.
    pub target: Option<&'a Target>,
}

impl Doors<'_> {
    /// Opens every address, and says so in the log. One whose socket is open already uses that; the
    /// default address is for those who have given none and inherited nothing.
    ///
    /// # Errors
    ///
    /// A message for humans that names the address.
    pub async fn open(
        &mut self,
        broker: &mut Broker,
        inherited: Vec<Inherited>,
    ) -> Result<(), String> {
        let mut addresses = self.settings.addresses();
        if addresses.is_empty() && inherited.is_empty() {
            addresses.push(default_address::choose());
        }
        for socket in inherited {
            let mut name = socket.name();
            let used = addresses.extract_if(.., |address| socket.is_at(address));
            let mut wanted: Vec<_> = used.collect();
            let settings = self.settings.of_listener(|address| socket.is_at(address));
            wanted.extend(settings.table.as_ref().map(BindAddress::address));
            // Whoever has asked for TLS must not get less.
            let is_tls = wanted.iter().any(|it| matches!(it, Address::Tls(_)));
            let config = self.guarded(&settings);
            match socket {
                Inherited::Unix(socket) => broker.spawn_unix_listener(socket, config).await,
                Inherited::Tcp(socket) if is_tls => {
                    name = Address::Tls(name).to_string();
                    let files = &settings.options.tls;
                    let served = self.certificates.serve(broker, socket, config, files);
                    served.await
                }
                Inherited::Tcp(socket) => broker.spawn_tcp_listener(socket, config).await,
            }
            .map_err(|error| format!("cannot listen on {name}: {error}"))?;
            log::info!("listening on {name}, which was open already");
        }
        for address in &addresses {
            self.bind(broker, address)
                .await
                .map_err(|error| format!("cannot listen on {address}: {error}"))?;
            log::info!("{}", invitation(address));
        }
        let settings = self.settings.of_listener(|_| false);
        // As for other sockets, but for the mode: who may use the bus need not know who else does.
        let config = settings.options.server_config();
        let config = self.owned(&settings.options, config.socket_mode(METRICS_MODE));
        let metrics = &self.settings.process.metrics;
        metrics.open(broker, config).await
    }

    async fn bind(&mut self, broker: &mut Broker, address: &Address) -> Result<(), Error> {
        let settings = self.settings.of_listener(|other| other == address);
        match address {
            Address::Unix(path) => {
                let path = path.to_string_lossy();
                let config = self.guarded(&settings);
                broker.spawn_unix_server(&path, config).await
            }
            Address::Tcp(address) => {
                let config = self.guarded(&settings);
                broker.spawn_tcp_server(address, config).await
            }
            Address::Tls(address) => {
                let config = self.guarded(&settings);
                let files = &settings.options.tls;
                let listens = self.certificates.listen(broker, address, config, files);
                listens.await
            }
            #[cfg(feature = "rpc")]
            Address::Fifo(path) => {
                let path = path.to_string_lossy();
                let config = self.owned(&settings.options, settings.options.fifo_config());
                broker.spawn_fifo_with(&path, config).await
            }
            #[cfg(not(feature = "rpc"))]
            Address::Fifo(_) => Err(Error::not_supported("built without the feature `rpc`")),
        }
    }

    /// What applies to a socket. Fifos are guarded by their permissions.
    fn guarded(&self, settings: &ListenerSettings) -> ServerConfig {
        let config = self.owned(&settings.options, settings.options.server_config());
        let (map, hosts) = match self.rules {
            Some(rules) => rules.of_listener(settings.table.as_ref()),
            None => (None, HostList::default()),
        };
        let config = match &settings.allow {
            Some(rules) => config.hosts(host_list(Some(rules))),
            None => config.hosts(hosts),
        };
        match map {
            Some(map) => config.aaa_map(map),
            None => config,
        }
    }

    /// What this process makes belongs to whom it is going to be.
    fn owned(&self, options: &ListenerOptions, config: ServerConfig) -> ServerConfig {
        let Some(target) = self.target else {
            return config;
        };
        let config = config.socket_owner(target.uid);
        match options.socket_group {
            Some(_) => config,
            None => config.socket_group(target.gid),
        }
    }
}

/// Says that an address is open, together with a command that uses it.
fn invitation(address: &Address) -> String {
    match address {
        Address::Unix(_) | Address::Tcp(_) => {
            format!("listening on {address}, try: elbus {address} listen")
        }
        Address::Tls(_) => {
            format!("listening on {address}, try: elbus {address} --tls-ca FILE listen")
        }
        Address::Fifo(path) => {
            let path = path.display();
            format!("reading commands from {path}, try: echo '=topic payload' > {path}")
        }
    }
}
