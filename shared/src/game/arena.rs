//! The arena: a map of square tiles, solid or free, read from `assets/arenas/*.json`.

use super::{Grid, UNIT, UNIT_SHIFT};
use crate::limits::{CELLS_MAX, FOLLOWED_CELLS_MAX, SPARKS_MAX};
use glam::IVec2;
use serde::{Deserialize, Serialize};

/// An arena as its file and `Welcome` describe it. Lengths are in units or in whole tiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArenaSpec {
    /// Shown to players; 1 to 32 bytes.
    pub name: String,
    /// Edge of a tile in units: a power of two, 2 to 16. Not below 2, because a body may move two
    /// units in one tick and must not pass a wall.
    pub tile_units: u16,
    /// Tiles per row; with `height_tiles`, at most 1,024 units each way.
    pub width_tiles: u16,
    /// Rows of tiles.
    pub height_tiles: u16,
    /// Edge of a cell of the grid, in units. Small cells cost headers, large ones show more than
    /// the view distance; 30 to 130 players in a busy cell is a good measure.
    pub cell_units: u16,
    /// How far a player is guaranteed to see, in units.
    pub view_units: u16,
    /// Sparks that lie in the arena at once.
    pub sparks: u16,
    /// Solid rectangles, in tiles.
    pub walls: Vec<WallRect>,
}

/// A solid rectangle, in tiles: corner nearest the origin, width, height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u16; 4]", into = "[u16; 4]")]
pub struct WallRect {
    /// Column of the corner.
    pub x: u16,
    /// Row of the corner.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// Why an arena is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// No embedded arena has this name.
    #[error("no arena is named `{0}`; embedded are: {list}", list = EMBEDDED_NAMES.join(", "))]
    UnknownName(String),
    /// The file is not the JSON of an arena.
    #[error("not an arena file: {0}")]
    Json(#[from] serde_json::Error),
    /// A field is outside its range.
    #[error("arena `{field}` is {value}, outside {min} to {max}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: usize,
        /// Smallest legal value.
        min: usize,
        /// Largest legal value.
        max: usize,
    },
    /// The tile edge is not a power of two.
    #[error("arena `tile_units` is {0}, which is not a power of two")]
    TileNotPowerOfTwo(u16),
    /// A wall reaches outside.
    #[error("arena wall {index} reaches outside the arena")]
    WallOutside {
        /// Position in the list, from 0.
        index: usize,
    },
    /// Too little room to spawn.
    #[error("arena has {free} free tiles, at least {min} are needed")]
    TooFewFreeTiles {
        /// Free tiles.
        free: usize,
        /// Needed.
        min: usize,
    },
}

/// A checked arena: which tiles are solid, and the slides along them.
#[derive(Clone, Debug)]
pub struct Arena {
    spec: ArenaSpec,
    tile_shift: u32,
    size: IVec2,
    solid: Vec<bool>,
    free_tiles: Vec<u32>,
}

const ARENA_UNITS_MAX: usize = 1_024;
const FREE_TILES_MIN: usize = 16;

/// Names of the arenas that are part of the program.
pub const EMBEDDED_NAMES: [&str; 4] = ["garden", "plain", "city", "tiny"];

impl Arena {
    /// An embedded arena.
    pub fn named(name: &str) -> Result<Arena, ArenaError> {
        let json = match name {
            "garden" => include_str!("../../../assets/arenas/garden.json"),
            "plain" => include_str!("../../../assets/arenas/plain.json"),
            "city" => include_str!("../../../assets/arenas/city.json"),
            "tiny" => include_str!("../../../assets/arenas/tiny.json"),
            _ => return Err(ArenaError::UnknownName(name.to_owned())),
        };
        Arena::from_json(json)
    }

    /// An arena from the text of a file.
    pub fn from_json(json: &str) -> Result<Arena, ArenaError> {
        Arena::new(serde_json::from_str(json)?)
    }

