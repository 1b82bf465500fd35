//! Who gets in: origin, address, token and name of a handshake that is otherwise in order.
//!
//! The rules can be replaced while the server runs; who is in stays in.

use super::gate::{Permit, SharedGate, Turned, client_address};
use super::handshake::{Accepted, Refusal};
use crate::clock;
use crate::config::{AuthMode, ConfigError, LimitSettings, SecuritySettings};
use crate::security::Identity;
use crate::security::auth::{Authenticator, Grant, JwtRules};
use crate::security::keys::load_keys;
use crate::security::names::{NameError, player_name};
use crate::security::origin::{OriginPolicy, Reached};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, ORIGIN};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tickwire_shared::LocalTime;
use tickwire_shared::wire::CloseReason;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What precedes a token among the sub-protocols.
const BEARER_PREFIX: &str = "bearer.";

/// See the module.
#[derive(Debug)]
pub(super) struct Door {
    rules: RwLock<Arc<Rules>>,
    pub(super) gate: Arc<SharedGate>,
}

#[derive(Debug)]
struct Rules {
    origins: OriginPolicy,
    trusted_proxies: Vec<IpNet>,
    authenticator: Authenticator,
    cookie: String,
}

/// Where a handshake came from.
#[derive(Debug)]
pub(super) struct Caller {
    /// The other end of the connection.
    pub(super) peer: IpAddr,
    /// Whether that connection speaks TLS.
    pub(super) is_tls: bool,
    /// Its place.
    pub(super) permit: Permit,
}

/// Somebody who may come in, or who is to be told inside why not.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) ip: IpAddr,
    pub(super) identity: Identity,
    /// When the token ends.
    pub(super) expires: Option<LocalTime>,
    /// Told right after the upgrade, because browsers show a page nothing of a refused handshake.
    pub(super) refusal: Option<(CloseReason, String)>,
}

impl Door {
    pub(super) fn new(
        security: &SecuritySettings,
        limits: &LimitSettings,
    ) -> Result<Door, ConfigError> {
        Ok(Door {
            rules: RwLock::new(Arc::new(Rules::load(security)?)),
            gate: Arc::new(SharedGate::new(limits.clone(), clock::now())),
        })
    }

    /// Takes up changed settings, or none of them if they are wrong.
    pub(super) fn reload(
        &self,
        security: &SecuritySettings,
        limits: &LimitSettings,
    ) -> Result<(), ConfigError> {
        let rules = Arc::new(Rules::load(security)?);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        self.gate.set_limits(limits.clone(), clock::now());
        Ok(())
    }

    /// Asks for a place for a new connection.
    pub(super) fn admit(&self, peer: IpAddr) -> Result<Permit, Turned> {
        let rules = self.rules();
        let is_proxy = rules
            .trusted_proxies
            .iter()
            .any(|net| net.contains(&peer.to_canonical()));
        self.gate.admit((!is_proxy).then_some(peer), clock::now())
    }

    /// Goes through the steps. `accepted` gets the name in its normal form.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        caller: &mut Caller,
        accepted: &mut Accepted,
        is_draining: bool,
    ) -> Result<Guest, Refusal> {
        let rules = self.rules();
        let ip = rules.check_address(headers, caller)?;
        rules.check_origin(headers, caller)?;
        if is_draining {
            return Err(Refusal {
                status: StatusCode::SERVICE_UNAVAILABLE,
                error: CloseReason::ServerShutdown.name(),
                message: "the server is about to stop; try again shortly".into(),
            });
        }
        self.gate.join(clock::now()).map_err(too_many)?;
        let mut guest = Guest {
            ip,
            identity: Identity::Anonymous,
            expires: None,
            refusal: None,
        };
        let unix = clock::unix_seconds();
        let token = rules.token(headers);
        let granted = rules.authenticator.check(token.as_deref(), unix);
        match granted.and_then(|grant| grant.check_room(&accepted.room).map(|()| grant)) {
            Ok(grant) => guest.take(grant, accepted),
            // Programs read the answer, pages only a close frame.
            Err(error) if headers.contains_key(ORIGIN) => {
                guest.refusal = Some((CloseReason::Unauthorized, error.to_string()));
            }
            Err(error) => {
                return Err(Refusal {
                    status: StatusCode::UNAUTHORIZED,
                    error: error.name(),
                    message: error.to_string().into(),
                });
            }
        }
        if guest.refusal.is_none()
            && let Err(error) = normalise(&mut accepted.name)
        {
            guest.refusal = Some((CloseReason::BadName, error.to_string()));
        }
        Ok(guest)
    }

    fn rules(&self) -> Arc<Rules> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.clone()
    }
}

