//! The shortest way over free tiles, inside a window around the walker.
//!
//! A bot sees as far as the arena's view distance, so a search over a fixed window finds what it
//! can want, whatever the size of the arena, and every bot of a thread uses the same scratch
//! memory. The search is Dijkstra's with buckets (Dial, 1969): steps cost 5, diagonal ones 7.

use glam::IVec2;
use tickwire_shared::game::{Arena, UNIT};

/// Edge of the window in tiles. 64 tiles each way are as far as a bot sees in the embedded arenas;
/// the search ends at the goal, so a large window costs little.
const WINDOW: i32 = 128;
const TILES: usize = (WINDOW * WINDOW) as usize;
/// One more bucket than the dearest step.
const BUCKETS: usize = 8;
const STRAIGHT: u16 = 5;
const DIAGONAL: u16 = 7;
const UNSEEN: u16 = u16::MAX;

/// Column and row steps to the eight neighbours; the low three bits of a step name its direction.
const STEPS: [(i32, i32); 8] = [
    (1, 0),
    (1, 1),
    (0, 1),
    (-1, 1),
    (-1, 0),
    (-1, -1),
    (0, -1),
    (1, -1),
];

/// Scratch memory of the search. One per thread is enough.
#[derive(Debug)]
pub struct PathFinder {
    /// Cost to each tile of the window.
    cost: Vec<u16>,
    /// The step by which each tile was reached.
    step: Vec<u8>,
    goal: Vec<bool>,
    buckets: [Vec<u16>; BUCKETS],
}

impl Default for PathFinder {
    fn default() -> PathFinder {
        PathFinder {
            cost: vec![UNSEEN; TILES],
            step: vec![0; TILES],
            goal: vec![false; TILES],
            buckets: Default::default(),
        }
    }
}

impl PathFinder {
    /// The way from `from` to the `nth` nearest of `goals` as the walker goes (counted from 0; the
    /// farthest if fewer can be reached): the tiles after the one that holds `from`, last first.
    /// `None` if no goal can be reached inside the window.
    pub fn find(
        &mut self,
        arena: &Arena,
        from: IVec2,
        goals: impl Iterator<Item = IVec2>,
        nth: usize,
    ) -> Option<Vec<IVec2>> {
        let start = tile_of(arena, from);
        let corner = start - WINDOW / 2;
        self.goal.fill(false);
        let mut is_any = false;
        for goal in goals {
            let at = tile_of(arena, goal) - corner;
            if is_inside(at) {
                self.goal[index(at)] = true;
                is_any = true;
            }
        }
        if !is_any {
            return None;
        }
        let reached = self.search(arena, corner, nth)?;
        Some(self.walk_back(reached, corner))
    }

    fn search(&mut self, arena: &Arena, corner: IVec2, nth: usize) -> Option<IVec2> {
        self.cost.fill(UNSEEN);
        for bucket in &mut self.buckets {
            bucket.clear();
        }
        let start = IVec2::splat(WINDOW / 2);
        self.cost[index(start)] = 0;
        self.buckets[0].push(index(start) as u16);
        let (mut found, mut count) = (None, 0);
        let (mut cost, mut empty) = (0u16, 0);
        // As many empty buckets in a row as there are: nothing is left.
        while empty < BUCKETS {
            let bucket = usize::from(cost) % BUCKETS;
            empty += 1;
            while let Some(tile) = self.buckets[bucket].pop() {
                empty = 0;
                if self.cost[usize::from(tile)] != cost {
                    continue; // a cheaper way was found after this entry was made
                }
                let at = IVec2::new(i32::from(tile) % WINDOW, i32::from(tile) / WINDOW);
                if std::mem::take(&mut self.goal[usize::from(tile)]) {
                    found = Some(at);
                    if count == nth {
                        return found;
                    }
                    count += 1;
                }
                self.spread(arena, corner, at, cost);
            }
            cost += 1;
        }
        found
    }

    fn spread(&mut self, arena: &Arena, corner: IVec2, at: IVec2, cost: u16) {
        let free = |at: IVec2| {
            let tile = at + corner;
            is_inside(at) && !arena.is_solid(tile.x, tile.y)
        };
        for (direction, &(x, y)) in STEPS.iter().enumerate() {
            let to = at + IVec2::new(x, y);
            if !free(to) {
                continue;
            }
            let is_diagonal = x != 0 && y != 0;
            // A body is a square: it does not fit past the corner of a solid tile.
            if is_diagonal && !(free(at + IVec2::new(x, 0)) && free(at + IVec2::new(0, y))) {
                continue;
            }
            let cost = cost + if is_diagonal { DIAGONAL } else { STRAIGHT };
            let known = &mut self.cost[index(to)];
            if cost < *known {
                *known = cost;
                self.step[index(to)] = direction as u8;
                self.buckets[usize::from(cost) % BUCKETS].push(index(to) as u16);
            }
        }
    }

