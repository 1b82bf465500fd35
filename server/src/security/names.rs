//! Names that strangers type and others read: one form, no tricks, a bounded length.
//!
//! A name is put into Unicode's compatibility form NFKC, so that wide letters and ligatures cannot
//! imitate another player's plain ones, and white space collapses to single spaces. Characters
//! that draw nothing or turn the direction of the text around them are refused by code point and
//! not silently stripped: whoever sends them either has a defect to find or something to hide.

use tickwire_shared::limits::{NAME_BYTES_MAX, ROOM_NAME_BYTES_MAX};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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
    /// A room's name with something else than letters, digits, `-` and `_`.
    #[error("a room's name consists of the letters a-z and A-Z, digits, `-` and `_`")]
    RoomAlphabet,
}

/// The normal form of a player's name, or the rule it broke.
pub fn player_name(raw: &str) -> Result<String, NameError> {
    if raw.len() > RAW_NAME_BYTES_MAX {
        return Err(NameError::TooLong {
            len: raw.len(),
            max: NAME_BYTES_MAX,
        });
    }
    let mut name = String::with_capacity(NAME_BYTES_MAX);
    let mut marks = 0;
    for c in raw.trim().nfkc() {
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
    match name.len() {
        0 => Err(NameError::Empty),
        len if len > NAME_BYTES_MAX => Err(NameError::TooLong {
            len,
            max: NAME_BYTES_MAX,
        }),
        _ => Ok(name),
    }
}

/// Checks a room's name. It appears in addresses, logs and metric labels, hence the small alphabet.
pub fn room_name(raw: &str) -> Result<&str, NameError> {
    if raw.is_empty() {
        return Err(NameError::Empty);
    }
    if raw.len() > ROOM_NAME_BYTES_MAX {
        return Err(NameError::TooLong {
            len: raw.len(),
            max: ROOM_NAME_BYTES_MAX,
        });
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if raw.bytes().all(allowed) {
        Ok(raw)
    } else {
        Err(NameError::RoomAlphabet)
    }
}

/// A chat line without what would break the display of others: the characters forbidden in names
/// are left out (a line is said once and not compared with anything, so this need not be strict).
pub fn chat_text(raw: &str) -> String {
    raw.chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|&c| !is_forbidden(c))
        .collect::<String>()
        .trim()
        .to_owned()
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
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
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
    fn room_names_have_a_small_alphabet() {
        assert_eq!(room_name("Room_1-b"), Ok("Room_1-b"));
        assert_eq!(room_name(""), Err(NameError::Empty));
        for name in ["a b", "../etc", "a\"b", "röm", "a\n"] {
            assert_eq!(room_name(name), Err(NameError::RoomAlphabet), "{name}");
        }
        assert!(matches!(
            room_name(&"x".repeat(33)),
            Err(NameError::TooLong { len: 33, max: 32 })
        ));
    }

    #[test]
    fn chat_loses_what_would_turn_the_line_around() {
        assert_eq!(chat_text(" a\u{202e}b\tc\u{7} "), "ab c");
        assert_eq!(chat_text("\u{200b}"), "");
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_its_own_normal_form(raw in "\\PC{0,12}") {
            if let Ok(name) = player_name(&raw) {
                prop_assert!(name.len() <= NAME_BYTES_MAX);
                prop_assert_eq!(player_name(&name), Ok(name.clone()));
            }
        }
    }
}