impl Rules {
    fn load(settings: &SecuritySettings) -> Result<Rules, ConfigError> {
        let authenticator = match settings.auth {
            AuthMode::None => Authenticator::Open,
            AuthMode::Jwt => Authenticator::Jwt(JwtRules {
                keys: load_keys(&settings.auth_keys)?,
                leeway: Duration::from_secs(settings.auth_leeway),
                issuer: settings.auth_issuer.clone(),
                audience: settings.auth_audience.clone(),
            }),
        };
        Ok(Rules {
            origins: OriginPolicy::new(settings.allowed_origins.clone()),
            trusted_proxies: settings.trusted_proxies.clone(),
            authenticator,
            cookie: settings.auth_cookie.clone(),
        })
    }

    /// The client's address. Behind a trusted proxy its place is taken only here.
    fn check_address(&self, headers: &HeaderMap, caller: &mut Caller) -> Result<IpAddr, Refusal> {
        let forwarded: Vec<&str> = values(headers, &FORWARDED_FOR).collect();
        let ip = client_address(caller.peer, &forwarded, &self.trusted_proxies);
        if self.is_proxy(caller.peer) {
            caller.permit.rebind(ip, clock::now()).map_err(too_many)?;
        }
        Ok(ip)
    }

    fn check_origin(&self, headers: &HeaderMap, caller: &Caller) -> Result<(), Refusal> {
        let said = values(headers, &FORWARDED_PROTO).next();
        let secure = match said {
            _ if caller.is_tls => Some(true),
            Some(proto) if self.is_proxy(caller.peer) => Some(proto.trim() == "https"),
            _ => None,
        };
        let reached = Reached {
            host: values(headers, &HOST).next(),
            secure,
        };
        // What is no text is no origin that could be allowed.
        let origin = headers
            .get(ORIGIN)
            .map(|value| value.to_str().unwrap_or("?"));
        let checked = self.origins.check(origin, reached);
        checked.map_err(|error| Refusal {
            status: StatusCode::FORBIDDEN,
            error: "origin_not_allowed",
            message: error.to_string().into(),
        })
    }

    /// The token, from the first place that has one.
    fn token(&self, headers: &HeaderMap) -> Option<String> {
        let bearer = values(headers, &AUTHORIZATION).find_map(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let cookie = || {
            values(headers, &COOKIE)
                .flat_map(|value| value.split(';'))
                .filter_map(|pair| pair.trim().split_once('='))
                .find_map(|(name, value)| (name == self.cookie).then_some(value))
        };
        let offered = || super::handshake::offered_with_prefix(headers, BEARER_PREFIX);
        bearer.or_else(cookie).map(str::to_owned).or_else(offered)
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}

impl Guest {
    fn take(&mut self, grant: Grant, accepted: &mut Accepted) {
        if let Some(unix) = grant.expires_unix {
            let left = unix.saturating_sub(clock::unix_seconds().0);
            self.expires = Some(clock::now() + Duration::from_secs(left));
        }
        if let Some(name) = grant.name {
            accepted.name = name;
        }
        self.identity = grant.identity;
    }
}

/// The name in its normal form. An empty one is given later, and one that is too long is cut.
fn normalise(name: &mut String) -> Result<(), NameError> {
    match player_name(name) {
        Ok(normal) => *name = normal,
        Err(NameError::Empty | NameError::TooLong { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

fn too_many(turned: Turned) -> Refusal {
    let status = match turned {
        Turned::Handshakes | Turned::Joins => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::TOO_MANY_REQUESTS,
    };
    Refusal {
        status,
        error: turned.name(),
        message: turned.words().into(),
    }
}

fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok())
}
