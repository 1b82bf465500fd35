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
        player: PlayerId(7),
        identity: identity.clone(),
    }
}

/// A table with one seat, opened with ticket 1.
fn table(identity: &Identity) -> (Tickets, SeatId) {
    let mut tickets = Tickets::new(GRACE);
    let id = tickets.reserve();
    tickets.open(id, seat(identity), &ticket(1));
    (tickets, id)
}

fn redeem(tickets: &mut Tickets, now: LocalTime, used: u8, renewed: u8) -> Result<SeatId, TicketError> {
    let text = ticket(used).text();
    tickets
        .redeem(now, (&text, &Identity::Anonymous), "lobby", &ticket(renewed))
        .map(|(id, _)| id)
}

#[test]
fn a_ticket_brings_its_seat_back_once() {
    let (mut tickets, id) = table(&Identity::Anonymous);
    tickets.vacate(T0, id);
    assert_eq!(redeem(&mut tickets, T0, 1, 2), Ok(id));
    tickets.confirm(id);
    assert_eq!(redeem(&mut tickets, T0, 1, 3), Err(TicketError::Unknown));
    assert_eq!(redeem(&mut tickets, T0, 2, 3), Ok(id));
}

#[test]
fn a_ticket_whose_answer_was_lost_works_again_until_confirmed() {
    let (mut tickets, id) = table(&Identity::Anonymous);
    assert_eq!(redeem(&mut tickets, T0, 1, 2), Ok(id));
    // The welcome with ticket 2 never arrived.
    assert_eq!(redeem(&mut tickets, T0, 1, 3), Ok(id));
    assert_eq!(redeem(&mut tickets, T0, 2, 9), Err(TicketError::Unknown));
    // Showing ticket 3 is itself a proof of having received it.
    assert_eq!(redeem(&mut tickets, T0, 3, 4), Ok(id));
    assert_eq!(redeem(&mut tickets, T0, 1, 9), Err(TicketError::Unknown));
}

#[test]
fn a_stolen_ticket_does_not_work_for_another_identity_or_room() {
    let alice = subject("alice");
    let (mut tickets, id) = table(&alice);
    let text = ticket(1).text();
    let mut show = |who: &Identity, room: &str| {
        tickets
            .redeem(T0, (&text, who), room, &ticket(2))
            .map(|(id, _)| id)
    };
    assert_eq!(show(&subject("mallory"), "lobby"), Err(TicketError::WrongIdentity));
    assert_eq!(show(&Identity::Anonymous, "lobby"), Err(TicketError::WrongIdentity));
    assert_eq!(show(&alice, "other"), Err(TicketError::WrongRoom));
    assert_eq!(show(&alice, "lobby"), Ok(id), "refusals leave the ticket as it was");
}

#[test]
fn the_grace_period_starts_with_the_loss_and_ends() {
    let (mut tickets, id) = table(&Identity::Anonymous);
    let end = tickets.vacate(T0, id).unwrap();
    assert_eq!(end, T0 + GRACE);
    // A second report of the same loss does not prolong it.
    assert_eq!(tickets.vacate(T0 + Duration::from_secs(9), id), Some(end));
    let before = LocalTime(end.0 - 1);
    assert!(tickets.sweep(before).is_empty());
    assert_eq!(redeem(&mut tickets, before, 1, 2), Ok(id));
    assert!(tickets.sweep(end).is_empty(), "held again");
    tickets.vacate(T0, id);
    assert_eq!(redeem(&mut tickets, end, 2, 3), Err(TicketError::Expired));
    assert!(tickets.is_empty());
}

#[test]
fn swept_seats_are_told_so_that_their_players_can_go() {
    let (mut tickets, id) = table(&Identity::Anonymous);
    tickets.vacate(T0, id);
    assert_eq!(tickets.sweep(T0 + GRACE), [id]);
    assert_eq!(redeem(&mut tickets, T0, 1, 2), Err(TicketError::Unknown));
}

#[test]
fn malformed_tickets_are_told_apart_from_unknown_ones() {
    let (mut tickets, _) = table(&Identity::Anonymous);
    for text in ["", "x", "AAAA", &"A".repeat(33), "é", &"=".repeat(32)] {
        let shown = (text, &Identity::Anonymous);
        let refused = tickets.redeem(T0, shown, "lobby", &ticket(2));
        assert_eq!(refused, Err(TicketError::Malformed), "{text}");
    }
    assert_eq!(redeem(&mut tickets, T0, 8, 2), Err(TicketError::Unknown));
}

#[test]
fn seats_survive_a_restart_and_ids_are_not_used_twice() {
    let alice = subject("alice");
    let (tickets, id) = table(&alice);
    let stored = tickets.store();
    let json = serde_json::to_string(&stored).unwrap();
    assert!(!json.contains(&ticket(1).text()), "only hashes are stored");

    let mut next = Tickets::new(GRACE);
    let broken = StoredSeat {
        ticket_sha256: "zz".into(),
        ..stored[0].clone()
    };
    let mut read: Vec<StoredSeat> = serde_json::from_str(&json).unwrap();
    read.push(broken);
    assert_eq!(next.restore(T0, read), 1);
    let text = ticket(1).text();
    let back = next.redeem(T0, (&text, &alice), "lobby", &ticket(2));
    assert_eq!(back, Ok((id, seat(&alice))));
    assert!(next.reserve() > id);
    assert_eq!(next.seat_of(&alice).unwrap().0, id);
    assert!(next.seat_of(&Identity::Anonymous).is_none());
}

#[test]
fn debug_output_shows_no_ticket() {
    assert_eq!(format!("{:?}", ticket(1)), "Ticket(..)");
}
