//! How many connections, from where, how fast: decided before a byte is read.
//!
//! A pure table under a lock, with the time as an argument. It is bounded: an address without
//! connections is forgotten when its bucket is full again, and when too many different addresses
//! come at once, those are counted together.

use super::limits::TokenBucket;
use crate::config::LimitSettings;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tickwire_shared::LocalTime;

/// Addresses with a row of their own; a row has about 100 bytes. Beyond, newcomers share one.
const ADDRESSES_MAX: usize = 65_536;

/// Why a connection or a join was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// Too many connections at once from this address.
    AddressConnections,
    /// Too many new connections from this address.
    AddressRate,
    /// Too many unfinished handshakes.
    Handshakes,
    /// Too many joins of all together.
    Joins,
    /// Too many rooms opened from this address.
    Rooms,
}

/// The table.
#[derive(Debug)]
pub(super) struct Gate {
    limits: LimitSettings,
    rows: BTreeMap<Key, Row>,
    handshakes: u32,
    joins: TokenBucket,
}

/// Shared by listener and network threads.
#[derive(Debug)]
pub(super) struct SharedGate(Mutex<Gate>);

/// A place for one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<SharedGate>,
    key: Option<Key>,
    is_handshaking: bool,
}

/// An address as it is counted: IPv6 by /64, which is what one household gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Address(IpAddr),
    /// All for whom there is no row left.
    Others,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    connections: u32,
    arrivals: TokenBucket,
    rooms: TokenBucket,
}

impl Row {
    fn new(limits: &LimitSettings, now: LocalTime) -> Row {
        Row {
            connections: 0,
            arrivals: TokenBucket::new(
                limits.connection_burst_per_ip,
                limits.connection_rate_per_ip,
                now,
            ),
            rooms: TokenBucket::per_minute(limits.rooms_per_ip, now),
        }
    }
}

impl Gate {
    fn new(limits: LimitSettings, now: LocalTime) -> Gate {
        Gate {
            rows: BTreeMap::new(),
            handshakes: 0,
            joins: TokenBucket::new(limits.join_burst, limits.join_rate, now),
            limits,
        }
    }

    /// The row for an address; `None` if it is exempt.
    fn key(&mut self, ip: IpAddr, now: LocalTime) -> Option<Key> {
        let ip = ip.to_canonical();
        if self.limits.limit_exempt.iter().any(|net| net.contains(&ip)) {
            return None;
        }
        let key = Key::Address(household(ip));
        if self.rows.contains_key(&key) {
            return Some(key);
        }
        if self.rows.len() >= ADDRESSES_MAX {
            self.rows
                .retain(|_, row| row.connections > 0 || !row.arrivals.is_full(now));
        }
        Some(if self.rows.len() < ADDRESSES_MAX {
            key
        } else {
            Key::Others
        })
    }

    fn row(&mut self, key: Key, now: LocalTime) -> &mut Row {
        let limits = &self.limits;
        self.rows
            .entry(key)
            .or_insert_with(|| Row::new(limits, now))
    }

    fn enter(&mut self, ip: IpAddr, now: LocalTime) -> Result<Option<Key>, Turned> {
        let Some(key) = self.key(ip, now) else {
            return Ok(None);
        };
        let per_address = self.limits.connections_per_ip;
        let row = self.row(key, now);
        if !row.arrivals.take(now) {
            return Err(Turned::AddressRate);
        }
        if row.connections >= per_address {
            return Err(Turned::AddressConnections);
        }
        row.connections += 1;
        Ok(Some(key))
    }

    fn leave(&mut self, key: Option<Key>) {
        if let Some(row) = key.and_then(|key| self.rows.get_mut(&key)) {
            row.connections = row.connections.saturating_sub(1);
        }
    }
}

impl SharedGate {
    pub(super) fn new(limits: LimitSettings, now: LocalTime) -> SharedGate {
        SharedGate(Mutex::new(Gate::new(limits, now)))
    }

    /// Takes up other limits; who is in stays in. What an address has used up is forgotten.
    pub(super) fn set_limits(&self, limits: LimitSettings, now: LocalTime) {
        let mut gate = self.lock();
        gate.rows.retain(|_, row| row.connections > 0);
        for row in gate.rows.values_mut() {
            let connections = row.connections;
            *row = Row {
                connections,
                ..Row::new(&limits, now)
            };
        }
        gate.joins = TokenBucket::new(limits.join_burst, limits.join_rate, now);
        gate.limits = limits;
    }

