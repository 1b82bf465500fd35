//! Players whose connection was lost: they stand still, keep body, score and name, and go when
//! nobody has come back for them in time.

use super::request::{Admitted, Notice, SessionKey};
use super::room::Room;
use std::collections::BTreeMap;
use tickwire_shared::Tick;
use tickwire_shared::wire::CloseReason;

/// Sessions without a connection, and the tick at which each one's player goes.
pub(super) type Absent = BTreeMap<SessionKey, Tick>;

impl Room {
    /// Players whose connection was lost.
    pub fn absent_count(&self) -> usize {
        self.absent.len()
    }

    /// The connection of a session was lost.
    pub(super) fn detach(&mut self, session: SessionKey) {
        let player = match self.members.get(&session) {
            None => return,
            Some(player) => *player,
        };
        let Some(player) = player.filter(|_| !self.resume_grace.is_zero()) else {
            return self.leave(session);
        };
        if let Some(player) = self.players.get_mut(player) {
            player.inputs.clear();
        }
        let ticks = self.info.world.tick_rate.ticks_in(self.resume_grace);
        self.absent.entry(session).or_insert(self.next + ticks);
        self.info.metrics.sessions_lost.increment();
    }

    /// `session` takes over the player of `previous`.
    pub(super) fn resume(&mut self, session: SessionKey, previous: SessionKey) {
        let player = self.members.get(&previous).copied().flatten();
        let Some(player) = player.and_then(|id| Some((id, self.players.get_mut(id)?))) else {
            let notice = Notice::Ended(CloseReason::BadTicket);
            return self.news.notices.push((session, notice));
        };
        let (id, player) = player;
        player.session = session;
        player.inputs.clear();
        let admitted = Admitted {
            player: Some(id),
            name: player.name.clone(),
            resumed: true,
        };
        self.members.remove(&previous);
        self.members.insert(session, Some(id));
        if self.absent.remove(&previous).is_none() {
            // The server has not noticed yet that the old connection is dead, or it is not.
            let notice = Notice::Ended(CloseReason::Replaced);
            self.news.notices.push((previous, notice));
        }
        self.news
            .notices
            .push((session, Notice::Admitted(admitted)));
        self.info.metrics.sessions_resumed.increment();
    }

    /// The players who waited long enough leave.
    pub(super) fn expire_absent(&mut self, tick: Tick) {
        // Few are absent, and in the order of sessions so that runs repeat exactly.
        let due = |(session, until): (&SessionKey, &Tick)| (*until <= tick).then_some(*session);
        let expired: Vec<SessionKey> = self.absent.iter().filter_map(due).collect();
        for session in expired {
            self.leave(session);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::room::{Broadcast, Notice, Room, RoomConfig, RoomRequest, SessionKey};
    use std::sync::Arc;
    use std::time::Duration;
    use tickwire_shared::game::{Angle, Arena, Input, Throttle, World};
    use tickwire_shared::wire::CloseReason;
    use tickwire_shared::{LocalTime, PlayerId, TickRate};

    const ANN: SessionKey = SessionKey(1);
    const AGAIN: SessionKey = SessionKey(2);
    const GRACE_TICKS: u32 = 30;

    fn room() -> Room {
        let world = World::new(Arena::named("tiny").unwrap(), TickRate::DEFAULT);
        let mut room = Room::new(RoomConfig {
            resume_grace: Duration::from_secs(1),
            ..RoomConfig::new("test", Arc::new(world))
        });
        room.push(RoomRequest::Join {
            session: ANN,
            name: "ann".into(),
            spectator: false,
        });
        tick(&mut room);
        room
    }

    fn tick(room: &mut Room) -> Arc<Broadcast> {
        room.tick(LocalTime(0))
    }

    fn resume(room: &mut Room) -> Vec<Notice> {
        room.push(RoomRequest::Resume {
            session: AGAIN,
            previous: ANN,
        });
        tick(room).notices(AGAIN).cloned().collect()
    }

    fn admitted(notices: &[Notice]) -> bool {
        matches!(notices, [Notice::Admitted(a)] if a.resumed && a.player == Some(PlayerId(0)) && &*a.name == "ann")
    }

    #[test]
    fn a_lost_player_stands_still_and_comes_back_as_who_it_was() {
        let mut room = room();
        let run = Input::new(Angle(0), Throttle::FULL, None, false);
        let next = room.next_tick();
        room.push(RoomRequest::Input {
            session: ANN,
            player: PlayerId(0),
            tick: next,
            input: run,
            arrived: LocalTime(0),
        });
        tick(&mut room);
        room.push(RoomRequest::Detach { session: ANN });
        for _ in 0..GRACE_TICKS - 1 {
            tick(&mut room);
        }
        assert_eq!((room.player_count(), room.absent_count()), (1, 1));
        let player = room.players.get(PlayerId(0)).unwrap();
        assert_eq!(player.input, Input::IDLE);
        assert!(admitted(&resume(&mut room)));
        assert_eq!((room.member_count(), room.absent_count()), (1, 0));
        // What the lost connection still had under way means nobody.
        room.push(RoomRequest::Detach { session: ANN });
        room.push(RoomRequest::Leave { session: ANN });
        for _ in 0..2 * GRACE_TICKS {
            tick(&mut room);
        }
        assert_eq!(room.player_count(), 1);
    }

    #[test]
    fn after_the_grace_period_the_player_is_gone_and_others_are_told() {
        let mut room = room();
        room.push(RoomRequest::Detach { session: ANN });
        for _ in 0..GRACE_TICKS {
            tick(&mut room);
        }
        assert_eq!(room.player_count(), 1);
        let told = tick(&mut room);
        assert_eq!((room.player_count(), room.member_count()), (0, 0));
        assert!(!told.control().is_empty());
        assert_eq!(resume(&mut room), [Notice::Ended(CloseReason::BadTicket)]);
    }

    #[test]
    fn a_second_connection_takes_over_from_one_that_is_not_known_to_be_dead() {
        let mut room = room();
        room.push(RoomRequest::Resume {
            session: AGAIN,
            previous: ANN,
        });
        let told = tick(&mut room);
        let notices: Vec<_> = told.notices(AGAIN).cloned().collect();
        assert!(admitted(&notices));
        let old: Vec<_> = told.notices(ANN).cloned().collect();
        assert_eq!(old, [Notice::Ended(CloseReason::Replaced)]);
        assert_eq!((room.player_count(), room.member_count()), (1, 1));
    }

    #[test]
    fn spectators_and_rooms_without_grace_keep_nobody() {
        let mut room = room();
        room.push(RoomRequest::Join {
            session: SessionKey(9),
            name: String::new(),
            spectator: true,
        });
        room.push(RoomRequest::Detach {
            session: SessionKey(9),
        });
        assert_eq!(room.member_count(), 1);
        room.resume_grace = Duration::ZERO;
        room.push(RoomRequest::Detach { session: ANN });
        assert_eq!(room.member_count(), 0);
    }
}
