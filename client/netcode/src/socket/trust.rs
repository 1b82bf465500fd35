//! Whose word is taken on who the server is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// The certificate authorities that are believed when a server says who it is.
///
/// The default is this machine's own store, read when it is first needed. There is no way to
/// believe everybody.
#[derive(Clone, Default)]
pub struct Trust(Option<Arc<ClientConfig>>);

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whose = self.0.as_ref().map_or("machine", |_| "file");
        f.debug_tuple("Trust").field(&whose).finish()
    }
}

/// Why nobody can be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: String,
    },
    /// The file is something else.
    #[error("{path}: no certificate in it; expected PEM, `-----BEGIN CERTIFICATE-----`")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A certificate in the file is damaged.
    #[error("{path}: certificate {number} is damaged: {error}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which one, counted from 1.
        number: usize,
        /// In what way.
        error: String,
    },
    /// This machine has no store.
    #[error(
        "this machine has no certificate authorities{0}; install its package `ca-certificates` or \
         name a file with --ca"
    )]
    NoStore(String),
    /// The TLS library refuses its own settings.
    #[error("TLS cannot be used: {0}")]
    Library(String),
}

impl Trust {
    /// Believes the authorities in this PEM file and nobody else.
    pub fn from_file(path: &Path) -> Result<Trust, TrustError> {
        let path_of = || path.to_owned();
        let pem = std::fs::read(path).map_err(|error| TrustError::Unreadable {
            path: path_of(),
            error: error.to_string(),
        })?;
        let mut roots = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
            let damaged = |error: String| TrustError::Damaged {
                path: path_of(),
                number: index + 1,
                error,
            };
            let certificate = certificate.map_err(|error| damaged(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|error| damaged(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(TrustError::NoCertificate { path: path_of() });
        }
        Ok(Trust(Some(Arc::new(believing(roots)?))))
    }

    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        static STORE: OnceLock<Result<Arc<ClientConfig>, TrustError>> = OnceLock::new();
        match &self.0 {
            Some(config) => Ok(Arc::clone(config)),
            None => STORE.get_or_init(|| machine_store().map(Arc::new)).clone(),
        }
    }
}

fn machine_store() -> Result<ClientConfig, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Stores hold the odd certificate that no strict parser takes; the others still count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first();
        let why = why.map_or_else(String::new, |error| format!(" ({error})"));
        return Err(TrustError::NoStore(why));
    }
    believing(roots)
}

fn believing(roots: RootCertStore) -> Result<ClientConfig, TrustError> {
    let library = |error: rustls::Error| TrustError::Library(error.to_string());
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(library)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // The upgrade to a WebSocket is a matter of HTTP/1.1.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn write(&self, name: &str, content: &str) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, content).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn pem() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn a_file_with_authorities_is_believed_and_anything_else_is_told_in_words() {
        let name = format!("tickwire-trust-{}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).unwrap();
        let (one, key) = pem();
        let (two, _) = pem();
        let bundle = folder.write("bundle.pem", &format!("{one}{two}"));
        Trust::from_file(&bundle).unwrap().config().unwrap();

        let broken = format!("{one}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        for (path, words) in [
            (folder.0.join("missing.pem"), "missing.pem: No such file"),
            (folder.write("key.pem", &key), "no certificate in it"),
            (folder.write("empty.pem", ""), "no certificate in it"),
            (
                folder.write("broken.pem", &broken),
                "certificate 2 is damaged",
            ),
        ] {
            let error = Trust::from_file(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
