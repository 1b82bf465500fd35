//! Which cells a session follows and which of them await a keyframe.
//!
//! A subscription is in one of two states: `Following` (the client holds the cell's state of the
//! last tick it was sent, so a delta is right) or `AwaitingKeyframe`. Joining, walking into a new
//! cell, skipping ticks, a hidden tab and a wrong replica are all the same transition:
//! `Following -> AwaitingKeyframe -> Following`.

use tickwire_shared::CellId;
use tickwire_shared::game::Grid;

/// The cells of the block around a centre, one bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subscription {
    centre: Option<CellId>,
    /// Bit set: Following. In the block's order.
    following: u128,
}

impl Subscription {
    /// Moves to another centre: cells that both blocks have keep their state.
    pub(super) fn move_to(&mut self, grid: &Grid, centre: CellId) {
        let Some(before) = self.centre else {
            *self = Subscription {
                centre: Some(centre),
                following: 0,
            };
            return;
        };
        if before == centre {
            return;
        }
        let old_block = grid.block(before);
        let mut following = 0;
        for (index, cell) in grid.block(centre).iter().enumerate() {
            if old_block.contains(cell) && self.is_following(grid, cell) {
                following |= 1 << index;
            }
        }
        *self = Subscription {
            centre: Some(centre),
            following,
        };
    }

    /// Every cell awaits a keyframe.
    pub(super) fn await_all(&mut self) {
        self.following = 0;
    }

    /// This cell awaits a keyframe. `false` if the session does not follow it anyway.
    pub(super) fn await_one(&mut self, grid: &Grid, cell: CellId) -> bool {
        let index = self.index(grid, cell);
        if let Some(index) = index {
            self.following &= !(1 << index);
        }
        index.is_some()
    }

    /// The whole block has been sent.
    pub(super) fn follow_all(&mut self) {
        self.following = u128::MAX;
    }

    /// Whether all of the block is followed, as nearly always.
    pub(super) fn follows_all(&self) -> bool {
        self.following == u128::MAX
    }

    /// The states in the block's order: bit set for `Following`.
    pub(super) fn following(&self) -> u128 {
        self.following
    }

    fn is_following(&self, grid: &Grid, cell: CellId) -> bool {
        self.index(grid, cell)
            .is_some_and(|index| self.following >> index & 1 == 1)
    }

    fn index(&self, grid: &Grid, cell: CellId) -> Option<usize> {
        grid.block(self.centre?).iter().position(|c| c == cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_shared::game::Arena;

    #[test]
    fn moving_keeps_the_cells_that_both_blocks_have() {
        let grid = Arena::named("plain").unwrap().grid();
        assert_eq!((grid.columns(), grid.radius()), (4, 1));
        let mut subscription = Subscription::default();
        subscription.move_to(&grid, CellId(5));
        assert_eq!(subscription.following(), 0);
        subscription.follow_all();
        assert!(subscription.await_one(&grid, CellId(6)));
        assert!(!subscription.await_one(&grid, CellId(7)));
        subscription.move_to(&grid, CellId(6));
        let states: Vec<_> = grid
            .block(CellId(6))
            .iter()
            .map(|cell| (cell.0, subscription.is_following(&grid, cell)))
            .collect();
        assert_eq!(
            states,
            [
                (1, true),
                (2, true),
                (3, false),
                (5, true),
                (6, false),
                (7, false),
                (9, true),
                (10, true),
                (11, false)
            ]
        );
    }
}
