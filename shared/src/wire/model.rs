//! What is known beforehand about each decision of a cell frame: one static table of odds.
//!
//! The table is made by `tickwire-lab train` from play and belongs to the version of the protocol.
//! Static, because then no model state belongs to a keyframe, a decoder updates nothing, and a
//! frame needs the state of its avatars only.
//!
//! An entry `q` of the table, 1 to 255, says that the high side happens with odds of about
//! `q² / 65536`: fine steps where events are rare, coarse ones where a step costs nothing.

use super::range_coder::{RangeDecoder, RangeEncoder, SHARE_HALF, SHARE_ONE};

/// The text of the table: numbers separated by white space; `#` starts a comment line.
pub const TABLE_TEXT: &str = include_str!("../../../assets/model.v1.txt");

/// Entry of a context of which the table says nothing: the high side once in eight.
const UNTRAINED: u8 = 91;

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context(u16);

/// Contexts of one kind of decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    start: u16,
    len: u16,
}

impl Group {
    #[inline]
    pub(super) const fn at(self, index: usize) -> Context {
        debug_assert!(index < self.len as usize);
        Context(self.start + index as u16)
    }

    /// The contexts from `index` on.
    #[inline]
    pub(super) const fn from(self, index: usize) -> Group {
        debug_assert!(index < self.len as usize);
        Group {
            start: self.start + index as u16,
            len: self.len - index as u16,
        }
    }
}

