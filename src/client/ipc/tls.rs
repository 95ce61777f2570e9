//! TLS for the client: whom it trusts, and how it proves who it is.

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::{ClientConnection, Resumption};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use crate::Error;
use crate::link::TlsFiles;
use crate::transport::socket::{ReadHalf, Socket, WriteHalf};
use crate::transport::tls;

/// Connects to `address`, `HOST:PORT`, and opens a TLS session with what answers.
///
/// # Errors
///
/// `Data` if a file is missing or cannot be used, or the host is no name that a certificate could
/// have; `Io` if there is no broker, or no session with it.
pub(super) async fn connect(
    address: &str,
    files: &TlsFiles,
) -> Result<(ReadHalf, WriteHalf), Error> {
    let explain = |e: io::Error| Error::io(format_args!("cannot connect to tls://{address}: {e}"));
    let host = host(address);
    let server = ServerName::try_from(host.to_owned())
        .map_err(|_| Error::data(format_args!("{host:?} cannot be the name of a host")))?;
    let session = ClientConnection::new(load(files)?, server).map_err(Error::io)?;
    let stream = TcpStream::connect(address).await.map_err(explain)?;
    let (input, output) = Socket::tls(stream, session)?.split()?;
    tls::open(&input, &output).await.map_err(explain)?;
    Ok((input, output))
}

fn load(files: &TlsFiles) -> Result<Arc<ClientConfig>, Error> {
    // The authorities of web browsers vouch for names of the Internet. A broker of a plant has
    // none, and whoever can get one must not pass for it.
    let ca = files.ca.as_deref().ok_or_else(|| {
        Error::data("TLS needs the certificate of the authority that vouches for the broker")
    })?;
    let builder = ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(Error::data)?
        .with_root_certificates(tls::roots(ca)?);
    let mut config = match &files.own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = tls::certificates(certificate)?;
            let (shown, kept) = (certificate.display(), key.display());
            builder
                .with_client_auth_cert(chain, tls::private_key(key)?)
                .map_err(|e| Error::data(format_args!("{shown} with {kept}: {e}")))?
        }
    };
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The host in `HOST:PORT`; an IPv6 address without its brackets.
fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_is_what_a_certificate_may_have() {
        for (address, expected) in [
            ("plc.plant:7778", "plc.plant"),
            ("10.0.0.1:7778", "10.0.0.1"),
            ("[fd00::1]:7778", "fd00::1"),
        ] {
            assert_eq!(host(address), expected);
            assert!(ServerName::try_from(host(address)).is_ok(), "{address}");
        }
    }
}
