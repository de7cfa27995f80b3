//! One line of text being written, and where in it one writes: what every dialog that takes text works with. Pure.

use std::ops::Deref;

use unicode_width::UnicodeWidthChar;

use crate::ui::keys::Verb;

/// A text and a cursor in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineEdit {
    text: String,
    /// The byte before which is written; the beginning of a letter, or the end.
    cursor: usize,
}

impl LineEdit {
    /// A text to go on with at its end.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let cursor = text.len();
        Self { text, cursor }
    }

    /// The text without its cursor.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }

    /// What is before the cursor, the letter under it (nothing at the end), and what is behind that.
    #[must_use]
    pub fn parts(&self) -> [&str; 3] {
        let part = |from, to| self.text.get(from..to).unwrap_or_default();
        let (here, next) = (self.cursor, self.right());
        [part(0, here), part(here, next), part(next, self.text.len())]
    }

    /// Writes a character before the cursor.
    pub fn insert(&mut self, c: char) {
        let [before, ..] = self.parts();
        let text = format!("{before}{c}{}", self.after());
        self.text = text;
        self.cursor += c.len_utf8();
    }

    /// Moves or erases as the verb says; none where it is no verb of a text, else whether the text is another.
    pub fn follow(&mut self, verb: Verb) -> Option<bool> {
        let end = self.text.len();
        let (from, to) = match verb {
            Verb::LetterLeft => return Some(self.go(self.left())),
            Verb::LetterRight => return Some(self.go(self.right())),
            Verb::WordLeft => return Some(self.go(self.word_left(is_of_word))),
            Verb::WordRight => return Some(self.go(self.word_right())),
            Verb::LineStart => return Some(self.go(0)),
            Verb::LineEnd => return Some(self.go(end)),
            Verb::EraseLeft => (self.left(), self.cursor),
            Verb::EraseRight => (self.cursor, self.right()),
            Verb::EraseWord => (self.word_left(|c| !c.is_whitespace()), self.cursor),
            Verb::EraseRest => (self.cursor, end),
            Verb::ClearTyped => (0, end),
            _ => return None,
        };
        Some(self.erase(from, to))
    }

    fn go(&mut self, to: usize) -> bool {
        self.cursor = to;
        false
    }

    fn erase(&mut self, from: usize, to: usize) -> bool {
        let part = |from, to| self.text.get(from..to).unwrap_or_default();
        self.text = part(0, from).to_owned() + part(to, self.text.len());
        self.cursor = from;
        from < to
    }

    fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    fn after(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or_default()
    }

    /// Where the letter before the cursor begins: marks belong to the letter they stand on.
    fn left(&self) -> usize {
        let mut letters = self.before().char_indices().rev();
        let letter = letters.find(|(_, c)| c.width() != Some(0));
        letter.map_or(0, |(at, _)| at)
    }

    /// Where the letter under the cursor ends.
    fn right(&self) -> usize {
        let mut letters = self.after().char_indices().skip(1);
        let next = letters.find(|(_, c)| c.width() != Some(0));
        next.map_or(self.text.len(), |(at, _)| self.cursor + at)
    }

    /// Where the word begins that ends before the cursor, or that it is in.
    fn word_left(&self, is_of_word: impl Fn(char) -> bool) -> usize {
        let ended = self.before().trim_end_matches(|c| !is_of_word(c));
        ended.trim_end_matches(is_of_word).len()
    }

    /// Where the word ends that begins behind the cursor, or that it is in.
    fn word_right(&self) -> usize {
        let begun = self.after().trim_start_matches(|c| !is_of_word(c));
        self.text.len() - begun.trim_start_matches(is_of_word).len()
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Deref for LineEdit {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq<str> for LineEdit {
    fn eq(&self, other: &str) -> bool {
        self.text == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with its cursor as `|`.
    fn at(text: &str) -> LineEdit {
        let cursor = text.find('|').expect("a cursor");
        let text = text.replace('|', "");
        LineEdit { text, cursor }
    }

    fn shown(edit: &LineEdit) -> String {
        format!("{}|{}", edit.before(), edit.after())
    }

    #[test]
    fn each_verb_moves_or_erases_whole_letters_and_words() {
        use Verb::{
            ClearTyped, EraseLeft, EraseRest, EraseRight, EraseWord, LetterLeft, LetterRight,
            LineEnd, LineStart, WordLeft, WordRight,
        };
        for (before, verb, after, is_another) in [
            ("ab|c", LetterLeft, "a|bc", false),
            ("|abc", LetterLeft, "|abc", false),
            ("ab|c", LetterRight, "abc|", false),
            ("abc|", LetterRight, "abc|", false),
            ("日|本", LetterRight, "日本|", false),
            ("ae\u{301}|x", LetterLeft, "a|e\u{301}x", false),
            ("a|e\u{301}x", LetterRight, "ae\u{301}|x", false),
            ("user:\"a b|\"", WordLeft, "user:\"a |b\"", false),
            ("user:\"|a b\"", WordLeft, "|user:\"a b\"", false),
            ("|user:\"a b\"", WordRight, "user|:\"a b\"", false),
            ("user|:\"a b\"", WordRight, "user:\"a| b\"", false),
            ("ab|c", LineStart, "|abc", false),
            ("|abc", LineEnd, "abc|", false),
            ("ab|c", EraseLeft, "a|c", true),
            ("|abc", EraseLeft, "|abc", false),
            ("ae\u{301}|x", EraseLeft, "a|x", true),
            ("ab|c", EraseRight, "ab|", true),
            ("abc|", EraseRight, "abc|", false),
            ("a user:b  |c", EraseWord, "a |c", true),
            ("ab|c", EraseRest, "ab|", true),
            ("ab|c", ClearTyped, "|", true),
            ("|", ClearTyped, "|", false),
        ] {
            let mut edit = at(before);
            assert_eq!(edit.follow(verb), Some(is_another), "{before} {verb:?}");
            assert_eq!(shown(&edit), after, "{before} {verb:?}");
        }
        assert_eq!(at("a|b").follow(Verb::Quit), None);
    }

    #[test]
    fn what_is_typed_stands_before_the_cursor() {
        let mut edit = at("a|c");
        edit.insert('é');
        edit.insert('日');
        assert_eq!(shown(&edit), "aé日|c");
        assert_eq!(edit.parts(), ["aé日", "c", ""]);
        assert_eq!(LineEdit::new("ab").parts(), ["ab", "", ""]);
    }
}
