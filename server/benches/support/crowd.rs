//! A room full of players who change their minds, for benches.

#![allow(dead_code, reason = "each bench uses a part")]

use std::sync::Arc;
use tickwire_server::room::{Broadcast, Room, RoomConfig, RoomRequest, SessionKey};
use tickwire_server::session::Session;
use tickwire_shared::game::{Angle, Arena, Input, Throttle, World};
use tickwire_shared::{LocalTime, PlayerId, TickRate};

/// Ticks before measuring: memory has grown, players have spread and move.
const WARM_UP_TICKS: u32 = 200;

/// An arena of the repository at the default tick rate.
pub(crate) fn world(arena: &str) -> World {
    World::new(Arena::named(arena).expect("embedded"), TickRate::DEFAULT)
}

/// A room and its players, whose ids and sessions' keys are 0, 1, 2 and so on.
pub(crate) struct Crowd {
    pub(crate) room: Room,
    players: u16,
}

impl Crowd {
    /// A room whose first tick will admit the players.
    pub(crate) fn new(players: u16, world: World) -> Crowd {
        let mut room = Room::new(RoomConfig::new("bench", Arc::new(world)));
        for key in 0..players {
            room.push(RoomRequest::Join {
                session: SessionKey(key.into()),
                name: String::new(),
                spectator: false,
            });
        }
        Crowd { room, players }
    }

    /// The same after the warm-up.
    pub(crate) fn warm(players: u16, world: World) -> Crowd {
        let mut crowd = Crowd::new(players, world);
        crowd.warm_up();
        crowd
    }

    pub(crate) fn warm_up(&mut self) {
        for _ in 0..WARM_UP_TICKS {
            self.tick();
        }
    }

    /// A session for every player, not welcomed yet.
    pub(crate) fn sessions(&self) -> Vec<Session> {
        let keys = (0..self.players).map(|key| SessionKey(key.into()));
        keys.map(|key| Session::new(key, self.room.info().clone()))
            .collect()
    }

    /// One tick in which a part of the players changes its mind, as in real play.
    pub(crate) fn tick(&mut self) -> Arc<Broadcast> {
        let tick = self.room.next_tick();
        for player in 0..self.players {
            let phase = tick.0 + u32::from(player) * 7;
            if phase.is_multiple_of(10) {
                let heading = Angle((phase.wrapping_mul(2_654_435_761) >> 24) as u8);
                let throttle = Throttle::new((player % 10).min(3) as u8).unwrap_or_default();
                self.room.push(RoomRequest::Input {
                    session: SessionKey(player.into()),
                    player: PlayerId(player),
                    tick,
                    input: Input::new(heading, throttle, None, phase.is_multiple_of(40)),
                    arrived: LocalTime(0),
                });
            }
        }
        let now = LocalTime(0) + TickRate::DEFAULT.offset(tick);
        self.room.tick(now)
    }
}