    /// A place for a new connection. `ip` is `None` for a trusted proxy, whose clients are counted
    /// when they say who they are.
    pub(super) fn admit(
        self: &Arc<Self>,
        ip: Option<IpAddr>,
        now: LocalTime,
    ) -> Result<Permit, Turned> {
        let mut gate = self.lock();
        if gate.handshakes >= gate.limits.handshakes_max {
            return Err(Turned::Handshakes);
        }
        let key = match ip {
            Some(ip) => gate.enter(ip, now)?,
            None => None,
        };
        gate.handshakes += 1;
        Ok(Permit {
            gate: self.clone(),
            key,
            is_handshaking: true,
        })
    }

    /// Asks whether one more join is allowed.
    pub(super) fn join(&self, now: LocalTime) -> Result<(), Turned> {
        let allowed = self.lock().joins.take(now);
        allowed.then_some(()).ok_or(Turned::Joins)
    }

    /// Asks whether this address may open one more room.
    pub(super) fn open_room(&self, ip: IpAddr, now: LocalTime) -> Result<(), Turned> {
        let mut gate = self.lock();
        let Some(key) = gate.key(ip, now) else {
            return Ok(());
        };
        let allowed = gate.row(key, now).rooms.take(now);
        allowed.then_some(()).ok_or(Turned::Rooms)
    }

    fn lock(&self) -> MutexGuard<'_, Gate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The client behind a trusted proxy, of which only the handshake tells.
    pub(super) fn rebind(&mut self, ip: IpAddr, now: LocalTime) -> Result<(), Turned> {
        let mut gate = self.gate.lock();
        gate.leave(self.key.take());
        self.key = gate.enter(ip, now)?;
        Ok(())
    }

    /// The handshake is complete.
    pub(super) fn established(&mut self) {
        if std::mem::take(&mut self.is_handshaking) {
            self.gate.lock().handshakes -= 1;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.established();
        self.gate.lock().leave(self.key);
    }
}

impl Turned {
    /// A stable name for metrics and JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Turned::AddressConnections => "connections_per_ip",
            Turned::AddressRate => "connection_rate_per_ip",
            Turned::Handshakes => "handshakes_max",
            Turned::Joins => "join_rate",
            Turned::Rooms => "rooms_per_ip",
        }
    }

    /// For people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Turned::AddressConnections => "too many connections from your address",
            Turned::AddressRate => "too many new connections from your address",
            Turned::Handshakes => "too many connections are being made; try again shortly",
            Turned::Joins => "many players are joining; try again shortly",
            Turned::Rooms => "too many rooms were opened from your address",
        }
    }
}

fn household(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => {
            let network = ip.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// The client's address: the connection's, or what the trusted proxies in front say. The header is
/// read from the right, past our own proxies; what stands further left anybody can write.
pub(super) fn client_address(peer: IpAddr, forwarded: &[&str], trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip.to_canonical()));
    let mut client = peer.to_canonical();
    let hops = forwarded.iter().flat_map(|value| value.split(',')).rev();
    for hop in hops {
        if !is_trusted(client) {
            break;
        }
        let Some(ip) = parse_hop(hop.trim()) else {
            break;
        };
        client = ip.to_canonical();
    }
    client
}

