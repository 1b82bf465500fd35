//! TLS on the listener: certificates from files, read again on demand, and certificates for
//! testing.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or not PEM.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: pem::Error,
    },
    /// Certificate and key do not go together, or are of a kind that is not accepted.
    #[error("certificate and key: {0}")]
    Pair(#[from] tokio_rustls::rustls::Error),
}

/// The certificate in use. Connections made before a reload keep the one they began with.
#[derive(Debug)]
pub(super) struct Tls(RwLock<Arc<ServerConfig>>);

impl Tls {
    pub(super) fn load(certificate: &Path, key: &Path) -> Result<Tls, TlsError> {
        Ok(Tls(RwLock::new(Arc::new(read(certificate, key)?))))
    }

    /// Reads the files again; the old certificate stays if they are wrong.
    pub(super) fn reload(&self, certificate: &Path, key: &Path) -> Result<(), TlsError> {
        let config = Arc::new(read(certificate, key)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let config = self.0.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(config.clone())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |error| TlsError::File { path, error }
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(at(certificate))?;
    if chain.is_empty() {
        return Err(at(certificate)(pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(at(key))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
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
