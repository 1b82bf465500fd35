//! Keys that verify tokens: what a key file may hold, and how it is named in the configuration.
//!
//! A key is written `ALGORITHM:PATH`, for example `hs256:secret.key`, `es256:public.pem` or
//! `jwks:keys.json`. The algorithm belongs to the key and never comes from a token: that closes
//! the two classic holes, `alg: none` and a public RSA key used as an HMAC secret.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Keys in use at once: a few for rotation. Every token without a key id is tried against all.
pub const KEYS_MAX: usize = 16;

/// Bytes of a key file; a JWKS of [`KEYS_MAX`] keys with certificates stays below.
const KEY_FILE_BYTES_MAX: usize = 256 * 1024;

/// Bytes of an HMAC secret: RFC 7518 asks for as many as the hash has.
const SECRET_BYTES_MIN: usize = 32;

/// One entry of `auth.keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    kind: KeyKind,
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
    One(Algorithm),
    Jwks,
}

/// A key that verifies tokens of one algorithm.
#[derive(Clone)]
pub struct VerifyKey {
    /// Its name, if it came with one.
    pub id: Option<String>,
    /// The only algorithm it is used with.
    pub algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not of the form `ALGORITHM:PATH`.
    #[error("{0:?} is not ALGORITHM:PATH with hs256, rs256, es256, eddsa or jwks")]
    Source(String),
    /// The file could not be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is too large for a key.
    #[error("{path} is too large for a key file ({len} bytes, at most {max})", max = KEY_FILE_BYTES_MAX)]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// An HMAC secret that can be guessed.
    #[error("{path}: a secret needs at least {min} bytes, this one has {len}", min = SECRET_BYTES_MIN)]
    WeakSecret {
        /// The file.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// The content is no key of this algorithm.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// None, or too many.
    #[error("{count} keys; 1 to {max} are needed", max = KEYS_MAX)]
    Count {
        /// How many.
        count: usize,
    },
}

impl KeySource {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file.
    pub fn load(&self) -> Result<Vec<VerifyKey>, KeyError> {
        self.parse(&self.read()?)
    }

    /// The key for making tokens; a JWKS file holds public keys and has none.
    pub fn load_signing(&self) -> Result<(Algorithm, EncodingKey), KeyError> {
        let bytes = self.read()?;
        let KeyKind::One(algorithm) = self.kind else {
            return Err(self.malformed("a JWKS file holds no key for signing"));
        };
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(&bytes),
            Algorithm::ES256 => EncodingKey::from_ec_pem(&bytes),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(&bytes),
            _ => Ok(EncodingKey::from_secret(self.secret(&bytes)?)),
        };
        key.map(|key| (algorithm, key)).map_err(|error| {
            self.malformed(format!(
                "not a private key in PEM for {algorithm:?}: {error}"
            ))
        })
    }

    fn read(&self) -> Result<Vec<u8>, KeyError> {
        let path = self.path.clone();
        let bytes = std::fs::read(&path).map_err(|error| KeyError::Read { path, error })?;
        if bytes.len() > KEY_FILE_BYTES_MAX {
            return Err(KeyError::FileTooLarge {
                path: self.path.clone(),
                len: bytes.len(),
            });
        }
        Ok(bytes)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Vec<VerifyKey>, KeyError> {
        let algorithm = match self.kind {
            KeyKind::Jwks => return self.parse_jwks(bytes),
            KeyKind::One(algorithm) => algorithm,
        };
        let key = match algorithm {
            Algorithm::RS256 => DecodingKey::from_rsa_pem(bytes),
            Algorithm::ES256 => DecodingKey::from_ec_pem(bytes),
            Algorithm::EdDSA => DecodingKey::from_ed_pem(bytes),
            _ => Ok(DecodingKey::from_secret(self.secret(bytes)?)),
        };
        let key = key.map_err(|error| {
            self.malformed(format!(
                "not a public key in PEM for {algorithm:?}: {error}"
            ))
        })?;
        Ok(vec![VerifyKey {
            id: None,
            algorithm,
            key,
        }])
    }

    /// An editor's newline at the end of a secret is not part of it.
    fn secret<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], KeyError> {
        let secret = bytes.trim_ascii_end();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::WeakSecret {
                path: self.path.clone(),
                len: secret.len(),
            });
        }
        Ok(secret)
    }

    fn parse_jwks(&self, bytes: &[u8]) -> Result<Vec<VerifyKey>, KeyError> {
        let set: JwkSet = serde_json::from_slice(bytes)
            .map_err(|error| self.malformed(format!("not a JSON Web Key Set: {error}")))?;
        let mut keys = Vec::new();
        for jwk in &set.keys {
            // Keys for encryption and of algorithms not spoken here may share the file.
            if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
                continue;
            }
            let Some(algorithm) = algorithm_of(jwk) else {
                continue;
            };
            let key = DecodingKey::from_jwk(jwk).map_err(|error| {
                let id = jwk.common.key_id.as_deref().unwrap_or("without an id");
                self.malformed(format!("key {id}: {error}"))
            })?;
            if algorithm == Algorithm::HS256 {
                let secret = key.try_get_as_bytes().unwrap_or_default();
                self.secret(secret)?;
            }
            keys.push(VerifyKey {
                id: jwk.common.key_id.clone(),
                algorithm,
                key,
            });
        }
        if keys.is_empty() {
            return Err(self.malformed("no key for HS256, RS256, ES256 or EdDSA in it"));
        }
        Ok(keys)
    }

    fn malformed(&self, message: impl Into<String>) -> KeyError {
        KeyError::Malformed {
            path: self.path.clone(),
            message: message.into(),
        }
    }
}

/// The algorithm that a key of a set is for: from its type, and not against what it says.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    let (algorithm, said) = match &jwk.algorithm {
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, KeyAlgorithm::HS256),
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(_) => (Algorithm::EdDSA, KeyAlgorithm::EdDSA),
        _ => return None,
    };
    (jwk.common.key_algorithm.unwrap_or(said) == said).then_some(algorithm)
}

/// Reads all key files.
pub fn load_keys(sources: &[KeySource]) -> Result<Vec<VerifyKey>, KeyError> {
    let mut keys = Vec::new();
    for source in sources {
        keys.extend(source.load()?);
    }
    match keys.len() {
        1..=KEYS_MAX => Ok(keys),
        count => Err(KeyError::Count { count }),
    }
}

impl FromStr for KeySource {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<KeySource, KeyError> {
        let unreadable = || KeyError::Source(text.to_owned());
        let (kind, path) = text.split_once(':').ok_or_else(unreadable)?;
        let kind = match kind.to_ascii_lowercase().as_str() {
            "hs256" => KeyKind::One(Algorithm::HS256),
            "rs256" => KeyKind::One(Algorithm::RS256),
            "es256" => KeyKind::One(Algorithm::ES256),
            "eddsa" => KeyKind::One(Algorithm::EdDSA),
            "jwks" => KeyKind::Jwks,
            _ => return Err(unreadable()),
        };
        if path.is_empty() {
            return Err(unreadable());
        }
        Ok(KeySource {
            kind,
            path: path.into(),
        })
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            KeyKind::Jwks => "jwks",
            KeyKind::One(Algorithm::RS256) => "rs256",
            KeyKind::One(Algorithm::ES256) => "es256",
            KeyKind::One(Algorithm::EdDSA) => "eddsa",
            KeyKind::One(_) => "hs256",
        };
        write!(f, "{kind}:{}", self.path.display())
    }
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyKey({:?}, {:?})", self.algorithm, self.id)
    }
}
