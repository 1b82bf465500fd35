//! A line of text that a player edits: pure, without drawing.

use bevy::input::keyboard::{Key, KeyboardInput};

/// One line with a cursor, bounded in bytes, because the wire bounds bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextField {
    text: String,
    cursor: usize,
    bytes_max: usize,
}

/// What a key does to a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    Insert(String),
    Backspace,
    Delete,
    Left,
    Right,
    Home,
    End,
}

impl Edit {
    /// What a key event does to a line, if anything. Keys that end the editing are not edits.
    pub(crate) fn from_key(key: &KeyboardInput) -> Option<Edit> {
        if !key.state.is_pressed() {
            return None;
        }
        Some(match &key.logical_key {
            Key::Backspace => Edit::Backspace,
            Key::Delete => Edit::Delete,
            Key::ArrowLeft => Edit::Left,
            Key::ArrowRight => Edit::Right,
            Key::Home => Edit::Home,
            Key::End => Edit::End,
            Key::Enter | Key::Tab | Key::Escape => return None,
            _ => Edit::Insert(key.text.as_ref()?.to_string()),
        })
    }
}

impl TextField {
    /// A line with the cursor at its end; longer text is cut.
    pub(crate) fn new(text: &str, bytes_max: usize) -> TextField {
        let mut field = TextField {
            bytes_max,
            ..TextField::default()
        };
        field.apply(&Edit::Insert(text.to_owned()));
        field
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text left and right of the cursor.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// The text, leaving an empty line.
    pub(crate) fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    pub(crate) fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Insert(text) => text.chars().for_each(|c| self.insert(c)),
            Edit::Backspace => {
                if let Some(before) = self.before() {
                    self.text.remove(before);
                    self.cursor = before;
                }
            }
            Edit::Delete => {
                if self.cursor < self.text.len() {
                    self.text.remove(self.cursor);
                }
            }
            Edit::Left => self.cursor = self.before().unwrap_or(0),
            Edit::Right => {
                let next = self.text[self.cursor..].chars().next();
                self.cursor += next.map_or(0, char::len_utf8);
            }
            Edit::Home => self.cursor = 0,
            Edit::End => self.cursor = self.text.len(),
        }
    }

    fn insert(&mut self, c: char) {
        if !c.is_control() && self.text.len() + c.len_utf8() <= self.bytes_max {
            self.text.insert(self.cursor, c);
            self.cursor += c.len_utf8();
        }
    }

    fn before(&self) -> Option<usize> {
        let (left, _) = self.parts();
        left.char_indices().next_back().map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(start: &str, edits: &[Edit]) -> TextField {
        let mut field = TextField::new(start, 12);
        for edit in edits {
            field.apply(edit);
        }
        field
    }

    #[test]
    fn edits_act_at_the_cursor_and_never_split_a_character() {
        let cases: [(&str, &[Edit], &str); 6] = [
            ("ab", &[Edit::Insert("c".into())], "abc|"),
            ("añb", &[Edit::Left, Edit::Backspace], "a|b"),
            ("añb", &[Edit::Home, Edit::Right, Edit::Delete], "a|b"),
            (
                "",
                &[Edit::Backspace, Edit::Delete, Edit::Left, Edit::Right],
                "|",
            ),
            ("ab", &[Edit::Home, Edit::Insert("é".into())], "é|ab"),
            ("ab", &[Edit::Home, Edit::End, Edit::Right], "ab|"),
        ];
        for (start, edits, expected) in cases {
            let field = edited(start, edits);
            let (left, right) = field.parts();
            assert_eq!(format!("{left}|{right}"), expected);
        }
    }

    #[test]
    fn the_bound_counts_bytes_and_control_characters_are_dropped() {
        let field = edited("12345678", &[Edit::Insert("\n\u{1b}ééé".into())]);
        assert_eq!(field.text(), "12345678éé");
        let mut field = field;
        assert_eq!(field.take(), "12345678éé");
        assert_eq!(field.parts(), ("", ""));
    }
}
