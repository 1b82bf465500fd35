//! Names that strangers type and others read: one form, no tricks, a bounded length.
//!
//! A name is put into Unicode's compatibility form NFKC, so that wide letters and ligatures cannot
//! imitate another player's plain ones, and white space collapses to single spaces. Characters
//! that draw nothing or turn the direction of the text around them are refused by code point and
//! not silently stripped: whoever sends them either has a defect to find or something to hide.

use tickwire_shared::limits::{NAME_BYTES_MAX, ROOM_NAME_BYTES_MAX};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// Marks on one base letter. Vietnamese needs two; stacks of dozens paint over the neighbours.
const COMBINING_MARKS_MAX: usize = 3;

/// Bytes of a name as it came, before normalisation; NFKC may shrink or grow it, but a longer one
/// is not worth the work.
const RAW_NAME_BYTES_MAX: usize = 8 * NAME_BYTES_MAX;

/// The rule that a name broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left after normalisation.
    #[error("the name is empty")]
    Empty,
    /// Too many bytes.
    #[error("the name has {len} bytes in UTF-8, at most {max} are allowed")]
    TooLong {
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// A control character, an invisible one or one that changes the direction of writing.
    #[error("the name contains U+{0:04X}, which is not allowed in names")]
    Forbidden(u32),
    /// More combining marks on one letter than any language uses.
    #[error("the name has more than {max} marks on one letter", max = COMBINING_MARKS_MAX)]
    TooManyMarks,
    /// A room's name of another length or with other characters.
    #[error("a room's name has 1 to {max} letters, digits, - _ .", max = ROOM_NAME_BYTES_MAX)]
    Room,
}

/// The normal form of a player's name, or the rule it broke.
pub fn player_name(raw: &str) -> Result<String, NameError> {
    let name = normal_form(raw)?;
    if name.len() > NAME_BYTES_MAX {
        return Err(too_long(&name));
    }
    Ok(name)
}

/// As [`player_name`], for a name that somebody wishes to have: one that is too long by the length
/// of a long name is cut.
pub fn wished_name(raw: &str) -> Result<String, NameError> {
    let mut name = normal_form(raw)?;
    cut(&mut name, NAME_BYTES_MAX);
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    Ok(name)
}

/// Shortens a text to at most `max` bytes without parting what is drawn as one character: a letter
/// and its accent, the two halves of a flag.
pub fn cut(text: &mut String, max: usize) {
    if text.len() <= max {
        return;
    }
    let ends = text.grapheme_indices(true).map(|(start, _)| start);
    let end = ends.take_while(|end| *end <= max).last().unwrap_or(0);
    text.truncate(end);
    text.truncate(text.trim_end().len());
}

/// Checks a room's name. It appears in addresses, logs and metric labels, hence the small alphabet.
pub fn room_name(raw: &str) -> Result<&str, NameError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=ROOM_NAME_BYTES_MAX).contains(&raw.len()) && raw.bytes().all(allowed) {
        Ok(raw)
    } else {
        Err(NameError::Room)
    }
}

/// A text of at most `max` bytes without what would break the display of others: what is refused
/// in names is left out, and white space collapses.
pub fn harmless(raw: impl IntoIterator<Item = char>, max: usize) -> String {
    let mut text = String::new();
    let mut marks = 0;
    for c in raw {
        if c.is_whitespace() {
            if !text.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
            marks = 0;
        } else if !is_forbidden(c) {
            marks = if is_combining_mark(c) { marks + 1 } else { 0 };
            if marks <= COMBINING_MARKS_MAX {
                text.push(c);
            }
        }
    }
    text.truncate(text.trim_end().len());
    cut(&mut text, max);
    text
}

/// A name made harmless instead of refused, for rooms that are not behind the door.
pub fn harmless_name(raw: &str) -> String {
    let visible = raw
        .chars()
        .filter(|c| c.is_whitespace() || !is_forbidden(*c));
    harmless(visible.nfkc(), NAME_BYTES_MAX)
}

fn normal_form(raw: &str) -> Result<String, NameError> {
    let raw = raw.trim();
    if raw.len() > RAW_NAME_BYTES_MAX {
        return Err(too_long(raw));
    }
    let mut name = String::with_capacity(NAME_BYTES_MAX);
    let mut marks = 0;
    for c in raw.nfkc() {
        if is_forbidden(c) {
            return Err(NameError::Forbidden(u32::from(c)));
        }
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if marks > COMBINING_MARKS_MAX {
            return Err(NameError::TooManyMarks);
        }
        if !c.is_whitespace() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with(' ') {
            name.push(' ');
        }
    }
    name.truncate(name.trim_end().len());
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    Ok(name)
}

fn too_long(name: &str) -> NameError {
    NameError::TooLong {
        len: name.len(),
        max: NAME_BYTES_MAX,
    }
}

