//! A binary range coder: turns yes-or-no decisions with known odds into bytes.
//!
//! It is the carry-propagating coder of LZMA (G. N. N. Martin, "Range encoding", 1979) with three
//! differences that suit small frames: the leading byte that is always zero is left out, the end
//! is the shortest that decodes, and zero bytes at the end are left out because the reader pads
//! with zeros. A frame in which every decision falls on the low side has no bytes at all.
//!
//! Every string of bytes decodes to some decisions, and every list of decisions has exactly one
//! encoding: [`RangeDecoder::finish`] refuses the others.

use super::DecodeError;

/// `log2` of [`SHARE_ONE`].
pub const SHARE_SHIFT: u32 = 12;
/// The sum of the two sides' shares: the low side's share is 1 to `SHARE_ONE - 1`.
pub const SHARE_ONE: u16 = 1 << SHARE_SHIFT;
/// The share of a decision of which nothing is known.
pub const SHARE_HALF: u16 = SHARE_ONE / 2;

/// Below this the range is widened by a byte, so that a share never comes out as zero.
const RANGE_MIN: u32 = 1 << 24;

/// Writes decisions to the end of a vector.
#[derive(Debug)]
pub struct RangeEncoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    low: u32,
    range: u32,
}

impl<'a> RangeEncoder<'a> {
    /// Starts a frame at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> RangeEncoder<'a> {
        RangeEncoder {
            start: out.len(),
            out,
            low: 0,
            range: u32::MAX,
        }
    }

    /// Appends one decision, whose low side has `low_share` of [`SHARE_ONE`].
    #[inline]
    pub fn encode(&mut self, high: bool, low_share: u16) {
        let bound = (self.range >> SHARE_SHIFT) * u32::from(low_share);
        if high {
            let (low, carries) = self.low.overflowing_add(bound);
            self.low = low;
            if carries {
                self.carry();
            }
            self.range -= bound;
        } else {
            self.range = bound;
        }
        while self.range < RANGE_MIN {
            self.out.push((self.low >> 24) as u8);
            self.low <<= 8;
            self.range <<= 8;
        }
    }

    /// Ends the frame with the fewest bytes that decode to the same decisions.
    pub fn finish(mut self) {
        let (value, kept) = shortest_end(self.low.into(), self.range);
        if value >> 32 != 0 {
            self.carry();
        }
        for index in 0..kept {
            self.out.push((value >> (24 - 8 * index)) as u8);
        }
        while self.out.len() > self.start && self.out.last() == Some(&0) {
            self.out.pop();
        }
    }

    /// Adds one to the number that the bytes written so far are. It never overflows: the value of
    /// a whole frame, as a fraction, stays below one.
    #[cold]
    fn carry(&mut self) {
        for byte in self.out[self.start..].iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }
}

/// Reads the decisions of one frame.
#[derive(Clone, Debug)]
pub struct RangeDecoder<'a> {
    bytes: &'a [u8],
    next: usize,
    code: u32,
    range: u32,
}

impl<'a> RangeDecoder<'a> {
    /// Starts to read a frame.
    pub fn new(bytes: &'a [u8]) -> RangeDecoder<'a> {
        let mut decoder = RangeDecoder {
            bytes,
            next: 4,
            code: 0,
            range: u32::MAX,
        };
        decoder.code = decoder.window();
        decoder
    }

    /// Reads one decision; `true` is the high side.
    #[inline]
    pub fn decode(&mut self, low_share: u16) -> bool {
        let bound = (self.range >> SHARE_SHIFT) * u32::from(low_share);
        let high = self.code >= bound;
        if high {
            self.code -= bound;
            self.range -= bound;
        } else {
            self.range = bound;
        }
        while self.range < RANGE_MIN {
            let byte = self.bytes.get(self.next).copied().unwrap_or(0);
            self.next += 1;
            self.code = self.code << 8 | u32::from(byte);
            self.range <<= 8;
        }
        high
    }

    /// Checks that the frame ends here, in the one form that the encoder writes.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.next < self.bytes.len() {
            let count = self.bytes.len() - self.next;
            return Err(DecodeError::TrailingBytes { count });
        }
        if self.bytes.last() == Some(&0) {
            return Err(DecodeError::TrailingBytes { count: 1 });
        }
        // Where the encoder's low end was, in the window of the last four bytes; below zero if it
        // carried into the bytes before.
        let value = i64::from(self.window());
        let low = value - i64::from(self.code);
        if self.code < self.range && shortest_end(low, self.range).0 == value {
            Ok(())
        } else {
            Err(DecodeError::OutOfRange { field: "frame end" })
        }
    }

    /// The last four bytes read, with zeros for those beyond the end.
    fn window(&self) -> u32 {
        (self.next - 4..self.next).fold(0, |window, at| {
            window << 8 | u32::from(self.bytes.get(at).copied().unwrap_or(0))
        })
    }
}

