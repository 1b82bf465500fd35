//! The cut of the arena into square cells, and the rule by which a session follows them.
//!
//! Both ends know the rule, so a tick message names the centre cell only.

use super::UNIT;
use crate::CellId;
use crate::limits::FOLLOWED_CELLS_MAX;
use glam::IVec2;

/// How far beyond the edge of its cell an avatar must be before it changes cells, in lattice
/// points: one unit. Without, an avatar that walks along an edge would enter and leave every tick.
pub const HYSTERESIS: i32 = UNIT;

/// A grid of equal square cells over an arena, row-major from the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    columns: u16,
    rows: u16,
    cell_edge: i32,
    radius: u16,
}

impl Grid {
    /// A grid over `size` (lattice points) with cells of `cell_edge`, whose blocks cover
    /// `view_distance` in every direction from anywhere in the centre cell.
    pub(crate) fn new(size: IVec2, cell_edge: i32, view_distance: i32) -> Grid {
        let cells = |length: i32| ((length + cell_edge - 1) / cell_edge) as u16;
        let radius = ((view_distance + HYSTERESIS + cell_edge - 1) / cell_edge) as u16;
        Grid {
            columns: cells(size.x),
            rows: cells(size.y),
            cell_edge,
            radius,
        }
    }

    /// Number of cells.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }

    /// A grid has at least one cell.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Cells per row.
    pub fn columns(&self) -> u16 {
        self.columns
    }

    /// Rows of cells.
    pub fn rows(&self) -> u16 {
        self.rows
    }

    /// Edge of a cell in lattice points.
    pub fn cell_edge(&self) -> i32 {
        self.cell_edge
    }

    /// How many rings of cells around the centre belong to a block.
    pub fn radius(&self) -> u16 {
        self.radius
    }

    /// Every cell.
    pub fn cells(&self) -> impl Iterator<Item = CellId> + use<> {
        (0..self.len() as u16).map(CellId)
    }

    /// Whether `cell` exists.
    pub fn contains(&self, cell: CellId) -> bool {
        cell.index() < self.len()
    }

    /// The cell that a position inside the arena lies in; positions outside count as at the edge.
    pub fn cell_at(&self, position: IVec2) -> CellId {
        let column = (position.x / self.cell_edge).clamp(0, i32::from(self.columns) - 1);
        let row = (position.y / self.cell_edge).clamp(0, i32::from(self.rows) - 1);
        CellId(row as u16 * self.columns + column as u16)
    }

    /// The cell of an avatar that was in `current`: that one until the avatar is more than
    /// [`HYSTERESIS`] beyond its edge.
    pub fn cell_with_hysteresis(&self, position: IVec2, current: CellId) -> CellId {
        let corner = self.corner(current);
        let inside =
            |p: i32, low: i32| p >= low - HYSTERESIS && p < low + self.cell_edge + HYSTERESIS;
        if self.contains(current) && inside(position.x, corner.x) && inside(position.y, corner.y) {
            current
        } else {
            self.cell_at(position)
        }
    }

    /// The corner of `cell` nearest the origin, in lattice points. Packed positions inside a cell
    /// count from here.
    pub fn corner(&self, cell: CellId) -> IVec2 {
        let (column, row) = self.column_row(cell);
        IVec2::new(i32::from(column), i32::from(row)) * self.cell_edge
    }

    /// The cells that a session with this centre follows, in ascending order: the square of
    /// [`Grid::radius`] rings around the centre, clipped at the arena's edge.
    #[inline]
    pub fn block(&self, centre: CellId) -> Block {
        let (column, row) = self.column_row(centre);
        Block {
            columns: self.columns,
            first_column: column.saturating_sub(self.radius),
            last_column: (column + self.radius).min(self.columns - 1),
            first_row: row.saturating_sub(self.radius),
            last_row: (row + self.radius).min(self.rows - 1),
        }
    }

    /// Cells in the largest block.
    pub(crate) fn block_len_max(&self) -> usize {
        let edge = usize::from(self.radius) * 2 + 1;
        edge.min(self.columns.into()) * edge.min(self.rows.into())
    }

