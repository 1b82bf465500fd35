//! A connection's hold on its player: the place in the room, and the ticket to come back with.

use crate::clock;
use crate::link::{Attachment, Departure, RoomLink};
use crate::room::{RoomRequest, SessionKey};
use crate::security::Identity;
use crate::security::tickets::{Claim, Seat, StoredSeat, Ticket, TicketError, Tickets};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The tickets of all rooms, shared by the network threads. Each use is a few look-ups in a tree,
/// at joins and losses only.
pub(super) struct TicketOffice(Mutex<Tickets>);

/// Who asks to be let into which room, as which session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applicant<'a> {
    pub(super) session: SessionKey,
    pub(super) identity: &'a Identity,
    pub(super) room: &'a str,
}

/// A session that holds a seat of somebody who comes again.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) session: SessionKey,
    /// Its room, if that is not the one asked for now.
    pub(super) other_room: Option<String>,
}

/// See the module. Dropped, it counts as lost.
#[derive(Debug)]
pub(super) struct HeldSeat {
    attachment: Option<Attachment>,
    office: Arc<TicketOffice>,
    session: SessionKey,
}

impl TicketOffice {
    pub(super) fn new(grace: Duration) -> TicketOffice {
        TicketOffice(Mutex::new(Tickets::new(grace)))
    }

    /// A ticket for somebody who joins anew; empty if lost players are not kept.
    pub(super) fn issue(&self, applicant: Applicant<'_>) -> String {
        let mut tickets = self.lock();
        let is_kept = !tickets.grace().is_zero();
        if !is_kept && *applicant.identity == Identity::Anonymous {
            return String::new();
        }
        let ticket = Ticket::new(rand::random());
        let seat = Seat {
            room: applicant.room.to_owned(),
            identity: applicant.identity.clone(),
        };
        tickets.open(applicant.session, seat, &ticket);
        if is_kept {
            ticket.text()
        } else {
            String::new()
        }
    }

    /// Checks the ticket shown. On success: the request for the room, and the next ticket.
    pub(super) fn redeem(
        &self,
        ticket: &str,
        applicant: Applicant<'_>,
    ) -> Result<(RoomRequest, String), TicketError> {
        let renewed = Ticket::new(rand::random());
        let session = applicant.session;
        let claim = Claim {
            ticket,
            identity: applicant.identity,
            room: applicant.room,
            session,
            renewed: &renewed,
        };
        let previous = self.lock().redeem(clock::now(), claim)?;
        Ok((RoomRequest::Resume { session, previous }, renewed.text()))
    }

    /// The seat that this identity holds already, if it is not anonymous; it becomes a seat of the
    /// new session, with a new ticket.
    pub(super) fn take_over(&self, applicant: Applicant<'_>) -> Option<(Held, String)> {
        let mut tickets = self.lock();
        let (session, seat) = tickets.seat_of(applicant.identity)?;
        let other_room = (seat.room != applicant.room).then(|| seat.room.clone());
        tickets.close(session);
        drop(tickets);
        let held = Held {
            session,
            other_room,
        };
        Some((held, self.issue(applicant)))
    }

    /// The session got no place. What it resumed stays to be resumed; what it was issued is void.
    pub(super) fn abandon(&self, session: SessionKey, is_resume: bool) {
        if is_resume {
            self.lock().vacate(clock::now(), session);
        } else {
            self.lock().close(session);
        }
    }

    /// All seats, for the next process.
    pub(super) fn store(&self) -> Vec<StoredSeat> {
        self.lock().store()
    }

    /// Takes up the seats of an earlier process.
    pub(super) fn restore(&self, seats: Vec<StoredSeat>) {
        let unreadable = self.lock().restore(clock::now(), seats);
        if unreadable > 0 {
            tracing::warn!(unreadable, "stored tickets were left out");
        }
    }

    /// Forgets tickets whose time is over. Their players go by the room's own count of ticks.
    pub(super) fn sweep(&self) {
        self.lock().sweep(clock::now());
    }

    fn lock(&self) -> MutexGuard<'_, Tickets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldSeat {
    pub(super) fn new(
        attachment: Attachment,
        office: Arc<TicketOffice>,
        session: SessionKey,
    ) -> HeldSeat {
        HeldSeat {
            attachment: Some(attachment),
            office,
            session,
        }
    }

    pub(super) fn room(&self) -> Option<&Arc<RoomLink>> {
        self.attachment.as_ref().map(Attachment::room)
    }

    /// The client has shown that it received its ticket.
    pub(super) fn confirm(&self) {
        self.office.lock().confirm(self.session);
    }

    /// Gives the seat up.
    pub(super) fn depart(mut self, departure: Departure) {
        self.release(departure);
    }

    fn release(&mut self, departure: Departure) {
        let Some(attachment) = self.attachment.take() else {
            return;
        };
        match departure {
            Departure::Left => self.office.lock().close(self.session),
            Departure::Lost => {
                self.office.lock().vacate(clock::now(), self.session);
            }
        }
        attachment.depart(departure);
    }
}

impl Drop for HeldSeat {
    fn drop(&mut self) {
        self.release(Departure::Lost);
    }
}

impl fmt::Debug for TicketOffice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketOffice({} seats)", self.lock().len())
    }
}
