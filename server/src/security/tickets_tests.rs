//! Tests of [`super`].

use super::*;

const T0: LocalTime = LocalTime(1_000_000);
const GRACE: Duration = Duration::from_secs(30);

fn ticket(n: u8) -> Ticket {
    Ticket::new([n; TICKET_BYTES])
}

fn subject(name: &str) -> Identity {
    Identity::Subject(name.into())
}

fn seat(identity: &Identity) -> Seat {
    Seat {
        room: "lobby".into(),
        identity: identity.clone(),
    }
}

/// A table with one seat of session 1, opened with ticket 1.
fn table(identity: &Identity) -> Tickets {
    let mut tickets = Tickets::new(GRACE);
    tickets.open(SessionKey(1), seat(identity), &ticket(1));
    tickets
}

/// Session number `renewed` shows ticket `used` and gets ticket `renewed`.
fn redeem(
    tickets: &mut Tickets,
    now: LocalTime,
    used: u8,
    renewed: u8,
) -> Result<u64, TicketError> {
    show(
        tickets,
        now,
        (used, renewed),
        (&Identity::Anonymous, "lobby"),
    )
}

fn show(
    tickets: &mut Tickets,
    now: LocalTime,
    (used, renewed): (u8, u8),
    (identity, room): (&Identity, &str),
) -> Result<u64, TicketError> {
    let claim = Claim {
        ticket: &ticket(used).text(),
        identity,
        room,
        session: SessionKey(renewed.into()),
        renewed: &ticket(renewed),
    };
    tickets.redeem(now, claim).map(|passed| passed.session().0)
}

#[test]
fn a_ticket_brings_its_seat_back_once() {
    let mut tickets = table(&Identity::Anonymous);
    tickets.vacate(T0, SessionKey(1));
    assert_eq!(redeem(&mut tickets, T0, 1, 2), Ok(1));
    tickets.confirm(SessionKey(2));
    assert_eq!(redeem(&mut tickets, T0, 1, 3), Err(TicketError::Unknown));
    assert_eq!(redeem(&mut tickets, T0, 2, 3), Ok(2));
    assert_eq!(tickets.len(), 1);
}

#[test]
fn a_ticket_whose_answer_was_lost_works_again_until_confirmed() {
    let mut tickets = table(&Identity::Anonymous);
    assert_eq!(redeem(&mut tickets, T0, 1, 2), Ok(1));
    // The welcome with ticket 2 never arrived.
    assert_eq!(redeem(&mut tickets, T0, 1, 3), Ok(2));
    assert_eq!(redeem(&mut tickets, T0, 2, 9), Err(TicketError::Unknown));
    // Showing ticket 3 is itself a proof of having received it.
    assert_eq!(redeem(&mut tickets, T0, 3, 4), Ok(3));
    assert_eq!(redeem(&mut tickets, T0, 1, 9), Err(TicketError::Unknown));
}

#[test]
fn a_superseded_session_cannot_touch_the_seat() {
    let mut tickets = table(&Identity::Anonymous);
    assert_eq!(redeem(&mut tickets, T0, 1, 2), Ok(1));
    assert_eq!(tickets.vacate(T0, SessionKey(1)), None);
    tickets.close(SessionKey(1));
    assert!(tickets.sweep(T0 + 2 * GRACE).is_empty());
    assert_eq!(redeem(&mut tickets, T0, 2, 3), Ok(2));
}

#[test]
fn a_stolen_ticket_does_not_work_for_another_identity_or_room() {
    let alice = subject("alice");
    let mut tickets = table(&alice);
    let mut show = |who: &Identity, room: &str| show(&mut tickets, T0, (1, 2), (who, room));
    let mallory = subject("mallory");
    assert_eq!(show(&mallory, "lobby"), Err(TicketError::WrongIdentity));
    assert_eq!(
        show(&Identity::Anonymous, "lobby"),
        Err(TicketError::WrongIdentity)
    );
    assert_eq!(show(&alice, "other"), Err(TicketError::WrongRoom));
    assert_eq!(
        show(&alice, "lobby"),
        Ok(1),
        "refusals leave the ticket as it was"
    );
}

#[test]
fn the_grace_period_starts_with_the_loss_and_ends() {
    let mut tickets = table(&Identity::Anonymous);
    let end = tickets.vacate(T0, SessionKey(1)).unwrap();
    assert_eq!(end, T0 + GRACE);
    // A second report of the same loss does not prolong it.
    let later = T0 + Duration::from_secs(9);
    assert_eq!(tickets.vacate(later, SessionKey(1)), Some(end));
    let before = LocalTime(end.0 - 1);
    assert!(tickets.sweep(before).is_empty());
    assert_eq!(redeem(&mut tickets, before, 1, 2), Ok(1));
    assert!(tickets.sweep(end).is_empty(), "held again");
    tickets.vacate(T0, SessionKey(2));
    assert_eq!(redeem(&mut tickets, end, 2, 3), Err(TicketError::Expired));
    assert!(tickets.is_empty());
}

