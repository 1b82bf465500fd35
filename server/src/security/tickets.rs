//! Resume tickets: how a player whose connection was lost gets the own avatar back.
//!
//! A ticket is 24 random bytes. The server keeps its SHA-256 only, so that neither a core dump nor
//! the state directory hands out tickets. A ticket names one *seat* (a player's place in a room),
//! is bound to the identity it was given to, works once, and is replaced by a new one each time.
//!
//! **Works once, with one exception.** A client may lose its second connection before it received
//! the new ticket; with a strict rule it could never come back. So the ticket used last stays
//! good until the client proves by any message that it holds the new one ([`Tickets::confirm`]).
//!
//! **Keyed by session.** A seat is known by the key of the session that holds it, and a resume
//! moves it to the key of the new session. So whatever a superseded connection reports late
//! (that it was lost, that it leaves) finds no seat and does nothing.
//!
//! Time and randomness are arguments; the shell draws the bytes.

use super::Identity;
use crate::room::SessionKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tickwire_shared::LocalTime;

/// Random bytes of a ticket: 192 bits cannot be guessed, and 32 letters fit any header.
pub const TICKET_BYTES: usize = 24;

/// A ticket as the client holds it. Its `Debug` shows nothing, so that no log line gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket([u8; TICKET_BYTES]);

/// A place in a room to which somebody may come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The room.
    pub room: String,
    /// Who sits there.
    pub identity: Identity,
}

/// What is shown to get a seat back.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The text of the ticket, as it came.
    pub ticket: &'a str,
    /// Who shows it.
    pub identity: &'a Identity,
    /// The room that is asked for.
    pub room: &'a str,
    /// The session that asks.
    pub session: SessionKey,
    /// The ticket that replaces the one shown.
    pub renewed: &'a Ticket,
}

/// Why a ticket was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It does not have the form of a ticket.
    #[error("the resume ticket is malformed")]
    Malformed,
    /// Never issued, used already, or its player is gone.
    #[error("the resume ticket is unknown: it was used, its time is over, or it was never issued")]
    Unknown,
    /// The grace period is over.
    #[error("the resume ticket came too late")]
    Expired,
    /// Issued to somebody else.
    #[error("the resume ticket belongs to somebody else")]
    WrongIdentity,
    /// Issued for a seat in another room.
    #[error("the resume ticket is for another room")]
    WrongRoom,
}

/// All seats that can be resumed. One row per player of this server; rows go with their players,
/// so the rooms' limits bound this table as well.
#[derive(Debug)]
pub struct Tickets {
    grace: Duration,
    seats: BTreeMap<SessionKey, Row>,
    by_hash: BTreeMap<TicketHash, SessionKey>,
    /// The seat of each subject; there is one at most.
    by_subject: BTreeMap<String, SessionKey>,
}

/// A seat that has passed to another session, and how it was before: see [`Tickets::put_back`].
#[derive(Debug)]
pub struct Passed {
    session: SessionKey,
    row: Row,
}

impl Passed {
    /// The session that held it before.
    pub fn session(&self) -> SessionKey {
        self.session
    }

    /// The room that it was in.
    pub fn room(&self) -> &str {
        &self.row.seat.room
    }
}

/// A seat as it is stored at drain and taken up at the next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSeat {
    /// The session that held it last.
    pub session: u64,
    /// What it is.
    pub seat: Seat,
    /// The hash of its ticket in hexadecimal digits.
    pub ticket_sha256: String,
}

type TicketHash = [u8; 32];

#[derive(Clone, Debug)]
struct Row {
    seat: Seat,
    /// The newest ticket.
    current: TicketHash,
    /// The one used last, until the client shows that it holds `current`.
    previous: Option<TicketHash>,
    /// `None` while a connection holds the seat.
    expires: Option<LocalTime>,
}

impl Ticket {
    /// A ticket of these random bytes.
    pub fn new(bytes: [u8; TICKET_BYTES]) -> Ticket {
        Ticket(bytes)
    }

    /// Reads the form that the client holds.
    pub fn parse(text: &str) -> Result<Ticket, TicketError> {
        let mut bytes = [0; TICKET_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(TICKET_BYTES) => Ok(Ticket(bytes)),
            _ => Err(TicketError::Malformed),
        }
    }

    /// The form that the client holds: base64url without padding, which is legal in a
    /// WebSocket sub-protocol's name.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    fn hash(&self) -> TicketHash {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

impl Tickets {
    /// No seats yet. A seat without a connection can be resumed for `grace`.
    pub fn new(grace: Duration) -> Tickets {
        Tickets {
            grace,
            seats: BTreeMap::new(),
            by_hash: BTreeMap::new(),
            by_subject: BTreeMap::new(),
        }
    }

    /// How long a seat outlives its connection.
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// The session `id` takes `seat`; `ticket` brings its player back.
    pub fn open(&mut self, id: SessionKey, seat: Seat, ticket: &Ticket) {
        let current = ticket.hash();
        let row = Row {
            seat,
            current,
            previous: None,
            expires: None,
        };
        self.insert(id, row);
    }

    fn insert(&mut self, id: SessionKey, row: Row) {
        self.close(id);
        for hash in [Some(row.current), row.previous].into_iter().flatten() {
            self.by_hash.insert(hash, id);
        }
        if let Some(subject) = row.seat.identity.subject() {
            self.by_subject.insert(subject.to_owned(), id);
        }
        self.seats.insert(id, row);
    }