/// Controls, characters that turn the direction of writing, and those that draw nothing.
fn is_forbidden(c: char) -> bool {
    // White space that is also a control (tab, newline) is forbidden, the plain space is not.
    c.is_control()
        || matches!(
            c,
            // Soft hyphen, Arabic letter mark, Hangul and Khmer fillers that draw nothing.
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            // Zero-width spaces and joiners, left-to-right and right-to-left marks.
            | '\u{200B}'..='\u{200F}'
            // Line and paragraph separators; embeddings and overrides.
            | '\u{2028}'..='\u{202E}'
            // Word joiner, invisible operators, isolates, deprecated format characters.
            | '\u{2060}'..='\u{206F}'
            // Braille blank, Hangul filler, variation selectors, byte order mark, half-width filler.
            | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            // Interlinear annotations, object replacement, replacement character, non-characters.
            | '\u{FFF9}'..='\u{FFFF}'
            // Private use has no agreed shape.
            | '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}'
            // Musical format characters, shorthand format controls.
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}' | '\u{1D173}'..='\u{1D17A}'
            // Tags and further variation selectors.
            | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_of_many_scripts_pass_unchanged() {
        for name in [
            "Ada",
            "Zoë",
            "Иван",
            "李小龍",
            "محمد",
            "अमित",
            "Nguyễn Văn",
            "🦊",
            "a b",
        ] {
            assert_eq!(player_name(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn look_alike_forms_and_white_space_become_one_form() {
        assert_eq!(
            player_name("  Ada   Lovelace ").as_deref(),
            Ok("Ada Lovelace")
        );
        assert_eq!(player_name("Ａｄａ").as_deref(), Ok("Ada"));
        assert_eq!(player_name("ﬁn").as_deref(), Ok("fin"));
        assert_eq!(player_name("Zoe\u{308}").as_deref(), Ok("Zoë"));
        assert_eq!(player_name("a\u{a0}\u{3000}b").as_deref(), Ok("a b"));
    }

    #[test]
    fn control_invisible_and_direction_characters_are_named_in_the_refusal() {
        for (name, code) in [
            ("a\0b", 0),
            ("a\nb", 0x0A),
            ("\u{1b}[31mred", 0x1B),
            ("a\u{202e}nimda", 0x202E),
            ("\u{2066}x", 0x2066),
            ("ad\u{200b}min", 0x200B),
            ("\u{feff}x", 0xFEFF),
            ("x\u{e0041}", 0xE0041),
            ("\u{fffd}", 0xFFFD),
        ] {
            let error = player_name(name).unwrap_err();
            assert_eq!(error, NameError::Forbidden(code), "{name:?}");
            assert!(error.to_string().contains(&format!("U+{code:04X}")));
        }
    }

    #[test]
    fn a_name_has_at_most_so_many_bytes_after_normalisation() {
        assert!(player_name(&"x".repeat(NAME_BYTES_MAX)).is_ok());
        // One character of three bytes that NFKC spells out in 33 bytes.
        for (name, len) in [("x".repeat(25), 25), ("\u{FDFA}".to_owned(), 33)] {
            let max = NAME_BYTES_MAX;
            assert_eq!(player_name(&name), Err(NameError::TooLong { len, max }));
        }
        assert!(player_name(&" ".repeat(10_000)).is_err());
        assert_eq!(player_name(" \u{3000} "), Err(NameError::Empty));
        assert_eq!(
            player_name("z\u{0351}\u{0352}\u{0353}\u{0354}"),
            Err(NameError::TooManyMarks)
        );
    }

    #[test]
    fn a_wished_name_is_checked_whatever_its_length_and_cut_between_characters() {
        for (raw, expected) in [
            ("x".repeat(25), "x".repeat(24)),
            (format!("{}{}", " ".repeat(500), "ab"), "ab".into()),
            (format!("{} yz", "x".repeat(23)), "x".repeat(23)),
            // The letter and its marks stay together, and so do the halves of a flag.
            (
                format!("{}q\u{0331}\u{0332}", "x".repeat(22)),
                "x".repeat(22),
            ),
            (
                format!("{}\u{1F1E9}\u{1F1EA}", "x".repeat(20)),
                "x".repeat(20),
            ),
            ("Ａ".repeat(64), "A".repeat(24)),
        ] {
            assert_eq!(wished_name(&raw), Ok(expected));
        }
        for long in ["a".repeat(40), "a".repeat(188)] {
            let forbidden = wished_name(&format!("{long}\u{202e}"));
            assert_eq!(forbidden, Err(NameError::Forbidden(0x202E)));
        }
        for len in [193, 250, 10_000] {
            let max = NAME_BYTES_MAX;
            assert_eq!(
                wished_name(&"a".repeat(len)),
                Err(NameError::TooLong { len, max })
            );
        }
    }

    #[test]
    fn room_names_have_a_small_alphabet() {
        assert_eq!(room_name("Room_1-b.c"), Ok("Room_1-b.c"));
        for name in ["", "a b", "../etc", "a\"b", "röm", "a\n", &"x".repeat(33)] {
            assert_eq!(room_name(name), Err(NameError::Room), "{name}");
        }
    }

    #[test]
    fn a_harmless_text_has_lost_what_would_disturb_others() {
        let harmless = |text: &str| harmless(text.chars(), 30);
        assert_eq!(harmless(" a\u{202e}b\tc\u{7} "), "ab c");
        assert_eq!(harmless("\u{200b}"), "");
        assert_eq!(harmless("a\u{3164}b\u{115F}\u{2800}\u{E000}c"), "abc");
        assert_eq!(harmless(&format!("z{}", "\u{0351}".repeat(40))).len(), 7);
        assert_eq!(harmless(&"é".repeat(40)), "é".repeat(15));
        assert_eq!(harmless_name("\u{ff21}d\u{2800}a\u{3164}"), "Ada");
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_its_own_normal_form(raw in "\\PC{0,12}") {
            if let Ok(name) = player_name(&raw) {
                prop_assert!(name.len() <= NAME_BYTES_MAX);
                prop_assert_eq!(player_name(&name), Ok(name.clone()));
            }
        }

        #[test]
        fn a_wish_that_is_granted_is_a_name_and_harmless(raw in "\\PC{0,48}") {
            if let Ok(name) = wished_name(&raw) {
                prop_assert!(name.len() <= NAME_BYTES_MAX);
                prop_assert_eq!(player_name(&name), Ok(name.clone()));
                prop_assert_eq!(harmless_name(&name), name);
            }
        }
    }
}
