//! In place of `tls.rs`, in an `elbusd` that was built without the feature: no options, no
//! certificates.

use std::net::TcpListener;

use clap::Args as Group;
use elbus::Error;
use elbus::broker::{Broker, ServerConfig};

/// There are none.
#[derive(Debug, Group)]
pub struct Files {}

/// There are none.
pub struct Certificates;

impl Files {
    pub fn load(&self) -> Result<Certificates, String> {
        Ok(Certificates)
    }
}

impl Certificates {
    #[allow(clippy::unused_async)]
    pub async fn listen(&self, _: &mut Broker, _: &str, _: ServerConfig) -> Result<(), Error> {
        Err(missing())
    }

    #[allow(clippy::unused_async)]
    pub async fn serve(
        &self,
        _: &mut Broker,
        _: TcpListener,
        _: ServerConfig,
    ) -> Result<(), Error> {
        Err(missing())
    }

    pub fn exist(&self) -> bool {
        false
    }

    pub fn reload(&self) -> bool {
        true
    }

    pub fn check_reload(&self) {}
}

fn missing() -> Error {
    Error::not_supported("built without the feature `tls`")
}
