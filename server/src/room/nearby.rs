//! Who is near: things in square buckets over the arena, as linked lists in two flat tables.

use glam::IVec2;
use tickwire_shared::game::UNIT_SHIFT;

/// `log2` of a bucket's edge in lattice points: 8 units. Much wider than any reach of the rules,
/// so that a query looks at one to four buckets.
const BUCKET_SHIFT: u32 = UNIT_SHIFT + 3;

const NONE: u16 = u16::MAX;

/// Numbered things by place. The order of a query depends only on the order of insertions, so
/// that it is the same on every platform.
#[derive(Clone, Debug)]
pub(super) struct Nearby {
    columns: i32,
    rows: i32,
    /// The first of each bucket.
    heads: Vec<u16>,
    /// The one after each.
    next: Vec<u16>,
}

impl Nearby {
    /// Empty buckets over an arena of this size in lattice points.
    pub(super) fn new(size: IVec2) -> Nearby {
        let columns = (size.x >> BUCKET_SHIFT) + 1;
        let rows = (size.y >> BUCKET_SHIFT) + 1;
        Nearby {
            columns,
            rows,
            heads: vec![NONE; (columns * rows) as usize],
            next: Vec::new(),
        }
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) {
        self.heads.fill(NONE);
    }

    /// Puts a thing in that is not in.
    pub(super) fn insert(&mut self, thing: u16, position: IVec2) {
        let bucket = self.bucket(position);
        if self.next.len() <= usize::from(thing) {
            self.next.resize(usize::from(thing) + 1, NONE);
        }
        self.next[usize::from(thing)] = self.heads[bucket];
        self.heads[bucket] = thing;
    }

    /// Takes a thing out that was put in at this position.
    pub(super) fn remove(&mut self, thing: u16, position: IVec2) {
        let bucket = self.bucket(position);
        let after = self.next[usize::from(thing)];
        let mut at = self.heads[bucket];
        if at == thing {
            self.heads[bucket] = after;
            return;
        }
        while at != NONE {
            let following = self.next[usize::from(at)];
            if following == thing {
                self.next[usize::from(at)] = after;
                return;
            }
            at = following;
        }
    }

    /// Calls `visit` with everything whose bucket comes within `reach` of `position`.
    pub(super) fn visit(&self, position: IVec2, reach: i32, mut visit: impl FnMut(u16)) {
        let (low, high) = (
            self.column_row(position - reach),
            self.column_row(position + reach),
        );
        for row in low.y..=high.y {
            for column in low.x..=high.x {
                let mut at = self.heads[(row * self.columns + column) as usize];
                while at != NONE {
                    visit(at);
                    at = self.next[usize::from(at)];
                }
            }
        }
    }

    fn bucket(&self, position: IVec2) -> usize {
        let at = self.column_row(position);
        (at.y * self.columns + at.x) as usize
    }

    fn column_row(&self, position: IVec2) -> IVec2 {
        let last = IVec2::new(self.columns - 1, self.rows - 1);
        (position >> BUCKET_SHIFT as i32).clamp(IVec2::ZERO, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tickwire_shared::game::UNIT;

    proptest! {
        #[test]
        fn all_within_reach_are_visited_and_the_removed_are_not(
            places in proptest::collection::vec((0..100 * UNIT, 0..60 * UNIT), 1..40),
            removed in 0usize..40,
            centre in (0..100 * UNIT, 0..60 * UNIT),
        ) {
            let mut nearby = Nearby::new(IVec2::new(100 * UNIT, 60 * UNIT));
            let places: Vec<IVec2> = places.into_iter().map(IVec2::from).collect();
            for (thing, place) in places.iter().enumerate() {
                nearby.insert(thing as u16, *place);
            }
            let removed = removed % places.len();
            nearby.remove(removed as u16, places[removed]);
            let mut seen = Vec::new();
            let centre = IVec2::from(centre);
            nearby.visit(centre, UNIT, |thing| seen.push(usize::from(thing)));
            prop_assert!(!seen.contains(&removed));
            for (thing, place) in places.iter().enumerate() {
                let within = (*place - centre).abs().max_element() <= UNIT;
                prop_assert!(!within || thing == removed || seen.contains(&thing));
            }
        }
    }
}
