//! The per-session part of a tick: two or three bytes around cell frames that hold nothing of the
//! session.
//!
//! ```text
//! tick-message = flags:u8 [tick] [centre] [margin] [score] filled [keyframes] part*
//! flags        = bit 0 TICK       tick:varint follows, else it is the last one plus 1
//!                bit 1 CENTRE     centre:varint (a cell) follows, else unchanged
//!                bit 2 MARGIN     margin:i8 follows, else unchanged
//!                bit 3 SCORE      score:varint follows, else unchanged
//!                bit 4 KEYFRAMES  a bitmap of the cells whose part is a keyframe follows
//! filled, keyframes = one bit per cell of the block around the centre, in the block's order,
//!                low bits first, padded with zeros to whole bytes
//! part         = length:varint bytes, for every cell whose `filled` bit is set
//! ```
//!
//! A cell whose `filled` bit is not set has a frame or keyframe of zero bytes. The first message
//! of a session has `TICK` and `CENTRE` set.

use super::codec::{Reader, put_varint};
use super::packet::TAG_TICK;
use super::{DecodeError, DeltaParts};
use crate::game::Grid;
use crate::{CellId, Tick};

const TICK: u8 = 1;
const CENTRE: u8 = 1 << 1;
const MARGIN: u8 = 1 << 2;
const SCORE: u8 = 1 << 3;
const KEYFRAMES: u8 = 1 << 4;

/// How early the last input came, signed, in 1/[`MARGIN_STEPS_PER_TICK`] tick. It saturates at
/// ±127, eight ticks. Positive: it waited; negative: it was late.
pub type InputMargin = i8;

/// Steps of the input margin per tick.
pub const MARGIN_STEPS_PER_TICK: i64 = 16;

/// What one followed cell contributes to one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellPart<'a> {
    /// The change since the tick before.
    Delta(&'a [u8]),
    /// The whole state.
    Keyframe(&'a [u8]),
}

/// What a tick tells one session besides the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickHead {
    /// The tick.
    pub tick: Tick,
    /// The centre of the block that the session follows from this tick on.
    pub centre: CellId,
    /// How early the last input came.
    pub margin: InputMargin,
    /// The player's score.
    pub score: u32,
}

/// The server's end: remembers what the client was told, and leaves it out.
#[derive(Clone, Debug, Default)]
pub struct TickComposer {
    told: Option<TickHead>,
}

impl TickComposer {
    /// Appends a tick message with its block tag. `parts` gives one part per cell of
    /// `grid.block(centre)`, in the block's order.
    pub fn compose<'a>(
        &mut self,
        grid: &Grid,
        head: TickHead,
        mut part: impl FnMut(CellId) -> CellPart<'a>,
        out: &mut Vec<u8>,
    ) {
        let block = grid.block(head.centre);
        let mut bitmaps = Bitmaps::default();
        for (index, cell) in block.iter().enumerate() {
            let bytes = match part(cell) {
                CellPart::Delta(bytes) => bytes,
                CellPart::Keyframe(bytes) => {
                    bitmaps.keyframes |= 1 << index;
                    bytes
                }
            };
            bitmaps.filled |= u128::from(!bytes.is_empty()) << index;
        }
        self.put_head(head, block.len(), bitmaps, out);
        for cell in block.iter() {
            let (CellPart::Delta(bytes) | CellPart::Keyframe(bytes)) = part(cell);
            if !bytes.is_empty() {
                put_varint(bytes.len() as u32, out);
                out.extend_from_slice(bytes);
            }
        }
    }

    /// The same if all parts are deltas: the bytes of neighbouring cells stand side by side in
    /// `deltas` as they do in the message, so that a row of the block is one copy.
    pub fn compose_deltas(
        &mut self,
        grid: &Grid,
        head: TickHead,
        deltas: &DeltaParts,
        out: &mut Vec<u8>,
    ) {
        let block = grid.block(head.centre);
        let bitmaps = Bitmaps {
            filled: deltas.filled(block),
            keyframes: 0,
        };
        self.put_head(head, block.len(), bitmaps, out);
        for first in block.rows() {
            out.extend_from_slice(deltas.row(first, block.row_len()));
        }
    }

    /// Forgets what was told, so that the next message tells everything.
    pub fn reset(&mut self) {
        *self = TickComposer::default();
    }

    /// Appends everything before the parts.
    #[inline]
    fn put_head(&mut self, head: TickHead, cells: usize, bitmaps: Bitmaps, out: &mut Vec<u8>) {
        out.push(TAG_TICK);
        let flags_at = out.len();
        out.push(0);
        let mut flags = 0;
        let told = self.told.replace(head);
        if told.is_none_or(|told| told.tick.next() != head.tick) {
            flags |= TICK;
            put_varint(head.tick.0, out);
        }
        if told.is_none_or(|told| told.centre != head.centre) {
            flags |= CENTRE;
            put_varint(head.centre.0.into(), out);
        }
        if told.is_none_or(|told| told.margin != head.margin) {
            flags |= MARGIN;
            out.push(head.margin.cast_unsigned());
        }
        if told.is_none_or(|told| told.score != head.score) {
            flags |= SCORE;
            put_varint(head.score, out);
        }
        put_bitmap(bitmaps.filled, cells, out);
        if bitmaps.keyframes != 0 {
            flags |= KEYFRAMES;
            put_bitmap(bitmaps.keyframes, cells, out);
        }
        out[flags_at] = flags;
    }
}