    /// Somebody shows a ticket. On success the seat belongs to the session `claim.session`, its
    /// ticket is `claim.renewed` from here on, and what it was before is returned.
    pub fn redeem(&mut self, now: LocalTime, claim: Claim<'_>) -> Result<Passed, TicketError> {
        let hash = Ticket::parse(claim.ticket)?.hash();
        let id = *self.by_hash.get(&hash).ok_or(TicketError::Unknown)?;
        let row = self.seats.get(&id).ok_or(TicketError::Unknown)?;
        if row.expires.is_some_and(|at| at <= now) {
            self.close(id);
            return Err(TicketError::Expired);
        }
        if row.seat.identity != *claim.identity {
            return Err(TicketError::WrongIdentity);
        }
        if row.seat.room != claim.room {
            return Err(TicketError::WrongRoom);
        }
        let before = row.clone();
        let renewed = Row {
            seat: before.seat.clone(),
            current: claim.renewed.hash(),
            previous: Some(hash),
            expires: None,
        };
        // Whatever else was good for this seat is not any more.
        self.close(id);
        self.insert(claim.session, renewed);
        Ok(Passed {
            session: id,
            row: before,
        })
    }

    /// The seat of this identity becomes that of the session `id`, in another room if the seat
    /// says so, with another ticket. `None` if there was none before; nobody in particular has
    /// none.
    pub fn take_over(
        &mut self,
        now: LocalTime,
        id: SessionKey,
        seat: Seat,
        ticket: &Ticket,
    ) -> Option<Passed> {
        let before = self.seat_of(now, &seat.identity).map(|(held, _)| held);
        let passed = before.and_then(|held| {
            let row = self.seats.get(&held)?.clone();
            self.close(held);
            Some(Passed { session: held, row })
        });
        self.open(id, seat, ticket);
        passed
    }

    /// The session `id` did not get to the seat after all: it is as it was before.
    pub fn put_back(&mut self, id: SessionKey, passed: Passed) {
        self.close(id);
        self.insert(passed.session, passed.row);
    }

    /// The client of this seat showed by a message that it holds the newest ticket.
    pub fn confirm(&mut self, id: SessionKey) {
        if let Some(previous) = self.seats.get_mut(&id).and_then(|row| row.previous.take()) {
            self.by_hash.remove(&previous);
        }
    }

    /// The connection of this seat is gone; the grace period starts. Tells when it ends.
    pub fn vacate(&mut self, now: LocalTime, id: SessionKey) -> Option<LocalTime> {
        let row = self.seats.get_mut(&id)?;
        Some(*row.expires.get_or_insert(now + self.grace))
    }

    /// The player of this seat is gone for good.
    pub fn close(&mut self, id: SessionKey) {
        if let Some(row) = self.seats.remove(&id) {
            self.by_hash.remove(&row.current);
            if let Some(previous) = row.previous {
                self.by_hash.remove(&previous);
            }
            if let Some(subject) = row.seat.identity.subject()
                && self.by_subject.get(subject) == Some(&id)
            {
                self.by_subject.remove(subject);
            }
        }
    }

    /// Forgets the seats whose grace period is over and tells which they were.
    pub fn sweep(&mut self, now: LocalTime) -> Vec<SessionKey> {
        let over = |row: &Row| row.expires.is_some_and(|at| at <= now);
        let ids: Vec<SessionKey> = self
            .seats
            .iter()
            .filter_map(|(id, row)| over(row).then_some(*id))
            .collect();
        for id in &ids {
            self.close(*id);
        }
        ids
    }

    /// The seat of `identity`, for the rule of one live session per identity. One whose time is
    /// over is none.
    pub fn seat_of(&self, now: LocalTime, identity: &Identity) -> Option<(SessionKey, &Seat)> {
        let id = *self.by_subject.get(identity.subject()?)?;
        let row = self.seats.get(&id)?;
        let is_over = row.expires.is_some_and(|at| at <= now);
        (!is_over).then_some((id, &row.seat))
    }

    /// How many seats there are.
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Everything that the next process needs.
    pub fn store(&self) -> Vec<StoredSeat> {
        self.seats
            .iter()
            .map(|(id, row)| StoredSeat {
                session: id.0,
                seat: row.seat.clone(),
                ticket_sha256: hex(&row.current),
            })
            .collect()
    }

    /// Takes up stored seats; none has a connection, so their grace period starts now. Rows that
    /// cannot be read are left out and counted.
    pub fn restore(&mut self, now: LocalTime, stored: Vec<StoredSeat>) -> usize {
        let mut unreadable = 0;
        for stored in stored {
            let StoredSeat {
                session,
                seat,
                ticket_sha256,
            } = stored;
            let id = SessionKey(session);
            let Some(current) = unhex(&ticket_sha256) else {
                unreadable += 1;
                continue;
            };
            let row = Row {
                seat,
                current,
                previous: None,
                expires: Some(now + self.grace),
            };
            self.insert(id, row);
        }
        unreadable
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing into memory does not fail");
        text
    })
}

fn unhex(text: &str) -> Option<TicketHash> {
    let mut hash = TicketHash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
#[path = "tickets_tests.rs"]
mod tests;
