//! A room between two processes: what a drain writes and the next start reads.
//!
//! Players, with body and score, and the tick. Sparks come anew; inputs and chat are gone.

use super::chat::ChatBucket;
use super::inputs::InputBuffer;
use super::players::{Player, Players};
use super::request::{RoomConfig, SessionKey};
use super::room::Room;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tickwire_shared::game::{Body, Input};
use tickwire_shared::{PlayerId, Tick};

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredRoom {
    /// Its name.
    pub name: String,
    /// The arena's name: bodies fit into no other.
    pub arena: String,
    /// The tick that it would have run next.
    pub tick: Tick,
    /// In ascending order of id.
    pub players: Vec<StoredPlayer>,
}

/// A player as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPlayer {
    /// The id, which stays.
    pub id: PlayerId,
    /// The session that had it.
    pub session: u64,
    /// The name.
    pub name: String,
    /// Where it is.
    pub body: Body,
    /// What it has.
    pub score: u32,
}

impl Room {
    /// What the next process needs.
    pub fn store(&self) -> StoredRoom {
        let players = self.players.iter().map(|(id, player)| StoredPlayer {
            id,
            session: player.session.0,
            name: player.name.to_string(),
            body: player.body,
            score: player.score,
        });
        StoredRoom {
            name: self.info.name.clone(),
            arena: self.info.world.arena.spec().name.clone(),
            tick: self.next,
            players: players.collect(),
        }
    }

    /// The stored room. None of its players has a connection: they wait for the grace period.
    /// Players that this room does not take any more are left out.
    pub fn restore(config: RoomConfig, stored: StoredRoom) -> Room {
        let mut room = Room::new(config);
        let world = room.info.world.clone();
        if stored.arena != world.arena.spec().name {
            return room;
        }
        room.next = stored.tick;
        let until = room.next + world.tick_rate.ticks_in(room.resume_grace);
        let mut players = stored.players;
        players.sort_by_key(|player| player.id);
        players.dedup_by_key(|player| player.id);
        players.truncate(room.players_max);
        for stored in players {
            let session = SessionKey(stored.session);
            room.members.insert(session, Some(stored.id));
            room.absent.insert(session, until);
            room.players.put(stored, room.next);
        }
        let count = room.players.len() as u64;
        room.info.metrics.players.add(count);
        room.roster = Arc::new(room.players.roster());
        room
    }
}

impl Players {
    /// Puts a stored player under its old id. Ids come in ascending order.
    fn put(&mut self, stored: StoredPlayer, tick: Tick) {
        let name: Arc<str> = stored.name.into();
        let player = Player {
            session: SessionKey(stored.session),
            name: name.clone(),
            body: stored.body,
            input: Input::IDLE,
            inputs: InputBuffer::default(),
            cell: None,
            score: stored.score,
            unbumpable_until: tick,
            chat: ChatBucket::new(tick),
        };
        self.put_at(stored.id, player);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::{Notice, RoomRequest};
    use tickwire_shared::game::{Arena, World};
    use tickwire_shared::{LocalTime, TickRate};

    fn config(arena: &str) -> RoomConfig {
        let world = World::new(Arena::named(arena).unwrap(), TickRate::DEFAULT);
        RoomConfig::new("test", Arc::new(world))
    }

    #[test]
    fn players_come_back_to_where_they_were_in_another_process() {
        let mut room = Room::new(config("tiny"));
        for (session, name) in [(1, "ann"), (2, "bo"), (3, "cy")] {
            room.push(RoomRequest::Join {
                session: SessionKey(session),
                name: name.into(),
                spectator: false,
            });
        }
        room.tick(LocalTime(0));
        room.push(RoomRequest::Leave {
            session: SessionKey(2),
        });
        for _ in 0..50 {
            room.tick(LocalTime(0));
        }
        let json = serde_json::to_string(&room.store()).unwrap();
        let stored: StoredRoom = serde_json::from_str(&json).unwrap();
        let mut next = Room::restore(config("tiny"), stored.clone());
        assert_eq!((next.player_count(), next.absent_count()), (2, 2));
        next.push(RoomRequest::Resume {
            session: SessionKey(9),
            previous: SessionKey(3),
        });
        let told = next.tick(LocalTime(0));
        let notice = told.notices(SessionKey(9)).next().cloned();
        let Some(Notice::Admitted(admitted)) = notice else {
            panic!("not admitted: {notice:?}");
        };
        assert_eq!(admitted.player, Some(PlayerId(2)));
        assert_eq!(told.roster().entries().len(), 2);
        assert_eq!(told.tick(), stored.tick);
        // Another arena has no place for these bodies.
        assert_eq!(Room::restore(config("plain"), stored).player_count(), 0);
    }
}