/// The number in `low..low + range` with the fewest leading bytes that are not zero, and how many
/// of its four bytes those are.
fn shortest_end(low: i64, range: u32) -> (i64, u32) {
    for kept in 0..4 {
        let step = 1i64 << (32 - 8 * kept);
        let value = (low + step - 1) & -step;
        if value < low + i64::from(range) {
            return (value, kept);
        }
    }
    (low, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(decisions: &[(bool, u16)]) -> Vec<u8> {
        let mut out = vec![0xff];
        let mut encoder = RangeEncoder::new(&mut out);
        for &(high, share) in decisions {
            encoder.encode(high, share);
        }
        encoder.finish();
        assert_eq!(
            out.remove(0),
            0xff,
            "a frame must not touch what is before it"
        );
        out
    }

    fn shares() -> impl Strategy<Value = u16> {
        prop_oneof![Just(1), Just(SHARE_ONE - 1), 1..SHARE_ONE]
    }

    proptest! {
        #[test]
        fn decisions_come_back_and_have_one_encoding(
            decisions in proptest::collection::vec((any::<bool>(), shares()), 0..200),
            flip in any::<(usize, u8)>(),
        ) {
            let bytes = encode(&decisions);
            let read = |bytes: &[u8]| {
                let mut decoder = RangeDecoder::new(bytes);
                let read: Vec<_> = decisions
                    .iter()
                    .map(|&(_, share)| (decoder.decode(share), share))
                    .collect();
                decoder.finish().map(|()| read)
            };
            prop_assert_eq!(read(&bytes), Ok(decisions.clone()));
            let mut longer = bytes.clone();
            longer.push(0);
            prop_assert!(read(&longer).is_err());
            // Other bytes are refused or mean something else.
            let mut other = bytes.clone();
            if !other.is_empty() {
                let at = flip.0 % other.len();
                other[at] ^= flip.1;
                prop_assert_eq!(read(&other) == Ok(decisions.clone()), other == bytes);
            }
        }

        #[test]
        fn the_end_is_the_shortest_that_decodes(
            decisions in proptest::collection::vec((any::<bool>(), shares()), 0..6),
        ) {
            let bytes = encode(&decisions);
            let matches = |bytes: &[u8]| {
                let mut decoder = RangeDecoder::new(bytes);
                let same = decisions.iter().all(|&(high, share)| decoder.decode(share) == high);
                // Beyond the range the next decision would go wrong.
                same && decoder.code < decoder.range
            };
            if let [.., before, _] = bytes.as_slice() {
                // Neither leaving the last byte out nor rounding up instead would do.
                let mut shorter = bytes[..bytes.len() - 1].to_vec();
                prop_assert!(!matches(&shorter));
                if *before < 255 {
                    *shorter.last_mut().unwrap() += 1;
                    prop_assert!(!matches(&shorter));
                }
            }
        }

        #[test]
        fn any_bytes_decode_to_some_decisions(
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            shares in proptest::collection::vec(shares(), 0..300),
        ) {
            let mut decoder = RangeDecoder::new(&bytes);
            let decisions: Vec<_> = shares.iter().map(|&s| (decoder.decode(s), s)).collect();
            if decoder.finish().is_ok() {
                prop_assert_eq!(encode(&decisions), bytes);
            }
        }
    }

    #[test]
    fn uneventful_decisions_cost_no_bytes() {
        assert!(encode(&vec![(false, 4_000); 10_000]).is_empty());
        assert!(encode(&[(false, 1); 100]).is_empty());
    }

    #[test]
    fn a_carry_runs_through_bytes_already_written() {
        // The high side of a huge share moves the low end to just below one, and a later high
        // side carries over.
        let decisions: Vec<_> = (0..64).map(|i| (i % 3 != 0, SHARE_ONE - 1)).collect();
        let bytes = encode(&decisions);
        let mut decoder = RangeDecoder::new(&bytes);
        for &(high, share) in &decisions {
            assert_eq!(decoder.decode(share), high);
        }
        assert_eq!(decoder.finish(), Ok(()));
    }
}
