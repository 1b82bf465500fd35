//! Who came into and who went out of each cell during one tick: collected in any order, read cell
//! by cell.

use super::players::Players;
use tickwire_shared::game::{Grid, Spark};
use tickwire_shared::wire::{Avatar, CellChange};
use tickwire_shared::{CellId, PlayerId, SparkId};

/// The changes of membership of all cells during one tick.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) avatars_left: Column<PlayerId>,
    pub(super) avatars_entered: Column<Avatar>,
    pub(super) sparks_left: Column<SparkId>,
    pub(super) sparks_entered: Column<Spark>,
}

/// Things with the cell they concern.
#[derive(Debug)]
pub(super) struct Column<T> {
    pairs: Vec<(CellId, T)>,
    /// The same things without their cells, in the same order, so that a cell's are one slice.
    things: Vec<T>,
    read: usize,
}

impl Changes {
    /// Moves every avatar whose body is in another cell by the hysteresis rule, and enters those
    /// that are in none yet.
    pub(super) fn regroup(&mut self, grid: &Grid, players: &mut Players) {
        for (id, player) in players.iter_mut() {
            let position = player.body.position;
            let cell = match player.cell {
                Some(current) => grid.cell_with_hysteresis(position, current),
                None => grid.cell_at(position),
            };
            if player.cell != Some(cell) {
                if let Some(before) = player.cell {
                    self.avatars_left.push(before, id);
                }
                player.cell = Some(cell);
                self.avatars_entered
                    .push(cell, Avatar::new(id, player.body, player.input));
            }
        }
    }

    /// Puts all in the order in which [`Changes::of`] reads them.
    pub(super) fn sort(&mut self) {
        self.avatars_left.sort_by_key(|id| *id);
        self.avatars_entered.sort_by_key(|avatar| avatar.id);
        self.sparks_left.sort_by_key(|id| *id);
        self.sparks_entered.sort_by_key(|spark| spark.id);
    }

    /// The changes of `cell`. Cells must be asked for in ascending order.
    pub(super) fn of(&mut self, cell: CellId) -> CellChange<'_> {
        CellChange {
            avatars_left: self.avatars_left.of(cell),
            avatars_entered: self.avatars_entered.of(cell),
            sparks_left: self.sparks_left.of(cell),
            sparks_entered: self.sparks_entered.of(cell),
        }
    }

    /// Forgets all; keeps the memory.
    pub(super) fn clear(&mut self) {
        self.avatars_left.clear();
        self.avatars_entered.clear();
        self.sparks_left.clear();
        self.sparks_entered.clear();
    }
}

impl<T: Copy> Column<T> {
    pub(super) fn push(&mut self, cell: CellId, thing: T) {
        self.pairs.push((cell, thing));
    }

    fn sort_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K) {
        self.pairs
            .sort_unstable_by_key(|(cell, thing)| (*cell, key(thing)));
        self.things
            .extend(self.pairs.iter().map(|(_, thing)| *thing));
    }

    fn of(&mut self, cell: CellId) -> &[T] {
        let start = self.read;
        while self.pairs.get(self.read).is_some_and(|(c, _)| *c == cell) {
            self.read += 1;
        }
        &self.things[start..self.read]
    }

    fn clear(&mut self) {
        self.pairs.clear();
        self.things.clear();
        self.read = 0;
    }
}

impl<T> Default for Column<T> {
    fn default() -> Column<T> {
        Column {
            pairs: Vec::new(),
            things: Vec::new(),
            read: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_cell_by_cell_in_order_of_id() {
        let mut changes = Changes::default();
        for _round in 0..2 {
            changes.clear();
            for (cell, id) in [(2, 9), (0, 7), (2, 1)] {
                changes.avatars_left.push(CellId(cell), PlayerId(id));
            }
            changes.sort();
            let read: Vec<Vec<u16>> = (0..4)
                .map(|cell| {
                    let left = changes.of(CellId(cell)).avatars_left;
                    left.iter().map(|id| id.0).collect()
                })
                .collect();
            assert_eq!(read, [vec![7], vec![], vec![1, 9], vec![]]);
        }
    }
}