    /// Checks a description and builds the tile map.
    pub fn new(spec: ArenaSpec) -> Result<Arena, ArenaError> {
        check_ranges(&spec)?;
        let (columns, rows) = (
            usize::from(spec.width_tiles),
            usize::from(spec.height_tiles),
        );
        let mut solid = vec![false; columns * rows];
        for (index, wall) in spec.walls.iter().enumerate() {
            let (x, y) = (usize::from(wall.x), usize::from(wall.y));
            let (right, top) = (x + usize::from(wall.width), y + usize::from(wall.height));
            if right > columns || top > rows {
                return Err(ArenaError::WallOutside { index });
            }
            for row in y..top {
                solid[row * columns + x..row * columns + right].fill(true);
            }
        }
        let free_tiles: Vec<u32> = (0..solid.len() as u32)
            .filter(|&t| !solid[t as usize])
            .collect();
        if free_tiles.len() < FREE_TILES_MIN {
            return Err(ArenaError::TooFewFreeTiles {
                free: free_tiles.len(),
                min: FREE_TILES_MIN,
            });
        }
        let tile_shift = UNIT_SHIFT + spec.tile_units.trailing_zeros();
        let size = IVec2::new(spec.width_tiles.into(), spec.height_tiles.into()) << tile_shift;
        let arena = Arena {
            spec,
            tile_shift,
            size,
            solid,
            free_tiles,
        };
        range(
            "followed cells",
            arena.grid().block_len_max(),
            1,
            FOLLOWED_CELLS_MAX,
        )?;
        range("cells", arena.grid().len(), 1, CELLS_MAX)?;
        Ok(arena)
    }

    /// The description this arena was built from.
    pub fn spec(&self) -> &ArenaSpec {
        &self.spec
    }

    /// Width and height in lattice points.
    pub fn size(&self) -> IVec2 {
        self.size
    }

    /// The grid that the arena's cell edge and view distance give.
    pub fn grid(&self) -> Grid {
        let lattice = |units: u16| i32::from(units) * UNIT;
        Grid::new(
            self.size,
            lattice(self.spec.cell_units),
            lattice(self.spec.view_units),
        )
    }

    /// Whether a point lies inside.
    pub fn contains(&self, point: IVec2) -> bool {
        point.cmpge(IVec2::ZERO).all() && point.cmplt(self.size).all()
    }

    /// The nearest position an avatar's centre can have without its square leaving the arena.
    pub fn clamp(&self, position: IVec2) -> IVec2 {
        let radius = IVec2::splat(super::movement::AVATAR_RADIUS);
        position.clamp(radius, self.size - radius)
    }

    /// Whether an avatar's square fits at `position`.
    pub fn is_free(&self, position: IVec2) -> bool {
        let low = position - super::movement::AVATAR_RADIUS;
        let high = position + super::movement::AVATAR_RADIUS - 1;
        (self.tile(low.y)..=self.tile(high.y))
            .all(|row| (self.tile(low.x)..=self.tile(high.x)).all(|col| !self.is_solid(col, row)))
    }

    /// Whether the straight way between two points crosses no solid tile (sampled every half
    /// tile; for bots and effects, not for the rules).
    pub fn line_is_free(&self, from: IVec2, to: IVec2) -> bool {
        let way = (to - from).as_i64vec2();
        let step = i64::from(1i32 << (self.tile_shift - 1));
        let samples = (way.abs().max_element() / step + 1).clamp(1, 4_096);
        (0..=samples).all(|i| {
            let at = from + (way * i / samples).as_ivec2();
            !self.is_solid(self.tile(at.x), self.tile(at.y))
        })
    }

    /// The centre of a free tile chosen by `seed`.
    pub fn free_position(&self, seed: u32) -> IVec2 {
        let index = (u64::from(seed) * self.free_tiles.len() as u64) >> 32;
        let tile = self.free_tiles[index as usize];
        let columns = u32::from(self.spec.width_tiles);
        let corner =
            IVec2::new((tile % columns) as i32, (tile / columns) as i32) << self.tile_shift;
        corner + (1 << (self.tile_shift - 1))
    }

    /// Whether the tile at this column and row is solid; all outside the arena are.
    #[inline]
    pub fn is_solid(&self, column: i32, row: i32) -> bool {
        let (columns, rows) = (
            i32::from(self.spec.width_tiles),
            i32::from(self.spec.height_tiles),
        );
        if column < 0 || row < 0 || column >= columns || row >= rows {
            return true;
        }
        self.solid[(row * columns + column) as usize]
    }

    /// The column or row of a coordinate.
    #[inline]
    pub fn tile(&self, coordinate: i32) -> i32 {
        coordinate >> self.tile_shift
    }

    /// Where an avatar at `from` ends along x when it wants to go `by` (at most one tile).
    pub(super) fn slide_x(&self, from: IVec2, by: i32) -> i32 {
        let radius = super::movement::AVATAR_RADIUS;
        let rows = self.tile(from.y - radius)..=self.tile(from.y + radius - 1);
        self.slide(from.x, by, |column| {
            rows.clone().any(|row| self.is_solid(column, row))
        })
    }

