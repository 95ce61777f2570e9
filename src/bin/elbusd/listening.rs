//! Opens every address: those on the command line, and sockets that are open already.

use elbus::Error;
use elbus::address::Address;
use elbus::broker::{Broker, ServerConfig};

use crate::access::Rules;
use crate::args::Args;
use crate::default_address;
use crate::inherited::Inherited;
use crate::privileges::Target;
use crate::tls::Certificates;

/// What the addresses have in common.
pub struct Doors<'a> {
    pub args: &'a Args,
    /// The one set of access rules that there is.
    pub rules: Option<&'a Rules>,
    /// For those with TLS.
    pub certificates: &'a Certificates,
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
    pub async fn open(&self, broker: &mut Broker, inherited: Vec<Inherited>) -> Result<(), String> {
        let mut addresses = self.args.listening.bind.clone();
        if addresses.is_empty() && inherited.is_empty() {
            addresses.push(default_address::choose());
        }
        for socket in inherited {
            let mut name = socket.name();
            let config = self.guarded();
            let used = addresses.extract_if(.., |address| socket.is_at(address));
            let used: Vec<_> = used.collect();
            // Whoever has asked for TLS must not get less.
            let is_tls = used
                .iter()
                .any(|address| matches!(address, Address::Tls(_)));
            match socket {
                Inherited::Unix(socket) => broker.spawn_unix_listener(socket, config).await,
                Inherited::Tcp(socket) if is_tls => {
                    name = Address::Tls(name).to_string();
                    self.certificates.serve(broker, socket, config).await
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
        Ok(())
    }

    async fn bind(&self, broker: &mut Broker, address: &Address) -> Result<(), Error> {
        match address {
            Address::Unix(path) => {
                let path = path.to_string_lossy();
                broker.spawn_unix_server(&path, self.guarded()).await
            }
            Address::Tcp(address) => broker.spawn_tcp_server(address, self.guarded()).await,
            Address::Tls(address) => {
                let config = self.guarded();
                self.certificates.listen(broker, address, config).await
            }
            #[cfg(feature = "rpc")]
            Address::Fifo(path) => {
                let path = path.to_string_lossy();
                let config = self.owned(self.args.fifo_config());
                broker.spawn_fifo_with(&path, config).await
            }
            #[cfg(not(feature = "rpc"))]
            Address::Fifo(_) => Err(Error::not_supported("built without the feature `rpc`")),
        }
    }

    /// What applies to every socket. Fifos are guarded by their permissions.
    fn guarded(&self) -> ServerConfig {
        let config = self.owned(self.args.server_config());
        match self.rules.and_then(Rules::map) {
            Some(map) => config.aaa_map(map),
            None => config,
        }
    }

    /// What this process makes belongs to whom it is going to be.
    fn owned(&self, config: ServerConfig) -> ServerConfig {
        let Some(target) = self.target else {
            return config;
        };
        let config = config.socket_owner(target.uid);
        match self.args.listening.socket_group {
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