/// One bit per cell of a block each.
#[derive(Clone, Copy, Default)]
struct Bitmaps {
    filled: u128,
    keyframes: u128,
}

#[inline]
fn put_bitmap(bits: u128, cells: usize, out: &mut Vec<u8>) {
    // Two or three bytes mostly: a loop is less than a call to copy them.
    for byte in &bits.to_le_bytes()[..cells.div_ceil(8)] {
        out.push(*byte);
    }
}

/// The client's end: fills in what the messages leave out.
#[derive(Clone, Debug)]
pub struct TickReader {
    grid: Grid,
    told: Option<TickHead>,
}

/// One tick message, read.
#[derive(Debug)]
pub struct TickView<'a> {
    /// What it tells besides the cells.
    pub head: TickHead,
    grid: Grid,
    filled: u128,
    keyframes: u128,
    parts: Reader<'a>,
}

impl TickReader {
    /// For a session that was welcomed to an arena with this grid.
    pub fn new(grid: Grid) -> TickReader {
        TickReader { grid, told: None }
    }

    /// Reads one tick message; its tag has been read already.
    pub(super) fn read<'a>(
        &mut self,
        reader: &mut Reader<'a>,
    ) -> Result<TickView<'a>, DecodeError> {
        let flags = reader.byte()?;
        if flags >= KEYFRAMES << 1 {
            return Err(DecodeError::OutOfRange {
                field: "tick flags",
            });
        }
        let out_of_range = |field| DecodeError::OutOfRange { field };
        let told = self.told;
        let tick = if flags & TICK != 0 {
            Tick(reader.varint()?)
        } else {
            told.ok_or(out_of_range("tick"))?.tick.next()
        };
        if told.is_some_and(|told| tick <= told.tick) {
            return Err(out_of_range("tick"));
        }
        let centre = if flags & CENTRE != 0 {
            CellId(reader.varint_u16("centre cell")?)
        } else {
            told.ok_or(out_of_range("centre cell"))?.centre
        };
        if !self.grid.contains(centre) {
            return Err(out_of_range("centre cell"));
        }
        let margin = if flags & MARGIN != 0 {
            reader.byte()?.cast_signed()
        } else {
            told.map_or(0, |told| told.margin)
        };
        let score = if flags & SCORE != 0 {
            reader.varint()?
        } else {
            told.map_or(0, |told| told.score)
        };
        let len = self.grid.block(centre).len();
        let filled = read_bitmap(reader, len, "filled cells")?;
        let keyframes = if flags & KEYFRAMES != 0 {
            read_bitmap(reader, len, "keyframes")?
        } else {
            0
        };
        let parts = *reader;
        for _ in 0..filled.count_ones() {
            let part_len = reader.varint()? as usize;
            if part_len == 0 {
                return Err(out_of_range("cell part length"));
            }
            reader.take(part_len)?;
        }
        let head = TickHead {
            tick,
            centre,
            margin,
            score,
        };
        self.told = Some(head);
        Ok(TickView {
            head,
            grid: self.grid,
            filled,
            keyframes,
            parts,
        })
    }
}

