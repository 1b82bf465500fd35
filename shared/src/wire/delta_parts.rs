//! The delta frames of all cells of one tick, laid out as they stand in tick messages.
//!
//! What a session follows is a rectangle of cells, and cells are numbered row by row. With every
//! frame's length written before it once, a row of any session's block is one run of these bytes:
//! composing costs a copy per row, whatever is in it.

use super::codec::{Reader, put_varint};
use crate::CellId;
use crate::game::grid::Block;

/// Frames in ascending order of cell, each with its length before it; empty ones take no bytes.
#[derive(Clone, Debug, Default)]
pub struct DeltaParts {
    bytes: Vec<u8>,
    /// Where each cell's part ends.
    ends: Vec<u32>,
    /// One bit per cell, low bits first: whether it has bytes. One word more than the cells need,
    /// so that 64 bits from any cell on can be read as two words.
    filled: Vec<u64>,
}

impl DeltaParts {
    /// Appends the frame that `encode` appends to the bytes it is given: that of the next cell.
    pub fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        // Nearly every length takes one byte; the others are moved up.
        self.bytes.push(0);
        encode(&mut self.bytes);
        let len = self.bytes.len() - start - 1;
        match u8::try_from(len) {
            Ok(0) => self.bytes.truncate(start),
            Ok(short @ ..LENGTH_IN_ONE_BYTE) => self.bytes[start] = short,
            _ => {
                let mut length = Vec::new();
                put_varint(len as u32, &mut length);
                self.bytes.splice(start..=start, length);
            }
        }
        let index = self.ends.len();
        self.filled.resize(index / 64 + 2, 0);
        self.filled[index / 64] |= u64::from(len > 0) << (index % 64);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Forgets all frames; keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.filled.clear();
    }

    /// The frame of `cell`, without its length.
    pub fn get(&self, cell: CellId) -> &[u8] {
        let mut part = Reader::new(self.row(cell, 1));
        let _length = part.varint();
        part.rest()
    }

    /// The parts of `len` cells from `first` on, as they stand in a tick message.
    #[inline]
    pub(super) fn row(&self, first: CellId, len: usize) -> &[u8] {
        let start = match first.index() {
            0 => 0,
            index => self.ends[index - 1],
        };
        let end = self.ends[first.index() + len - 1];
        &self.bytes[start as usize..end as usize]
    }

    /// A bit for each cell of `block`, in its order: whether it has bytes.
    #[inline]
    pub(super) fn filled(&self, block: Block) -> u128 {
        let row_len = block.row_len();
        if block.len() <= 64 {
            let mut bits = 0;
            for (row, first) in block.rows().enumerate() {
                bits |= self.filled_row(first, row_len) << (row * row_len);
            }
            return bits.into();
        }
        let mut bits = 0;
        for (index, cell) in block.iter().enumerate() {
            bits |= u128::from(self.filled_row(cell, 1)) << index;
        }
        bits
    }

    /// A bit for each of `len` cells from `first` on, at most 64.
    #[inline]
    fn filled_row(&self, first: CellId, len: usize) -> u64 {
        let (word, shift) = (first.index() / 64, first.index() % 64);
        let (low, high) = (self.filled[word], self.filled[word + 1]);
        let bits = low >> shift | high << 1 << (63 - shift);
        bits & (u64::MAX >> (64 - len))
    }
}

/// Lengths below this take one byte: see [`put_varint`].
const LENGTH_IN_ONE_BYTE: u8 = 251;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_whatever_their_length() {
        let mut parts = DeltaParts::default();
        for round in 0..2 {
            parts.clear();
            let lens =
                [0, 1, 250, 0, 251, 255, 256, 70_000, 3, 0].map(|len| len * (1 - round) + round);
            for (fill, len) in (1u8..).zip(lens) {
                parts.push(|out| out.resize(out.len() + len, fill));
            }
            for (index, len) in (0u8..).zip(lens) {
                let frame = parts.get(CellId(index.into()));
                assert_eq!(frame, vec![index + 1; len]);
            }
        }
    }
}
