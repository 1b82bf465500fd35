//! The players of a room in a table by id, the ids that are free, and the names in use.

use super::chat::ChatBucket;
use super::inputs::InputBuffer;
use super::request::SessionKey;
use super::roster::Roster;
use super::text::{distinct_name, normalise_name};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use tickwire_shared::game::{Body, Input};
use tickwire_shared::limits::LEADERS_MAX;
use tickwire_shared::{CellId, PlayerId, Tick};

/// Ids are handed out again only when this many others have been freed since, so that nothing
/// that is still under way for a leaver reaches a newcomer.
const IDS_RESTING_MIN: usize = 256;

/// A player of the room.
#[derive(Clone, Debug)]
pub(super) struct Player {
    pub(super) session: SessionKey,
    pub(super) name: Arc<str>,
    pub(super) body: Body,
    /// The intent of the last tick.
    pub(super) input: Input,
    pub(super) inputs: InputBuffer,
    /// The cell whose roster names the avatar; `None` until its first tick.
    pub(super) cell: Option<CellId>,
    pub(super) score: u32,
    /// A dash that has bumped this avatar must not bump it again while it lasts.
    pub(super) unbumpable_until: Tick,
    pub(super) chat: ChatBucket,
}

/// One row per id.
#[derive(Debug, Default)]
pub(super) struct Players {
    rows: Vec<Option<Player>>,
    count: usize,
    /// Ids that were freed, the one that rests longest first.
    free: VecDeque<PlayerId>,
    names: BTreeSet<Arc<str>>,
}

impl Players {
    /// How many are present.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Ids are below this.
    pub(super) fn id_bound(&self) -> u16 {
        self.rows.len() as u16
    }

    /// A new player at rest, under a name of its own.
    pub(super) fn add(
        &mut self,
        session: SessionKey,
        raw_name: &str,
        body: Body,
        tick: Tick,
    ) -> (PlayerId, Arc<str>) {
        let name = distinct_name(&normalise_name(raw_name), &self.names);
        self.names.insert(name.clone());
        let id = self.free_id();
        self.rows[id.index()] = Some(Player {
            session,
            name: name.clone(),
            body,
            input: Input::IDLE,
            inputs: InputBuffer::default(),
            cell: None,
            score: 0,
            unbumpable_until: tick,
            chat: ChatBucket::new(tick),
        });
        self.count += 1;
        (id, name)
    }

    /// Puts a player under an id beyond all that were given so far; those between are free.
    pub(super) fn put_at(&mut self, id: PlayerId, player: Player) {
        assert!(id.index() >= self.rows.len(), "ids in ascending order");
        while self.rows.len() < id.index() {
            self.free.push_back(PlayerId(self.rows.len() as u16));
            self.rows.push(None);
        }
        self.names.insert(player.name.clone());
        self.rows.push(Some(player));
        self.count += 1;
    }

    /// Takes a player out.
    pub(super) fn remove(&mut self, id: PlayerId) -> Option<Player> {
        let player = self.rows.get_mut(id.index())?.take()?;
        self.names.remove(&player.name);
        self.free.push_back(id);
        self.count -= 1;
        Some(player)
    }

    pub(super) fn get(&self, id: PlayerId) -> Option<&Player> {
        self.rows.get(id.index())?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: PlayerId) -> Option<&mut Player> {
        self.rows.get_mut(id.index())?.as_mut()
    }

    /// All, in ascending order of id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PlayerId, &Player)> {
        self.rows
            .iter()
            .enumerate()
            .filter_map(|(index, row)| Some((PlayerId(index as u16), row.as_ref()?)))
    }

    /// All, in ascending order of id.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (PlayerId, &mut Player)> {
        self.rows
            .iter_mut()
            .enumerate()
            .filter_map(|(index, row)| Some((PlayerId(index as u16), row.as_mut()?)))
    }

    /// Everybody's name.
    pub(super) fn roster(&self) -> Roster {
        let entries = self.iter().map(|(id, player)| (id, player.name.clone()));
        Roster::new(entries.collect(), self.id_bound())
    }

    /// The best, best first; among equals the lower id.
    pub(super) fn leaders(&self) -> Vec<(PlayerId, u32)> {
        let mut best: Vec<(PlayerId, u32)> = Vec::with_capacity(LEADERS_MAX + 1);
        for (id, player) in self.iter() {
            let is_better = best.len() < LEADERS_MAX
                || best.last().is_some_and(|(_, score)| player.score > *score);
            if player.score > 0 && is_better {
                let at = best.partition_point(|(_, score)| *score >= player.score);
                best.insert(at, (id, player.score));
                best.truncate(LEADERS_MAX);
            }
        }
        best
    }

    fn free_id(&mut self) -> PlayerId {
        let table_is_full = self.rows.len() >= usize::from(u16::MAX);
        if self.free.len() > IDS_RESTING_MIN || table_is_full {
            // The limit on players is far below the number of ids, so a full table has free ones.
            if let Some(id) = self.free.pop_front() {
                return id;
            }
        }
        assert!(!table_is_full, "more players than ids");
        self.rows.push(None);
        PlayerId(self.rows.len() as u16 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(players: &mut Players, name: &str) -> PlayerId {
        players.add(SessionKey(0), name, Body::default(), Tick(0)).0
    }

    #[test]
    fn an_id_rests_before_it_is_handed_out_again() {
        let mut players = Players::default();
        let first = add(&mut players, "a");
        players.remove(first).unwrap();
        for _ in 0..IDS_RESTING_MIN {
            let id = add(&mut players, "a");
            assert_ne!(id, first);
            players.remove(id).unwrap();
        }
        assert_eq!(add(&mut players, "a"), first);
    }

    #[test]
    fn a_name_is_free_again_after_its_bearer_left() {
        let mut players = Players::default();
        let ann = add(&mut players, "ann");
        let other = add(&mut players, " ann ");
        assert_eq!(&*players.get(other).unwrap().name, "ann-2");
        players.remove(ann).unwrap();
        let third = add(&mut players, "ann");
        assert_eq!(&*players.get(third).unwrap().name, "ann");
    }
}
