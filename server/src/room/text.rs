//! Names and chat lines as other players may safely see them.

use std::collections::BTreeSet;
use std::sync::Arc;
use tickwire_shared::limits::NAME_BYTES_MAX;

/// What a player without a usable name is called.
const NAMELESS: &str = "player";

/// A name as it may be shown: printable, without invisible or direction-changing characters,
/// single spaces inside, none around, at most [`NAME_BYTES_MAX`] bytes.
pub fn normalise_name(raw: &str) -> String {
    let name = clean(raw, NAME_BYTES_MAX);
    if name.is_empty() {
        NAMELESS.to_owned()
    } else {
        name
    }
}

/// `raw` without characters that could disturb a line of text, cut to `max` bytes.
pub(super) fn clean(raw: &str, max: usize) -> String {
    let mut out = String::new();
    for word in raw.split_whitespace() {
        let before = out.len();
        if before > 0 {
            out.push(' ');
        }
        let start = out.len();
        out.extend(word.chars().filter(|c| is_visible(*c)));
        if out.len() == start {
            out.truncate(before);
        }
        if out.len() > max {
            break;
        }
    }
    while out.len() > max {
        out.pop();
    }
    out.truncate(out.trim_end().len());
    out
}

/// `name`, or the first of `name-2`, `name-3`, … that nobody bears.
pub(super) fn distinct_name(name: &str, taken: &BTreeSet<Arc<str>>) -> Arc<str> {
    if !taken.contains(name) {
        return name.into();
    }
    let mut number = 2u32;
    loop {
        let suffix = format!("-{number}");
        let mut candidate = name.to_owned();
        while candidate.len() + suffix.len() > NAME_BYTES_MAX {
            candidate.pop();
        }
        candidate.push_str(&suffix);
        if !taken.contains(candidate.as_str()) {
            return candidate.into();
        }
        number += 1;
    }
}

/// Control characters, zero-width characters and the marks that reverse the direction of text
/// would let a player imitate another one or garble the page.
fn is_visible(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_printable_and_short() {
        for (raw, expected) in [
            ("  Ann \t Lee ", "Ann Lee"),
            ("", "player"),
            ("\u{202e}\u{200b}", "player"),
            ("a\u{202e}b\u{0}c", "abc"),
            ("x \u{200b} y", "x y"),
            ("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwx"),
            ("ääääääääääääää", "ääääääääääää"),
            ("aaaaaaaaaaaaaaaaaaaaaaa bbb", "aaaaaaaaaaaaaaaaaaaaaaa"),
        ] {
            let name = normalise_name(raw);
            assert_eq!(name, expected);
            assert!(name.len() <= NAME_BYTES_MAX);
        }
    }

    #[test]
    fn a_name_in_use_gets_a_number() {
        let mut taken = BTreeSet::new();
        for expected in ["ann", "ann-2", "ann-3"] {
            let name = distinct_name("ann", &taken);
            assert_eq!(&*name, expected);
            taken.insert(name);
        }
        let long = "ä".repeat(12);
        taken.insert(long.as_str().into());
        let expected = format!("{}-2", "ä".repeat(11));
        assert_eq!(&*distinct_name(&long, &taken), expected);
    }
}
