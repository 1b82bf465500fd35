//! Who gets in: origin, address, token and name of a handshake that is otherwise in order.
//!
//! The rules can be replaced while the server runs; who is in stays in.

use super::gate::{Permit, SharedGate, Turned, client_address};
use super::handshake::{Accepted, Refusal, Told};
use crate::clock;
use crate::config::{AuthMode, ConfigError, LimitSettings, SecuritySettings};
use crate::security::Identity;
use crate::security::auth::{Authenticator, Grant, JwtRules};
use crate::security::keys::load_keys;
use crate::security::names::{NameError, wished_name};
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

/// The rules in force, or those that may be soon.
#[derive(Debug)]
pub(super) struct Rules {
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

/// Somebody who may come in, or who is to be told inside why not (see [`Accepted::told`]).
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) ip: IpAddr,
    pub(super) identity: Identity,
    /// When the token ends.
    pub(super) expires: Option<LocalTime>,
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

    /// Takes up other rules and limits.
    pub(super) fn take_up(&self, rules: Rules, limits: &LimitSettings) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        self.gate.set_limits(limits.clone(), clock::now());
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

    /// Goes through the steps. `accepted` gets the name in its normal form, or what its client is
    /// to be told.
    ///
    /// A place among the joins is taken last, by those who come in: whoever has no token, or asks
    /// for what is not to be had, cannot use the places up.
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
        let mut guest = Guest {
            ip,
            identity: Identity::Anonymous,
            expires: None,
        };
        if accepted.told.is_none() {
            rules.authenticate(headers, &mut guest, accepted)?;
        }
        if accepted.told.is_none() {
            self.gate.join(clock::now()).map_err(too_many)?;
        }
        Ok(guest)
    }

    fn rules(&self) -> Arc<Rules> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.clone()
    }
}

impl Rules {
    /// Reads what the settings name: the keys.
    pub(super) fn load(settings: &SecuritySettings) -> Result<Rules, ConfigError> {
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

    /// Who it is, under which name.
    fn authenticate(
        &self,
        headers: &HeaderMap,
        guest: &mut Guest,
        accepted: &mut Accepted,
    ) -> Result<(), Refusal> {
        let token = self.token(headers);
        let unix = clock::unix_seconds();
        let granted = self.authenticator.check(token.as_deref(), unix);
        match granted.and_then(|grant| grant.check_room(&accepted.room).map(|()| grant)) {
            Ok(grant) => guest.take(grant, accepted),
            // Programs read the answer, pages only a close frame.
            Err(error) if headers.contains_key(ORIGIN) => {
                accepted.told = Some(Told {
                    counter: error.name(),
                    ..Told::new(CloseReason::Unauthorized, error.to_string())
                });
                return Ok(());
            }
            Err(error) => {
                return Err(Refusal {
                    status: StatusCode::UNAUTHORIZED,
                    error: error.name(),
                    message: error.to_string().into(),
                });
            }
        }
        if let Err(error) = normalise(&mut accepted.name) {
            accepted.told = Some(Told::new(CloseReason::BadName, error.to_string()));
        }
        Ok(())
    }

    /// The token, from the first place that has one. A browser adds its cookie to whatever a page
    /// asks for, so what was said for this handshake goes before it.
    fn token(&self, headers: &HeaderMap) -> Option<String> {
        let bearer = values(headers, &AUTHORIZATION).find_map(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let offered = || super::handshake::offered_with_prefix(headers, BEARER_PREFIX);
        let cookie = || {
            values(headers, &COOKIE)
                .flat_map(|value| value.split(';'))
                .filter_map(|pair| pair.trim().split_once('='))
                .find_map(|(name, value)| (name == self.cookie).then(|| value.to_owned()))
        };
        bearer.map(str::to_owned).or_else(offered).or_else(cookie)
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

/// The name in its normal form. An empty one is given later.
fn normalise(name: &mut String) -> Result<(), NameError> {
    *name = match wished_name(name) {
        Err(NameError::Empty) => String::new(),
        wished => wished?,
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerConfig;
    use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};

    #[test]
    fn a_token_said_for_this_handshake_goes_before_the_browsers_cookie() {
        let rules = Rules::load(&ServerConfig::default().security).unwrap();
        let mut headers = HeaderMap::new();
        let mut token = |name: HeaderName, value| {
            headers.insert(name, HeaderValue::from_static(value));
            rules.token(&headers)
        };
        let expected = |token: &str| Some(token.to_owned());
        assert_eq!(token(HOST, "a"), None);
        let cookie = token(COOKIE, "a=b; tickwire_token=cookie");
        assert_eq!(cookie, expected("cookie"));
        let offered = token(SEC_WEBSOCKET_PROTOCOL, "tickwire.v1, bearer.offered");
        assert_eq!(offered, expected("offered"));
        assert_eq!(token(AUTHORIZATION, "Basic x"), expected("offered"));
        assert_eq!(token(AUTHORIZATION, "bearer said"), expected("said"));
    }
}