    #[inline]
    fn column_row(&self, cell: CellId) -> (u16, u16) {
        let cell = cell.0.min(self.len() as u16 - 1);
        (cell % self.columns, cell / self.columns)
    }
}

/// The rectangle of cells that a session follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    columns: u16,
    first_column: u16,
    last_column: u16,
    first_row: u16,
    last_row: u16,
}

impl Block {
    /// Number of cells, at most [`FOLLOWED_CELLS_MAX`] for a valid arena.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.last_column - self.first_column + 1)
            * usize::from(self.last_row - self.first_row + 1)
    }

    /// A block holds at least its centre.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether `cell` belongs to the block.
    pub fn contains(&self, cell: CellId) -> bool {
        let (column, row) = (cell.0 % self.columns, cell.0 / self.columns);
        (self.first_column..=self.last_column).contains(&column)
            && (self.first_row..=self.last_row).contains(&row)
    }

    /// The rows of the block in ascending order: the first cell of each. Cells of a row have
    /// consecutive ids.
    #[inline]
    pub fn rows(self) -> impl Iterator<Item = CellId> {
        let first = self.first_row * self.columns + self.first_column;
        let rows = self.last_row - self.first_row + 1;
        (0..rows).map(move |row| CellId(first + row * self.columns))
    }

    /// Cells of each row.
    #[inline]
    pub fn row_len(&self) -> usize {
        usize::from(self.last_column - self.first_column + 1)
    }

    /// The cells in ascending order: the order of their parts in a tick message.
    pub fn iter(self) -> impl Iterator<Item = CellId> {
        (self.first_row..=self.last_row).flat_map(move |row| {
            (self.first_column..=self.last_column)
                .map(move |column| CellId(row * self.columns + column))
        })
    }
}

const _: () = assert!(
    FOLLOWED_CELLS_MAX <= 128,
    "a block's bitmap is kept in 128 bits"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid::new(IVec2::splat(512 * UNIT), 128 * UNIT, 40 * UNIT)
    }

    #[test]
    fn a_block_covers_the_view_distance_from_anywhere_in_the_centre() {
        let grid = Grid::new(IVec2::splat(500 * UNIT), 64 * UNIT, 90 * UNIT);
        let view = 90 * UNIT;
        for cell in grid.cells() {
            let low = grid.corner(cell) - HYSTERESIS;
            let high = grid.corner(cell) + grid.cell_edge() + HYSTERESIS - 1;
            let block = grid.block(cell);
            for corner in [
                low - view,
                high + view,
                IVec2::new(low.x - view, high.y + view),
            ] {
                let inside = corner.clamp(IVec2::ZERO, IVec2::splat(500 * UNIT - 1));
                assert!(
                    block.contains(grid.cell_at(inside)),
                    "{cell} does not see {inside}"
                );
            }
        }
    }

    #[test]
    fn a_block_lists_its_cells_in_ascending_order_clipped_at_the_edge() {
        let cells: Vec<u16> = grid().block(CellId(0)).iter().map(|cell| cell.0).collect();
        assert_eq!(cells, [0, 1, 4, 5]);
        assert_eq!(grid().block(CellId(5)).len(), 9);
        for cell in grid().cells() {
            let block = grid().block(cell);
            assert_eq!(block.iter().count(), block.len());
            assert!(block.iter().all(|cell| block.contains(cell)));
        }
    }

    #[test]
    fn an_avatar_changes_cells_only_beyond_the_hysteresis() {
        let edge = 128 * UNIT;
        let at = |x: i32| IVec2::new(x, UNIT);
        let first = CellId(0);
        assert_eq!(
            grid().cell_with_hysteresis(at(edge + HYSTERESIS - 1), first),
            first
        );
        assert_eq!(
            grid().cell_with_hysteresis(at(edge + HYSTERESIS), first),
            CellId(1)
        );
        assert_eq!(
            grid().cell_with_hysteresis(at(edge - HYSTERESIS), CellId(1)),
            CellId(1)
        );
        assert_eq!(
            grid().cell_with_hysteresis(at(edge - HYSTERESIS - 1), CellId(1)),
            first
        );
    }
}