macro_rules! groups {
    ($($(#[$doc:meta])* $name:ident = $len:expr;)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "one index per group")]
        enum Index { $($name),* }

        $($(#[$doc])*
        pub(super) const $name: Group = Group {
            start: start_of(Index::$name as usize),
            len: $len,
        };)*

        /// Name and size of every group of contexts, in the order of the table.
        pub const GROUPS: &[(&str, usize)] = &[$((stringify!($name), $len)),*];
    };
}

const fn start_of(index: usize) -> u16 {
    let mut start = 0;
    let mut at = 0;
    while at < index {
        start += GROUPS[at].1;
        at += 1;
    }
    start as u16
}

groups! {
    // One frame.
    /// Whether the roster changes.
    ROSTER_CHANGED = 1;
    /// Whether a list of the roster has (another) entry: leaving, entering avatars, leaving,
    /// entering sparks; each for the first and for later ones.
    ROSTER_MORE = 8;

    // One avatar that the step predicts.
    /// Whether anything at all happened: motion × activity of aim × age of input.
    QUIET = 72;
    /// Whether the aim differs from its prediction: motion × activity of aim.
    AIM_MOVED = 24;
    /// Whether another part of the input changed: motion × (no aim, aim as predicted, other).
    INPUT_CHANGED = 12;
    /// Whether the body needs a correction: recently corrected or not.
    CORRECTED = 2;

    // A changed input.
    /// Whether heading or throttle changed: analog × in motion.
    MOVE_CHANGED = 4;
    /// Whether the dash button changed: heading or throttle changed too × held before.
    DASH_CHANGED = 4;
    /// Whether an aim appeared or went away.
    AIM_MODE_CHANGED = 1;
    /// Whether the avatar stops: analog.
    STOP = 2;
    /// Whether the heading turns a little: analog.
    JITTER = 2;
    /// Whether it turns clockwise: the last change was a clockwise jitter, none, the other way.
    JITTER_SIGN = 3;
    /// By how much: a tree of two bits.
    JITTER_SIZE = 3;
    /// Whether the heading turns by eighths: analog × in motion.
    TURN = 4;
    /// By how many: in motion × a tree of three bits.
    TURN_EIGHTHS = 14;
    /// Whether the throttle is full, and if not, whether it is the higher of the other two.
    THROTTLE = 2;
    /// The upper three bits of a heading relative to the last, as a tree.
    HEADING = 7;

    // A moved aim.
    /// Whether a fast aim came to rest.
    AIM_STOPPED = 1;
    /// Whether it fell short of its prediction: by predicted speed and the fraction that the
    /// prediction lost.
    AIM_SHORT = 36;
    /// Whether the residual is still larger: last residual × predicted speed if it fell short ×
    /// how large.
    AIM_SIZE = 108;

    // A correction.
    /// Which parts differ: velocity, position, facing, dash.
    CORRECTION_PART = 4;
    /// A component of velocity: length of the number, sign.
    CORRECTION_VELOCITY = 32;
    /// A component of position.
    CORRECTION_POSITION = 32;

    // One avatar of the fallback predictor.
    /// Whether the prediction holds in all: the two last residuals × motion × aim.
    FREE_QUIET = 96;
    /// Whether a component of position is predicted: its last residuals × fraction × the other.
    FREE_AXIS_QUIET = 192;
    /// Its sign: by the fraction that the prediction lost and the sign of the last residual.
    FREE_SIGN = 24;
    /// Its size: last residual × how large.
    FREE_SIZE = 60;
    /// How far it goes beyond that.
    FREE_LARGE = 31;
    /// Whether the facing differs from its prediction: activity × whether the position does.
    FREE_TURNED = 12;

    // A whole avatar, in keyframes and when one enters.
    /// The gap between identifiers: in keyframes, when entering.
    ID_GAP = 31;
    /// The same for the first that enters.
    ENTER_ID = 31;
    /// Which predictor.
    PREDICTOR = 1;
    /// Whether the position lies outside the cell: keyframe or entering.
    OUTSIDE = 2;
    /// Whether there is a throttle.
    RECORD_MOVES = 1;
    /// Whether heading and throttle are not those of a keyboard.
    RECORD_ANALOG = 1;
    /// Whether there is an aim.
    RECORD_AIMS = 1;
    /// Whether the dash button is held.
    RECORD_DASH_HELD = 1;
    /// Whether a component of velocity is not its target: in motion × the other one was not.
    RECORD_UNSTEADY = 4;
    /// By how much not: length of the number, sign.
    RECORD_VELOCITY = 32;
    /// Whether the facing does not follow from the input: in motion or aiming, neither.
    RECORD_FACING = 2;
    /// Whether a dash or its cooldown is under way.
    RECORD_DASH = 1;
    /// What the codec remembers: age of the input as a tree of four bits, in motion or not.
    RECORD_AGE = 30;
    /// Whether the style is not the one that the input shows.
    RECORD_STYLE = 1;
    /// Which way the last jitter went.
    RECORD_TREMOR = 3;
    /// Ticks since a correction.
    RECORD_CORRECTED = 3;
    /// Ticks for which the aim has been still.
    RECORD_STILL = 3;
    /// Size of the last residual of the aim.
    RECORD_SURPRISE = 3;
    /// Speed of the aim: length of the number.
    RECORD_AIM_RATE = 32;
    /// State of the fallback predictor: a displacement, an acceleration, a residual.
    RECORD_DISPLACEMENT = 32;
    /// Acceleration.
    RECORD_ACCELERATION = 32;
    /// Residual.
    RECORD_RESIDUAL = 7;

    // Sparks and counts.
    /// How many avatars a keyframe has.
    AVATAR_COUNT = 31;
    /// How many sparks a keyframe has.
    SPARK_COUNT = 31;
    /// The gap between the identifiers of sparks in keyframes.
    SPARK_GAP = 31;
    /// The same when one appears.
    SPARK_ENTER_ID = 31;
    /// Whether a spark lies outside the cell.
    SPARK_OUTSIDE = 1;
}

/// Number of contexts.
pub const CONTEXTS: usize = start_of(GROUPS.len()) as usize;

static TABLE: [u8; CONTEXTS] = parse(TABLE_TEXT.as_bytes()).0;
static LOW_SHARES: [u16; CONTEXTS] = low_shares(&TABLE);

/// The low side's share for an entry of the table.
pub const fn low_share(entry: u8) -> u16 {
    let high = (entry as u16 * entry as u16) >> 4;
    SHARE_ONE - if high == 0 { 1 } else { high }
}

/// The table in use.
pub fn table() -> &'static [u8; CONTEXTS] {
    &TABLE
}

/// A hash of the table (FNV-1a over its entries): peers with different ones cannot talk. `Welcome`
/// tells the server's.
pub const fn fingerprint() -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut at = 0;
    while at < CONTEXTS {
        hash = (hash ^ TABLE[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// Takes decisions one by one: a writer is told them and hands them on, a reader ignores what it
/// is told and answers. So each part of a frame is described once, for both directions.
pub trait Coder {
    /// Whether decisions are told rather than asked.
    const WRITES: bool;

    /// A decision with the odds of `context`.
    fn bit(&mut self, context: Context, high: bool) -> bool;

    /// A decision of which nothing is known.
    fn half(&mut self, high: bool) -> bool;
}

impl Coder for RangeEncoder<'_> {
    const WRITES: bool = true;

    #[inline]
    fn bit(&mut self, context: Context, high: bool) -> bool {
        self.encode(high, LOW_SHARES[usize::from(context.0)]);
        high
    }

    #[inline]
    fn half(&mut self, high: bool) -> bool {
        self.encode(high, SHARE_HALF);
        high
    }
}

impl Coder for RangeDecoder<'_> {
    const WRITES: bool = false;

    #[inline]
    fn bit(&mut self, context: Context, _: bool) -> bool {
        self.decode(LOW_SHARES[usize::from(context.0)])
    }

    #[inline]
    fn half(&mut self, _: bool) -> bool {
        self.decode(SHARE_HALF)
    }
}

/// Counts decisions instead of writing them: what the trainer learns from.
#[derive(Clone, Debug)]
pub struct Tally {
    /// For each context, how often the low and the high side happened.
    pub counts: Vec<[u64; 2]>,
    /// Decisions without odds.
    pub halves: u64,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            counts: vec![[0; 2]; CONTEXTS],
            halves: 0,
        }
    }
}

impl Coder for Tally {
    const WRITES: bool = true;

    fn bit(&mut self, context: Context, high: bool) -> bool {
        self.counts[usize::from(context.0)][usize::from(high)] += 1;
        high
    }

    fn half(&mut self, high: bool) -> bool {
        self.halves += 1;
        high
    }
}

impl Tally {
    /// The table that suits these counts, in integer arithmetic so that it is the same anywhere.
    /// One imaginary decision, split evenly, keeps every side possible.
    pub fn fit(&self) -> [u8; CONTEXTS] {
        let mut table = [UNTRAINED; CONTEXTS];
        for (entry, &[low, high]) in table.iter_mut().zip(&self.counts) {
            if low + high > 0 {
                // q = 256 * sqrt(odds), rounded.
                let odds = (u128::from(2 * high + 1) << 34) / u128::from(2 * (low + high + 1));
                *entry = ((odds.isqrt() + 256) >> 9).clamp(1, 255) as u8;
            }
        }
        table
    }

    /// What these decisions cost under `table`, in bits, by group. For reports only.
    pub fn cost(&self, table: &[u8; CONTEXTS]) -> Vec<(&'static str, f64)> {
        let mut at = 0;
        let mut costs = Vec::new();
        for &(name, len) in GROUPS {
            let bits = (at..at + len).map(|context| {
                let low = f64::from(low_share(table[context])) / f64::from(SHARE_ONE);
                let [lows, highs] = self.counts[context];
                -(lows as f64 * low.log2() + highs as f64 * (1.0 - low).log2())
            });
            costs.push((name, bits.sum()));
            at += len;
        }
        costs.push(("half", self.halves as f64));
        costs
    }
}

/// A table as the text of its file.
pub fn render(table: &[u8; CONTEXTS], made_from: &str) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "# Odds of the decisions in cell frames, version 1: see docs/protocol.md.\n# {made_from}\n"
    );
    let mut at = 0;
    for &(name, len) in GROUPS {
        let _ = writeln!(text, "# {name} {len}");
        for row in table[at..at + len].chunks(24) {
            let row: Vec<String> = row.iter().map(u8::to_string).collect();
            let _ = writeln!(text, "{}", row.join(" "));
        }
        at += len;
    }
    text
}

