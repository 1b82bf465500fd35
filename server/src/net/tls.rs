//! TLS on the listener: certificates from files, read again on demand, and certificates for
//! testing.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, ServerConfig};

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or not PEM.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: String,
    },
    /// The files are each in order and do not go together.
    #[error("the key is not that of the certificate (the first one in the file)")]
    Mismatch,
    /// Certificate or key are of a kind that is not accepted.
    #[error("certificate and key: {0}")]
    Pair(Error),
}

/// The certificate in use. Connections made before a reload keep the one they began with.
#[derive(Debug)]
pub(super) struct Tls(RwLock<Arc<ServerConfig>>);

/// A certificate that was read and may be put into use.
#[derive(Debug)]
pub(super) struct Loaded(ServerConfig);

impl Loaded {
    pub(super) fn read(certificate: &Path, key: &Path) -> Result<Loaded, TlsError> {
        read(certificate, key).map(Loaded)
    }
}

impl Tls {
    pub(super) fn new(loaded: Loaded) -> Tls {
        Tls(RwLock::new(Arc::new(loaded.0)))
    }

    /// New connections see this certificate.
    pub(super) fn take_up(&self, loaded: Loaded) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded.0);
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let config = self.0.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(config.clone())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let at = |path: &Path, what: &str, error| TlsError::File {
        path: path.to_owned(),
        error: match error {
            pem::Error::NoItemsFound => format!("no {what} in it; expected PEM"),
            pem::Error::Io(error) => error.to_string(),
            error => error.to_string(),
        },
    };
    let no_certificate = |error| at(certificate, "certificate", error);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(no_certificate)?;
    if chain.is_empty() {
        return Err(no_certificate(pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| at(key, "private key", error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            Error::InconsistentKeys(_) => TlsError::Mismatch,
            error => TlsError::Pair(error),
        })?;
    // WebSocket upgrades are a matter of HTTP/1.1; a browser must not choose anything else.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A certificate for testing, as three PEM texts.
#[derive(Clone, Debug)]
pub struct DevCertificate {
    /// What clients are to trust.
    pub authority: String,
    /// What the server shows.
    pub certificate: String,
    /// The server's private key.
    pub key: String,
}

/// Makes a certificate for these names and addresses, signed by an authority made for it alone,
/// whose key is thrown away: nobody can make another one that passes.
pub fn dev_certificate(names: &[String]) -> Result<DevCertificate, String> {
    make(names).map_err(|error| error.to_string())
}

fn make(names: &[String]) -> Result<DevCertificate, rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let subject = &mut authority.distinguished_name;
    subject.push(DnType::CommonName, "Tickwire development authority");
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let mut server = CertificateParams::new(names.to_vec())?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Authorities of several runs have the same name; this tells OpenSSL which one it was.
    server.use_authority_key_identifier_extension = true;
    let subject = &mut server.distinguished_name;
    subject.push(DnType::CommonName, "Tickwire development server");
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    Ok(DevCertificate {
        authority: authority_certificate.pem(),
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_do_not_hold_are_told_in_words() {
        let name = format!("tickwire-tls-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let made = dev_certificate(&["localhost".to_owned()]).unwrap();
        let certificate = write("cert.pem", &made.certificate);
        let key = write("key.pem", &made.key);
        let other = dev_certificate(&["localhost".to_owned()]).unwrap();
        let other_key = write("other.pem", &other.key);
        let text = write("text.pem", "no certificate");
        read(&certificate, &key).unwrap();
        for (certificate, key, words) in [
            (&text, &key, "text.pem: no certificate in it"),
            (&certificate, &text, "text.pem: no private key in it"),
            (&folder.join("none.pem"), &key, "none.pem: No such file"),
            (&certificate, &other_key, "the key is not that of the"),
        ] {
            let error = read(certificate, key).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