/// An address, perhaps with a port or in brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok();
    address.or_else(|| {
        hop.parse()
            .ok()
            .map(|socket: std::net::SocketAddr| socket.ip())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerConfig;

    const T0: LocalTime = LocalTime(0);

    fn gate(change: impl FnOnce(&mut LimitSettings)) -> Arc<SharedGate> {
        let mut limits = ServerConfig::default().limits;
        change(&mut limits);
        Arc::new(SharedGate::new(limits, T0))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn turned(result: Result<Permit, Turned>) -> Option<Turned> {
        result.err()
    }

    #[test]
    fn one_address_gets_so_many_places_and_gives_them_back() {
        let gate = gate(|limits| limits.connections_per_ip = 2);
        let a = gate.admit(Some(ip("192.0.2.1")), T0).unwrap();
        let _b = gate.admit(Some(ip("192.0.2.1")), T0).unwrap();
        let again = || turned(gate.admit(Some(ip("192.0.2.1")), T0));
        assert_eq!(again(), Some(Turned::AddressConnections));
        assert_eq!(turned(gate.admit(Some(ip("192.0.2.2")), T0)), None);
        // The same address in its IPv6 form is the same address.
        let mapped = Some(ip("::ffff:192.0.2.1"));
        assert!(gate.admit(mapped, T0).is_err());
        drop(a);
        assert_eq!(again(), None);
    }

    #[test]
    fn an_ipv6_household_counts_as_one() {
        let gate = gate(|limits| limits.connections_per_ip = 1);
        let _a = gate.admit(Some(ip("2001:db8:1:2::1")), T0).unwrap();
        assert!(gate.admit(Some(ip("2001:db8:1:2:ffff::9")), T0).is_err());
        assert!(gate.admit(Some(ip("2001:db8:1:3::1")), T0).is_ok());
    }

    #[test]
    fn arrivals_are_limited_even_if_nobody_stays() {
        let gate = gate(|limits| {
            limits.connection_burst_per_ip = 5;
            limits.connection_rate_per_ip = 2;
        });
        let arrive = |seconds: u64| {
            let now = LocalTime(seconds * 1_000_000);
            (0..100)
                .filter(|_| gate.admit(Some(ip("192.0.2.1")), now).is_ok())
                .count()
        };
        assert_eq!((arrive(0), arrive(1), arrive(60)), (5, 2, 5));
    }

    #[test]
    fn other_limits_count_for_known_addresses_too() {
        let gate = gate(|limits| limits.connection_burst_per_ip = 1);
        let arrive = || gate.admit(Some(ip("192.0.2.1")), T0);
        let held = arrive().unwrap();
        assert_eq!(turned(arrive()), Some(Turned::AddressRate));
        drop(gate.admit(Some(ip("192.0.2.2")), T0).unwrap());
        let mut limits = ServerConfig::default().limits;
        limits.connection_burst_per_ip = 5;
        limits.connections_per_ip = 3;
        gate.set_limits(limits, T0);
        assert_eq!(gate.lock().rows.len(), 1, "who is not here is forgotten");
        let more = [arrive().unwrap(), arrive().unwrap()];
        assert_eq!(turned(arrive()), Some(Turned::AddressConnections));
        drop((held, more));
        assert_eq!(turned(arrive()), None);
    }

    #[test]
    fn unfinished_handshakes_joins_and_rooms_are_limited() {
        let gate = gate(|limits| {
            limits.handshakes_max = 1;
            limits.join_burst = 1;
            limits.join_rate = 1;
            limits.rooms_per_ip = 1;
        });
        let mut first = gate.admit(None, T0).unwrap();
        assert_eq!(turned(gate.admit(None, T0)), Some(Turned::Handshakes));
        first.established();
        assert_eq!(turned(gate.admit(None, T0)), None);
        assert_eq!(gate.join(T0), Ok(()));
        assert_eq!(gate.join(T0), Err(Turned::Joins));
        let open = |at| gate.open_room(ip("192.0.2.1"), LocalTime(at));
        assert_eq!(open(0), Ok(()));
        assert_eq!(open(59_000_000), Err(Turned::Rooms));
        assert_eq!(open(60_000_000), Ok(()));
        assert!((0..9).all(|_| gate.open_room(ip("127.0.0.1"), T0).is_ok()));
    }

    #[test]
    fn the_table_of_addresses_is_bounded() {
        let gate = gate(|limits| limits.connections_per_ip = 1_000_000);
        for n in 0..ADDRESSES_MAX as u32 + 1_000 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0b00_0000 + n));
            drop(gate.admit(Some(address), T0));
        }
        assert!(gate.lock().rows.len() <= ADDRESSES_MAX + 1);
    }

    #[test]
    fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let client =
            |peer: &str, header: &[&str]| client_address(ip(peer), header, &trusted).to_string();
        assert_eq!(client("203.0.113.5", &["1.2.3.4"]), "203.0.113.5");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6", "1.2.3.4, 10.0.0.2"]),
            "1.2.3.4"
        );
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:99"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