#[test]
fn swept_seats_are_told_so_that_their_players_can_go() {
    let mut tickets = table(&Identity::Anonymous);
    tickets.vacate(T0, SessionKey(1));
    assert_eq!(tickets.sweep(T0 + GRACE), [SessionKey(1)]);
    assert_eq!(redeem(&mut tickets, T0, 1, 2), Err(TicketError::Unknown));
}

#[test]
fn malformed_tickets_are_told_apart_from_unknown_ones() {
    let mut tickets = table(&Identity::Anonymous);
    for text in ["", "x", "AAAA", &"A".repeat(33), "é", &"=".repeat(32)] {
        let claim = Claim {
            ticket: text,
            identity: &Identity::Anonymous,
            room: "lobby",
            session: SessionKey(2),
            renewed: &ticket(2),
        };
        assert_eq!(
            tickets.redeem(T0, claim).unwrap_err(),
            TicketError::Malformed,
            "{text}"
        );
    }
    assert_eq!(redeem(&mut tickets, T0, 8, 2), Err(TicketError::Unknown));
}

#[test]
fn seats_survive_a_restart() {
    let alice = subject("alice");
    let stored = table(&alice).store();
    let json = serde_json::to_string(&stored).unwrap();
    assert!(!json.contains(&ticket(1).text()), "only hashes are stored");

    let mut next = Tickets::new(GRACE);
    let broken = StoredSeat {
        ticket_sha256: "zz".into(),
        ..stored[0].clone()
    };
    let mut read: Vec<StoredSeat> = serde_json::from_str(&json).unwrap();
    read.push(broken);
    assert_eq!(next.restore(T0, read), 1, "one row is unreadable");
    assert_eq!(next.seat_of(T0, &alice).unwrap().0, SessionKey(1));
    assert!(next.seat_of(T0, &Identity::Anonymous).is_none());
    assert_eq!(show(&mut next, T0, (1, 2), (&alice, "lobby")), Ok(1));
}

#[test]
fn a_seat_that_was_put_back_is_as_it_was() {
    let alice = subject("alice");
    let mut tickets = table(&alice);
    let end = tickets.vacate(T0, SessionKey(1)).unwrap();
    let claim = Claim {
        ticket: &ticket(1).text(),
        identity: &alice,
        room: "lobby",
        session: SessionKey(2),
        renewed: &ticket(2),
    };
    let passed = tickets.redeem(T0, claim).unwrap();
    tickets.put_back(SessionKey(2), passed);
    let new = (3, 4);
    let show = |tickets: &mut Tickets, used| show(tickets, T0, (used, 9), (&alice, "lobby"));
    assert_eq!(show(&mut tickets, 2), Err(TicketError::Unknown));
    let seat = Seat {
        room: "garden".into(),
        identity: alice.clone(),
    };
    let passed = tickets.take_over(T0, SessionKey(new.0), seat, &ticket(new.1));
    let passed = passed.unwrap();
    assert_eq!((passed.session(), passed.room()), (SessionKey(1), "lobby"));
    tickets.put_back(SessionKey(new.0), passed);
    assert_eq!(tickets.vacate(T0 + GRACE, SessionKey(1)), Some(end));
    assert_eq!(show(&mut tickets, new.1), Err(TicketError::Unknown));
    assert_eq!(show(&mut tickets, 1), Ok(1));
    assert_eq!(tickets.seat_of(T0, &alice).unwrap().0, SessionKey(9));
}

#[test]
fn a_seat_whose_time_is_over_is_not_taken_over() {
    let alice = subject("alice");
    let mut tickets = table(&alice);
    let end = tickets.vacate(T0, SessionKey(1)).unwrap();
    assert!(tickets.seat_of(T0, &alice).is_some());
    assert!(tickets.seat_of(end, &alice).is_none());
    let again = tickets.take_over(end, SessionKey(2), seat(&alice), &ticket(2));
    assert!(again.is_none());
    // The sweep of the old one leaves the new one alone.
    tickets.sweep(end);
    assert_eq!(tickets.seat_of(end, &alice).unwrap().0, SessionKey(2));
    tickets.close(SessionKey(2));
    assert!(tickets.seat_of(end, &alice).is_none());
}

#[test]
fn debug_output_shows_no_ticket() {
    assert_eq!(format!("{:?}", ticket(1)), "Ticket(..)");
}