/// Reads the text at compile time; also how many numbers it held. A table made before a group was
/// added is too short: the trainer must compile with it, and a test refuses it.
const fn parse(text: &[u8]) -> ([u8; CONTEXTS], usize) {
    let mut table = [UNTRAINED; CONTEXTS];
    let (mut at, mut count) = (0, 0);
    while at < text.len() {
        if text[at] == b'#' {
            while at < text.len() && text[at] != b'\n' {
                at += 1;
            }
        } else if text[at].is_ascii_digit() {
            let mut number = 0u32;
            while at < text.len() && text[at].is_ascii_digit() {
                number = number * 10 + (text[at] - b'0') as u32;
                at += 1;
            }
            assert!(number >= 1 && number <= 255, "an entry is 1 to 255");
            if count < CONTEXTS {
                table[count] = number as u8;
            }
            count += 1;
        } else {
            at += 1;
        }
    }
    (table, count)
}

const fn low_shares(table: &[u8; CONTEXTS]) -> [u16; CONTEXTS] {
    let mut shares = [0; CONTEXTS];
    let mut at = 0;
    while at < CONTEXTS {
        shares[at] = low_share(table[at]);
        at += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_one_entry_per_context() {
        assert_eq!(parse(TABLE_TEXT.as_bytes()).1, CONTEXTS);
    }

    #[test]
    fn every_entry_gives_both_sides_a_share() {
        for entry in 0..=255 {
            let share = low_share(entry);
            assert!((1..SHARE_ONE).contains(&share), "{entry} gives {share}");
        }
        assert_eq!(low_share(181), SHARE_HALF + 1);
    }

    #[test]
    fn a_fit_is_the_cheapest_entry_or_next_to_it() {
        for counts in [[1, 0], [0, 1], [10, 10], [1_000, 3], [3, 900], [123_456, 7]] {
            let mut tally = Tally::default();
            tally.counts[0] = counts;
            let fitted = tally.fit();
            let cost = |entry: u8| {
                let mut table = fitted;
                table[0] = entry;
                tally.cost(&table)[0].1
            };
            let best = (1..=255).map(cost).fold(f64::INFINITY, f64::min);
            let imaginary = 8.0;
            assert!(cost(fitted[0]) <= best * 1.01 + imaginary, "{counts:?}");
        }
    }

    #[test]
    fn a_rendered_table_reads_back() {
        let mut table = [0; CONTEXTS];
        for (at, entry) in table.iter_mut().enumerate() {
            *entry = (at % 255 + 1) as u8;
        }
        let text = render(&table, "made by a test");
        assert_eq!(parse(text.as_bytes()), (table, CONTEXTS));
    }
}
