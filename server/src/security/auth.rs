//! Tokens: what a client shows to say who it is, and what the server asks of it.
//!
//! Signatures are `jsonwebtoken`'s business. The claims are checked here, with the time as an
//! argument and strict types: a claim of the wrong type is an error and not an absent claim.

use super::Identity;
use super::keys::VerifyKey;
use super::names::{NameError, player_name, room_name};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation};
use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;

/// Bytes of a token. A JWT with a dozen claims and an RSA signature has about 1,000.
pub const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a subject: a UUID, an account's number or an e-mail address.
const SUBJECT_BYTES_MAX: usize = 128;

/// How tokens are checked.
#[derive(Clone, Debug)]
pub enum Authenticator {
    /// No token is asked for, and one that is shown is not looked at.
    Open,
    /// A token is required.
    Jwt(JwtRules),
}

/// What a token must be.
#[derive(Clone, Debug)]
pub struct JwtRules {
    /// One of these signed it. Several, so that keys can be rotated.
    pub keys: Vec<VerifyKey>,
    /// How far the clocks of issuer and server may differ.
    pub leeway: Duration,
    /// If given, `iss` must be this.
    pub issuer: Option<String>,
    /// If given, `aud` must contain this.
    pub audience: Option<String>,
}

/// What an accepted token grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who it is.
    pub identity: Identity,
    /// The name that the issuer vouches for; the client's own wish does not count then.
    pub name: Option<String>,
    /// The rooms it is for; `None` for all.
    pub rooms: Option<Vec<String>>,
    /// Seconds of Unix time at which the session must end.
    pub expires_unix: Option<u64>,
}

/// Seconds since 1970, as tokens count. The wall clock is read by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(pub u64);

/// The claims that are read from and written into tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The player's identity at the issuer.
    pub sub: String,
    /// Expiry; required, because a token that never ends can never be taken back.
    #[serde(deserialize_with = "numeric_date")]
    pub exp: u64,
    /// Not valid before.
    #[serde(
        default,
        deserialize_with = "optional_date",
        skip_serializing_if = "Option::is_none"
    )]
    pub nbf: Option<u64>,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Rooms allowed; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rooms: Option<Vec<String>>,
    /// Issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Audience: one or several.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub aud: Vec<String>,
}

/// Why a token was refused. The texts go to the client and hold nothing of the token or the keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No token was shown.
    #[error("this server asks for a token; none was sent")]
    Missing,
    /// Too many bytes to be one.
    #[error("the token has {len} bytes, at most {max} are allowed", max = TOKEN_BYTES_MAX)]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// It does not have the form of a token, or a claim is of the wrong type or missing.
    #[error("the token cannot be read")]
    Malformed,
    /// `none`, or an algorithm for which there is no key.
    #[error("the token's algorithm is not accepted here")]
    Algorithm,
    /// No key of this server signed it.
    #[error("the token's signature does not hold")]
    Signature,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// From another issuer or for another audience.
    #[error("the token was made by or for somebody else (`{claim}`)")]
    Elsewhere {
        /// The claim.
        claim: &'static str,
    },
    /// A subject of no or too many bytes.
    #[error("the token's subject must have 1 to {max} bytes", max = SUBJECT_BYTES_MAX)]
    Subject,
    /// The name in the token is not acceptable.
    #[error("the token's name: {0}")]
    Name(NameError),
    /// The token does not allow this room.
    #[error("the token does not allow this room")]
    Room,
}

impl AuthError {
    /// A stable name for metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            AuthError::Missing => "token_missing",
            AuthError::TooLong { .. } | AuthError::Malformed => "token_malformed",
            AuthError::Algorithm => "token_algorithm",
            AuthError::Signature => "token_signature",
            AuthError::Expired => "token_expired",
            AuthError::NotYet => "token_not_yet",
            AuthError::Elsewhere { .. } => "token_elsewhere",
            AuthError::Subject | AuthError::Name(_) => "token_claims",
            AuthError::Room => "token_room",
        }
    }
}

