//! Names and chat lines as other players may safely see them.

use crate::security::names;
use std::collections::BTreeSet;
use std::sync::Arc;
use tickwire_shared::limits::NAME_BYTES_MAX;

/// What a player without a usable name is called.
const NAMELESS: &str = "player";

/// A name as it may be shown, whatever came: see [`names::harmless_name`].
pub fn normalise_name(raw: &str) -> String {
    let name = names::harmless_name(raw);
    if name.is_empty() {
        NAMELESS.to_owned()
    } else {
        name
    }
}

/// `raw` without characters that could disturb a line of text, cut to `max` bytes.
pub(super) fn clean(raw: &str, max: usize) -> String {
    names::harmless(raw.chars(), max)
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
        names::cut(&mut candidate, NAME_BYTES_MAX - suffix.len());
        candidate.push_str(&suffix);
        if !taken.contains(candidate.as_str()) {
            return candidate.into();
        }
        number += 1;
    }
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
            ("\u{ff21}\u{3164}d\u{2800}a\u{e000}", "Ada"),
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
