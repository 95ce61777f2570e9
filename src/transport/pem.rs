//! Certificates and keys in PEM files, and the algorithms that use them.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Error;
use crate::limits::MAX_PEM_BYTES;

/// The implementation of all algorithms, for both ends.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// All certificates of a file, in its order; at least one.
///
/// # Errors
///
/// `Io` if the file cannot be read, `Data` if it has none or one is damaged. All name the file.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(file)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|e| wrong(file, e))?;
    if found.is_empty() {
        return Err(wrong(file, "no certificate in PEM format"));
    }
    Ok(found)
}

/// The first private key of a file: PKCS #8, PKCS #1 or SEC 1, not encrypted.
///
/// # Errors
///
/// As [`certificates`].
pub(crate) fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|e| match e {
        rustls::pki_types::pem::Error::NoItemsFound => {
            wrong(file, "no private key in PEM format that is not encrypted")
        }
        e => wrong(file, e),
    })
}

/// The certificates of a file as authorities.
///
/// # Errors
///
/// As [`certificates`]; `Data` also for a certificate that cannot be one of an authority.
pub(crate) fn roots(file: &Path) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|e| wrong(file, e))?;
    }
    Ok(Arc::new(roots))
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_PEM_BYTES + 1).read_to_end(&mut text))
        .map_err(|e| Error::io(format_args!("{}: {e}", file.display())))?;
    if text.len() as u64 > MAX_PEM_BYTES {
        return Err(wrong(
            file,
            format_args!("longer than {MAX_PEM_BYTES} bytes"),
        ));
    }
    Ok(text)
}

fn wrong(file: &Path, why: impl std::fmt::Display) -> Error {
    Error::data(format_args!("{}: {why}", file.display()))
}