impl Authenticator {
    /// Checks the token of a handshake.
    pub fn check(&self, token: Option<&str>, now: UnixSeconds) -> Result<Grant, AuthError> {
        match self {
            Authenticator::Open => Ok(Grant {
                identity: Identity::Anonymous,
                name: None,
                rooms: None,
                expires_unix: None,
            }),
            Authenticator::Jwt(rules) => rules.check(token.ok_or(AuthError::Missing)?, now),
        }
    }
}

impl JwtRules {
    fn check(&self, token: &str, now: UnixSeconds) -> Result<Grant, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::TooLong { len: token.len() });
        }
        let claims = self.verify(token)?;
        let leeway = self.leeway.as_secs();
        let ends = claims.exp.saturating_add(leeway);
        if ends <= now.0 {
            return Err(AuthError::Expired);
        }
        if claims
            .nbf
            .is_some_and(|nbf| nbf > now.0.saturating_add(leeway))
        {
            return Err(AuthError::NotYet);
        }
        if self.issuer.is_some() && claims.iss != self.issuer {
            return Err(AuthError::Elsewhere { claim: "iss" });
        }
        if let Some(audience) = &self.audience
            && !claims.aud.contains(audience)
        {
            return Err(AuthError::Elsewhere { claim: "aud" });
        }
        if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX {
            return Err(AuthError::Subject);
        }
        let name = claims.name.as_deref().map(player_name).transpose();
        Ok(Grant {
            identity: Identity::Subject(claims.sub),
            name: name.map_err(AuthError::Name)?,
            rooms: claims.rooms,
            expires_unix: Some(ends),
        })
    }

    /// The claims, if one of the keys signed them.
    fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
            // `none` is no algorithm that the library knows, so it fails as unreadable JSON.
            ErrorKind::Json(error) if error.to_string().contains("unknown variant") => {
                AuthError::Algorithm
            }
            _ => AuthError::Malformed,
        })?;
        let fits = |key: &&VerifyKey| {
            let named = header.kid.is_none() || key.id.is_none() || key.id == header.kid;
            key.algorithm == header.alg && named
        };
        let mut refused = AuthError::Algorithm;
        for key in self.keys.iter().filter(fits) {
            match jsonwebtoken::decode(token, &key.key, &signature_only(key.algorithm)) {
                Ok(data) => return Ok(data.claims),
                Err(error) => {
                    refused = match error.kind() {
                        ErrorKind::InvalidSignature => AuthError::Signature,
                        _ => AuthError::Malformed,
                    };
                }
            }
        }
        Err(refused)
    }
}

impl Grant {
    /// Whether the token allows this room.
    pub fn check_room(&self, room: &str) -> Result<(), AuthError> {
        match &self.rooms {
            Some(rooms)
                if !rooms
                    .iter()
                    .any(|allowed| allowed == room || allowed == "*") =>
            {
                Err(AuthError::Room)
            }
            _ => Ok(()),
        }
    }
}

/// The library checks the signature; the claims are ours.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Makes a token, for testing. Refuses what [`Authenticator::check`] would refuse.
pub fn make_token(
    claims: &Claims,
    (algorithm, key): &(Algorithm, EncodingKey),
    key_id: Option<String>,
) -> Result<String, String> {
    if let Some(name) = &claims.name {
        player_name(name).map_err(|error| error.to_string())?;
    }
    for room in claims.rooms.iter().flatten().filter(|room| *room != "*") {
        room_name(room).map_err(|error| error.to_string())?;
    }
    let mut header = Header::new(*algorithm);
    header.kid = key_id;
    jsonwebtoken::encode(&header, claims, key).map_err(|error| error.to_string())
}

/// A date in a token is a number of seconds, perhaps with a fraction (RFC 7519, `NumericDate`).
fn numeric_date<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    let whole = number.as_u64().or_else(|| {
        let seconds = number.as_f64()?;
        (0.0..1e15).contains(&seconds).then_some(seconds as u64)
    });
    whole.ok_or_else(|| serde::de::Error::custom("not a date"))
}

fn optional_date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    numeric_date(from).map(Some)
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Audience::deserialize(from)? {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    })
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