    /// Where an avatar at `from` ends along y when it wants to go `by` (at most one tile).
    pub(super) fn slide_y(&self, from: IVec2, by: i32) -> i32 {
        let radius = super::movement::AVATAR_RADIUS;
        let columns = self.tile(from.x - radius)..=self.tile(from.x + radius - 1);
        self.slide(from.y, by, |row| {
            columns.clone().any(|column| self.is_solid(column, row))
        })
    }

    /// One axis: `blocked` tells whether the line of tiles that the leading edge enters is solid.
    #[inline]
    fn slide(&self, from: i32, by: i32, blocked: impl Fn(i32) -> bool) -> i32 {
        let radius = super::movement::AVATAR_RADIUS;
        let to = from + by;
        if by > 0 {
            let line = self.tile(to + radius - 1);
            if line != self.tile(from + radius - 1) && blocked(line) {
                return (line << self.tile_shift) - radius;
            }
        } else if by < 0 {
            let line = self.tile(to - radius);
            if line != self.tile(from - radius) && blocked(line) {
                return ((line + 1) << self.tile_shift) + radius;
            }
        }
        to
    }
}

fn check_ranges(spec: &ArenaSpec) -> Result<(), ArenaError> {
    range("name length", spec.name.len(), 1, 32)?;
    range("tile_units", spec.tile_units.into(), 2, 16)?;
    if !spec.tile_units.is_power_of_two() {
        return Err(ArenaError::TileNotPowerOfTwo(spec.tile_units));
    }
    let units = |tiles: u16| usize::from(tiles) * usize::from(spec.tile_units);
    range(
        "width in units",
        units(spec.width_tiles),
        8,
        ARENA_UNITS_MAX,
    )?;
    range(
        "height in units",
        units(spec.height_tiles),
        8,
        ARENA_UNITS_MAX,
    )?;
    range("cell_units", spec.cell_units.into(), 8, ARENA_UNITS_MAX)?;
    range("view_units", spec.view_units.into(), 1, ARENA_UNITS_MAX)?;
    range("sparks", spec.sparks.into(), 0, SPARKS_MAX)?;
    range("walls", spec.walls.len(), 0, 4_096)
}

fn range(field: &'static str, value: usize, min: usize, max: usize) -> Result<(), ArenaError> {
    if (min..=max).contains(&value) {
        Ok(())
    } else {
        Err(ArenaError::OutOfRange {
            field,
            value,
            min,
            max,
        })
    }
}

impl From<[u16; 4]> for WallRect {
    fn from([x, y, width, height]: [u16; 4]) -> WallRect {
        WallRect {
            x,
            y,
            width,
            height,
        }
    }
}

impl From<WallRect> for [u16; 4] {
    fn from(wall: WallRect) -> [u16; 4] {
        [wall.x, wall.y, wall.width, wall.height]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::movement::{AVATAR_RADIUS, VELOCITY_MAX};

    #[test]
    fn every_embedded_arena_is_valid_and_knows_its_name() {
        for name in EMBEDDED_NAMES {
            assert_eq!(Arena::named(name).unwrap().spec().name, name);
        }
        let error = Arena::named("nowhere").unwrap_err().to_string();
        assert!(error.contains("garden"), "{error}");
    }

    #[test]
    fn errors_name_the_field_and_its_range() {
        let mut spec = Arena::named("tiny").unwrap().spec().clone();
        spec.tile_units = 6;
        assert!(matches!(
            Arena::new(spec.clone()),
            Err(ArenaError::TileNotPowerOfTwo(6))
        ));
        spec.tile_units = 2;
        spec.walls.push(WallRect {
            x: 0,
            y: 0,
            width: 999,
            height: 1,
        });
        assert!(matches!(
            Arena::new(spec.clone()),
            Err(ArenaError::WallOutside { .. })
        ));
        spec.walls.clear();
        spec.cell_units = 8;
        spec.view_units = 500;
        assert!(Arena::from_json("{}").is_err());
    }

    #[test]
    fn free_positions_are_free() {
        for name in EMBEDDED_NAMES {
            let arena = Arena::named(name).unwrap();
            for seed in (0..=u32::MAX).step_by(1 << 24) {
                assert!(arena.is_free(arena.free_position(seed)));
            }
        }
    }

    const _: () = assert!(
        VELOCITY_MAX / 16 <= 2 * UNIT && AVATAR_RADIUS <= UNIT,
        "the leading edge must not pass a whole tile in one step"
    );
}