    fn walk_back(&self, reached: IVec2, corner: IVec2) -> Vec<IVec2> {
        let mut at = reached;
        let mut way = Vec::new();
        while self.cost[index(at)] > 0 {
            way.push(at + corner);
            let (x, y) = STEPS[usize::from(self.step[index(at)])];
            at -= IVec2::new(x, y);
        }
        way
    }
}

/// The tile that holds a point.
pub fn tile_of(arena: &Arena, point: IVec2) -> IVec2 {
    IVec2::new(arena.tile(point.x), arena.tile(point.y))
}

/// The centre of a tile, on the lattice.
pub fn centre_of(arena: &Arena, tile: IVec2) -> IVec2 {
    let edge = i32::from(arena.spec().tile_units) * UNIT;
    tile * edge + edge / 2
}

/// Whether an avatar can walk straight from `from` to `to` (looked at every half unit).
pub fn walk_is_free(arena: &Arena, from: IVec2, to: IVec2) -> bool {
    let way = (to - from).as_i64vec2();
    let samples = (way.abs().max_element() / i64::from(UNIT / 2) + 1).min(512);
    (0..=samples).all(|i| arena.is_free(arena.clamp(from + (way * i / samples).as_ivec2())))
}

fn is_inside(at: IVec2) -> bool {
    at.cmpge(IVec2::ZERO).all() && at.cmplt(IVec2::splat(WINDOW)).all()
}

fn index(at: IVec2) -> usize {
    (at.y * WINDOW + at.x) as usize
}

const _: () = assert!(TILES <= u16::MAX as usize && (DIAGONAL as usize) < BUCKETS);

#[cfg(test)]
mod tests {
    use super::*;
    use tickwire_shared::game::{ArenaSpec, WallRect};

    /// Two halves joined by one gap at the top.
    fn split() -> Arena {
        let mut spec: ArenaSpec = Arena::named("tiny").unwrap().spec().clone();
        spec.walls = vec![WallRect {
            x: 7,
            y: 0,
            width: 1,
            height: 14,
        }];
        Arena::new(spec).unwrap()
    }

    #[test]
    fn the_way_leads_through_the_gap_and_cuts_no_corner() {
        let arena = split();
        let from = centre_of(&arena, IVec2::new(2, 2));
        let to = centre_of(&arena, IVec2::new(12, 2));
        let mut way = PathFinder::default()
            .find(&arena, from, std::iter::once(to), 0)
            .unwrap();
        assert_eq!(way[0], IVec2::new(12, 2));
        way.push(IVec2::new(2, 2));
        assert!(way.iter().any(|tile| tile.y >= 14), "{way:?}");
        for step in way.windows(2) {
            assert!((step[0] - step[1]).abs().max_element() == 1);
            let [a, b] = [centre_of(&arena, step[0]), centre_of(&arena, step[1])];
            assert!(walk_is_free(&arena, a, b), "{step:?}");
        }
    }

    #[test]
    fn the_nearest_goal_is_the_nearest_on_foot() {
        let arena = split();
        let from = centre_of(&arena, IVec2::new(6, 2));
        let beyond = centre_of(&arena, IVec2::new(8, 2));
        let same_side = centre_of(&arena, IVec2::new(1, 2));
        let mut finder = PathFinder::default();
        let mut ends_at = |nth| {
            let goals = [beyond, same_side];
            finder.find(&arena, from, goals.into_iter(), nth).unwrap()[0]
        };
        assert_eq!(ends_at(0), IVec2::new(1, 2));
        assert_eq!(ends_at(1), IVec2::new(8, 2));
        assert_eq!(ends_at(9), IVec2::new(8, 2));
    }

    #[test]
    fn what_is_walled_in_or_out_of_the_window_is_not_found() {
        let arena = Arena::named("plain").unwrap();
        let from = centre_of(&arena, IVec2::new(5, 5));
        let far = centre_of(&arena, IVec2::new(100, 100));
        let mut finder = PathFinder::default();
        assert!(finder.find(&arena, from, std::iter::once(far), 0).is_none());
        assert!(finder.find(&arena, from, std::iter::empty(), 0).is_none());
    }
}