impl<'a> TickView<'a> {
    /// The part of every cell that the session follows, in the block's order.
    pub fn cells(&self) -> impl Iterator<Item = (CellId, CellPart<'a>)> + use<'a> {
        let (filled, keyframes, mut parts) = (self.filled, self.keyframes, self.parts);
        self.grid
            .block(self.head.centre)
            .iter()
            .enumerate()
            .map(move |(index, cell)| {
                let is = |bitmap: u128| bitmap >> index & 1 == 1;
                // The lengths were checked when the message was read.
                let bytes = if is(filled) {
                    parts
                        .varint()
                        .and_then(|len| parts.take(len as usize))
                        .unwrap_or_default()
                } else {
                    &[]
                };
                let part = if is(keyframes) {
                    CellPart::Keyframe(bytes)
                } else {
                    CellPart::Delta(bytes)
                };
                (cell, part)
            })
    }
}

fn read_bitmap(
    reader: &mut Reader<'_>,
    len: usize,
    field: &'static str,
) -> Result<u128, DecodeError> {
    let mut bytes = [0; 16];
    let used = len.div_ceil(8);
    bytes[..used].copy_from_slice(reader.take(used)?);
    let bitmap = u128::from_le_bytes(bytes);
    if len < 128 && bitmap >> len != 0 {
        return Err(DecodeError::OutOfRange { field });
    }
    Ok(bitmap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::{Arena, UNIT};
    use crate::limits::FOLLOWED_CELLS_MAX;
    use crate::wire::{Block, PacketReader};
    use glam::IVec2;
    use proptest::prelude::*;

    type Told = (u32, u16, i8, u32, Vec<(bool, Vec<u8>)>);

    fn told() -> impl Strategy<Value = Told> {
        let parts = (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..4));
        (
            1u32..4,
            0u16..16,
            any::<i8>(),
            0u32..400,
            proptest::collection::vec(parts, 16),
        )
    }

    fn part_of(cells: &[(bool, Vec<u8>)], cell: CellId) -> CellPart<'_> {
        let (is_keyframe, bytes) = &cells[cell.index()];
        if *is_keyframe {
            CellPart::Keyframe(bytes)
        } else {
            CellPart::Delta(bytes)
        }
    }

    proptest! {
        #[test]
        fn what_is_composed_is_read(session in proptest::collection::vec(told(), 1..12)) {
            let grid = Arena::named("plain").unwrap().grid();
            prop_assert_eq!(grid.len(), 16);
            let (mut composer, mut reader) = (TickComposer::default(), TickReader::new(grid));
            let mut tick = Tick(0);
            for (gap, centre, margin, score, cells) in session {
                tick = tick + gap;
                let centre = CellId(centre);
                let mut bytes = Vec::new();
                let part = |cell| part_of(&cells, cell);
                let head = TickHead { tick, centre, margin, score };
                composer.compose(&grid, head, part, &mut bytes);
                let mut packet = PacketReader::new(&bytes).unwrap();
                let Some(Block::Tick(view)) = packet.next_block(Some(&mut reader)).unwrap() else {
                    panic!("not a tick");
                };
                prop_assert_eq!(view.head, head);
                let expected: Vec<_> = grid.block(centre).iter().map(|c| (c, part(c))).collect();
                prop_assert_eq!(view.cells().collect::<Vec<_>>(), expected);
                prop_assert!(packet.next_block(Some(&mut reader)).unwrap().is_none());
            }
        }

        #[test]
        fn deltas_composed_by_rows_are_the_same_bytes(
            columns in 1u16..80, rows in 1u16..8, view in 1i32..40, centre in any::<u16>(),
            lens in proptest::collection::vec(prop_oneof![Just(0usize), 0usize..4, 249..253usize], 640),
        ) {
            let edge = 8 * UNIT;
            let size = IVec2::new(columns.into(), rows.into()) * edge;
            let grid = Grid::new(size, edge, view * UNIT);
            prop_assume!(grid.block_len_max() <= FOLLOWED_CELLS_MAX);
            let centre = CellId(centre % grid.len() as u16);
            let frames: Vec<Vec<u8>> = lens.iter().enumerate().map(|(n, len)| vec![n as u8; *len]).collect();
            let mut deltas = DeltaParts::default();
            for frame in &frames[..grid.len()] {
                deltas.push(|out| out.extend_from_slice(frame));
            }
            let (mut by_cell, mut by_row) = (TickComposer::default(), TickComposer::default());
            for tick in 8..10 {
                let head = TickHead { tick: Tick(tick), centre, margin: 1, score: 2 };
                let (mut one, mut other) = (Vec::new(), Vec::new());
                let part = |cell: CellId| CellPart::Delta(&frames[cell.index()]);
                by_cell.compose(&grid, head, part, &mut one);
                by_row.compose_deltas(&grid, head, &deltas, &mut other);
                prop_assert_eq!(one, other);
            }
        }

        #[test]
        fn no_bytes_panic_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
            let grid = Arena::named("plain").unwrap().grid();
            let mut reader = TickReader::new(grid);
            if let Ok(view) = reader.read(&mut Reader::new(&bytes)) {
                prop_assert_eq!(view.cells().count(), grid.block(view.head.centre).len());
            }
        }
    }

    #[test]
    fn a_quiet_tick_of_a_known_session_costs_three_bytes_and_its_bitmap() {
        let grid = Arena::named("plain").unwrap().grid();
        let mut composer = TickComposer::default();
        let mut bytes = Vec::new();
        for tick in 7..9 {
            bytes.clear();
            let empty = |_| CellPart::Delta(&[]);
            let head = TickHead {
                tick: Tick(tick),
                centre: CellId(5),
                margin: 3,
                score: 10,
            };
            composer.compose(&grid, head, empty, &mut bytes);
        }
        assert_eq!(bytes, [TAG_TICK, 0, 0, 0]);
    }
}
