//! A connection's hold on its player: the place in the room, and the ticket to come back with.

use crate::clock;
use crate::link::{Attachment, Departure, RoomLink};
use crate::room::SessionKey;
use crate::security::Identity;
use crate::security::tickets::{Claim, Seat, StoredSeat, Ticket, Tickets};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tickwire_shared::wire::CloseReason;

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

/// How somebody comes into a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// As a new player.
    Join,
    /// As the player of this session.
    Resume { previous: SessionKey },
    /// As a new player, while the session of the same identity in another room ends.
    Move { previous: SessionKey, room: String },
}

/// Why somebody does not come in: the reason, and words that tell more.
pub(super) type Turned = (CloseReason, String);

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

    /// Lets somebody in: by the ticket shown, by the seat that the same identity holds already
    /// (one live session per identity, the newest wins), or anew. `attach` asks the room; if that
    /// fails, all seats are as before, so that a player whose room is too busy to answer is not
    /// lost. On success: what `attach` gave, and the ticket for the next time, empty if lost
    /// players are not kept.
    ///
    /// All of it under one lock, so that of two who come at the same time one is the first, here
    /// and in the room.
    pub(super) fn enter<T>(
        &self,
        applicant: Applicant<'_>,
        shown: Option<&str>,
        attach: impl FnOnce(Entry) -> Result<T, Turned>,
    ) -> Result<(T, String), Turned> {
        let mut tickets = self.lock();
        let (now, renewed) = (clock::now(), Ticket::new(rand::random()));
        let session = applicant.session;
        let is_kept = !tickets.grace().is_zero();
        let (passed, entry) = if let Some(ticket) = shown {
            let claim = Claim {
                ticket,
                identity: applicant.identity,
                room: applicant.room,
                session,
                renewed: &renewed,
            };
            let passed = tickets
                .redeem(now, claim)
                .map_err(|error| (CloseReason::BadTicket, error.to_string()))?;
            let previous = passed.session();
            (Some(passed), Entry::Resume { previous })
        } else if is_kept || *applicant.identity != Identity::Anonymous {
            let seat = Seat {
                room: applicant.room.to_owned(),
                identity: applicant.identity.clone(),
            };
            let passed = tickets.take_over(now, session, seat, &renewed);
            let entry = passed.as_ref().map_or(Entry::Join, |passed| {
                let previous = passed.session();
                if passed.room() == applicant.room {
                    return Entry::Resume { previous };
                }
                let room = passed.room().to_owned();
                Entry::Move { previous, room }
            });
            (passed, entry)
        } else {
            (None, Entry::Join)
        };
        match (attach(entry), passed) {
            (Ok(attached), _) => {
                let ticket = is_kept.then(|| renewed.text());
                Ok((attached, ticket.unwrap_or_default()))
            }
            (Err(turned), Some(passed)) => {
                tickets.put_back(session, passed);
                Err(turned)
            }
            (Err(turned), None) => {
                tickets.close(session);
                Err(turned)
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ann(session: u64, room: &str) -> (SessionKey, Identity, String) {
        let identity = Identity::Subject("ann".into());
        (SessionKey(session), identity, room.to_owned())
    }

    /// Lets Ann in and tells how she came.
    fn enter(
        office: &TicketOffice,
        (session, identity, room): &(SessionKey, Identity, String),
        shown: Option<&str>,
        is_taken: bool,
    ) -> Result<(Entry, String), Turned> {
        let applicant = Applicant {
            session: *session,
            identity,
            room,
        };
        office.enter(applicant, shown, |entry| {
            let full = (CloseReason::ServerFull, String::new());
            if is_taken { Ok(entry) } else { Err(full) }
        })
    }

    fn resume(session: u64) -> Entry {
        let previous = SessionKey(session);
        Entry::Resume { previous }
    }

    #[test]
    fn a_room_that_is_too_busy_to_answer_costs_nobody_the_player() {
        let office = TicketOffice::new(Duration::from_secs(30));
        let (entry, ticket) = enter(&office, &ann(1, "a"), None, true).unwrap();
        assert_eq!(entry, Entry::Join);
        office.lock().vacate(clock::now(), SessionKey(1));
        for shown in [Some(&*ticket), None] {
            enter(&office, &ann(2, "a"), shown, false).unwrap_err();
        }
        enter(&office, &ann(2, "b"), None, false).unwrap_err();
        let (entry, _) = enter(&office, &ann(3, "a"), Some(&ticket), true).unwrap();
        assert_eq!(entry, resume(1));
        assert_eq!(office.lock().len(), 1);
    }

    #[test]
    fn who_was_not_let_in_leaves_no_seat() {
        let office = TicketOffice::new(Duration::from_secs(30));
        enter(&office, &ann(1, "a"), None, false).unwrap_err();
        assert_eq!(office.lock().len(), 0);
        let (entry, _) = enter(&office, &ann(2, "a"), None, true).unwrap();
        assert_eq!(entry, Entry::Join);
    }

    #[test]
    fn without_a_grace_period_a_lost_player_comes_as_a_new_one_at_once() {
        let office = TicketOffice::new(Duration::ZERO);
        let (entry, ticket) = enter(&office, &ann(1, "a"), None, true).unwrap();
        assert_eq!((entry, &*ticket), (Entry::Join, ""));
        let (entry, _) = enter(&office, &ann(2, "a"), None, true).unwrap();
        assert_eq!(entry, resume(1));
        let (entry, _) = enter(&office, &ann(3, "b"), None, true).unwrap();
        let (previous, room) = (SessionKey(2), "a".to_owned());
        assert_eq!(entry, Entry::Move { previous, room });
        office.lock().vacate(clock::now(), SessionKey(3));
        let (entry, _) = enter(&office, &ann(4, "b"), None, true).unwrap();
        assert_eq!(entry, Entry::Join);
    }

    #[test]
    fn of_many_who_come_at_once_each_takes_over_from_the_one_before() {
        let office = TicketOffice::new(Duration::from_secs(30));
        let (order, started) = (Mutex::new(Vec::new()), std::sync::Barrier::new(8));
        std::thread::scope(|scope| {
            for n in 0..8 {
                let (office, order, started) = (&office, &order, &started);
                scope.spawn(move || {
                    let (session, identity, room) = ann(n, "a");
                    let (identity, room) = (&identity, &*room);
                    let applicant = Applicant {
                        session,
                        identity,
                        room,
                    };
                    started.wait();
                    let entered = office.enter(applicant, None, |entry| {
                        order.lock().unwrap().push((session, entry));
                        Ok(())
                    });
                    entered.unwrap();
                });
            }
        });
        let order = order.into_inner().unwrap();
        assert_eq!(order[0].1, Entry::Join);
        for pair in order.windows(2) {
            assert_eq!(pair[1].1, resume(pair[0].0.0));
        }
        assert_eq!(office.lock().len(), 1);
    }
}
