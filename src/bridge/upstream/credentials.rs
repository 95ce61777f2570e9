//! Who the bridge is, and whom it trusts: read anew for each connection, so that what was renewed is
//! used by the next one.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;

use super::message::MAX_TEXT_BYTES;
use super::options::{Credentials, Secret, TlsFiles};
use crate::Error;
use crate::transport::pem;

/// User name and password; either may be empty.
pub(super) struct Login {
    pub(super) username: String,
    pub(super) password: String,
}

/// Reads user name and password. `None` if there is neither.
///
/// # Errors
///
/// `Io` if a file cannot be read, `Data` if its contents are no text or too long. All name the file.
pub(super) fn login(credentials: &Credentials) -> Result<Option<Login>, Error> {
    let read = |secret: &Option<Secret>| secret.as_ref().map(text).transpose();
    let username = read(&credentials.username)?;
    let password = read(&credentials.password)?;
    if username.is_none() && password.is_none() {
        return Ok(None);
    }
    Ok(Some(Login {
        username: username.unwrap_or_default(),
        password: password.unwrap_or_default(),
    }))
}

fn text(secret: &Secret) -> Result<String, Error> {
    let file = match secret {
        Secret::Text(text) => return Ok(text.clone()),
        Secret::File(file) => file,
    };
    let mut text = read(file)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.len() > MAX_TEXT_BYTES {
        let why = format_args!("{}: longer than {MAX_TEXT_BYTES} bytes", file.display());
        return Err(Error::data(why));
    }
    Ok(text)
}

fn read(file: &Path) -> Result<String, Error> {
    let mut text = String::new();
    // Room for the line break, and to see that it is longer.
    let most = MAX_TEXT_BYTES as u64 + 3;
    File::open(file)
        .and_then(|open| open.take(most).read_to_string(&mut text))
        .map_err(|e| Error::io(format_args!("{}: {e}", file.display())))?;
    Ok(text)
}

/// What TLS needs. Only the authorities in the given file are trusted: those of web browsers vouch for
/// names of the Internet, and whoever can get such a certificate must not pass for the plant's broker.
///
/// # Errors
///
/// `Io` if a file cannot be read, `Data` if it is missing or cannot be used. All name the file.
pub(super) fn tls(files: &TlsFiles) -> Result<Arc<ClientConfig>, Error> {
    let ca = files.ca.as_deref().ok_or_else(|| {
        Error::data("TLS needs the certificate of the authority that vouches for the upstream")
    })?;
    let builder = ClientConfig::builder_with_provider(pem::provider())
        .with_safe_default_protocol_versions()
        .map_err(Error::data)?
        .with_root_certificates(pem::roots(ca)?);
    let mut config = match &files.own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = pem::certificates(certificate)?;
            let (shown, kept) = (certificate.display(), key.display());
            builder
                .with_client_auth_cert(chain, pem::private_key(key)?)
                .map_err(|e| Error::data(format_args!("{shown} with {kept}: {e}")))?
        }
    };
    // Each connection has a configuration of its own, so there is nothing to resume.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn file(name: &str, contents: &[u8]) -> Secret {
        let dir = std::env::temp_dir().join(format!("elbus-credentials-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join(name);
        std::fs::write(&file, contents).unwrap();
        Secret::File(file)
    }

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_a_secret() {
        for (name, contents, expected) in [
            ("plain", "secret", "secret"),
            ("line", "secret\n", "secret"),
            ("dos", "secret\r\n", "secret"),
            ("two", "secret\n\n", "secret\n"),
            ("empty", "", ""),
        ] {
            assert_eq!(text(&file(name, contents.as_bytes())).unwrap(), expected);
        }
        let longest = "x".repeat(MAX_TEXT_BYTES);
        assert_eq!(
            text(&file("longest", format!("{longest}\r\n").as_bytes())).unwrap(),
            longest
        );
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let longer = "x".repeat(MAX_TEXT_BYTES + 1);
        let wrong = text(&file("long", longer.as_bytes())).unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::Data);
        assert!(wrong.to_string().contains("long"), "{wrong}");
        let missing = text(&Secret::File("/nonexistent/password".into())).unwrap_err();
        assert!(missing.to_string().contains("/nonexistent/password"));
        assert!(text(&file("binary", b"\xFF\xFE")).is_err());
    }

    #[test]
    fn nothing_is_sent_if_nothing_is_configured() {
        assert!(login(&Credentials::default()).unwrap().is_none());
        let credentials = Credentials {
            username: Some(Secret::Text("plc".to_owned())),
            password: None,
        };
        let login = login(&credentials).unwrap().unwrap();
        assert_eq!((&*login.username, &*login.password), ("plc", ""));
    }

    #[test]
    fn tls_without_an_authority_is_refused() {
        assert!(tls(&TlsFiles::default()).is_err());
    }
}
