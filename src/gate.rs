//! The one gate between strings others wrote and the terminal: what could steer, hide or reorder text becomes visible.
//!
//! Log text is written by attackers. Every string of an episode, a response or a run file passes here before a span is made.
//! Knows nothing of screens.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Longest string shown; the rest is counted, not drawn.
pub const MAX_CHARS: usize = 4_000;

/// Combining marks in a row that are let through: enough for every living script, too few to paint over other lines.
const MAX_MARKS: usize = 2;

/// `text` with every steering, invisible or reordering character replaced by `<U+XXXX>`.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let short = text.len() <= MAX_CHARS;
    if short && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut marks = 0;
    for (at, c) in text.chars().enumerate() {
        if at == MAX_CHARS {
            let left = text.chars().count() - MAX_CHARS;
            shown.push_str(&format!(" (+{left} characters)"));
            break;
        }
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        if is_hostile(c) || marks > MAX_MARKS {
            shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The lines of `text`, each through the gate: a line feed is layout here, everything else is not.
pub fn clean_lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.split('\n').map(clean)
}

fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') || (!is_hostile(c) && c.width() != Some(0))
}

/// Characters that are never drawn as themselves.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    is_control(c) || is_reordering(c) || is_invisible(c)
}

/// C0 (with ESC), DEL and C1.
fn is_control(c: char) -> bool {
    c.is_control()
}

/// Bidirectional embeddings, overrides, isolates and marks; line and paragraph separators.
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Zero-width, filler, tag and variation characters: two strings that look alike must not differ.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2065}' | '\u{206A}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steering_characters_become_visible() {
        let table = [
            ("plain text 123", "plain text 123"),
            ("\u{1b}[2Jgone", "<U+001B>[2Jgone"),
            ("a\u{7}b\rc\nd\te", "a<U+0007>b<U+000D>c<U+000A>d<U+0009>e"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("del\u{7f}", "del<U+007F>"),
            ("exe.\u{202e}gnp", "exe.<U+202E>gnp"),
            ("a\u{2066}b\u{2069}", "a<U+2066>b<U+2069>"),
            ("ad\u{200b}min", "ad<U+200B>min"),
            ("\u{feff}x", "<U+FEFF>x"),
            ("soft\u{ad}hyphen", "soft<U+00AD>hyphen"),
            ("tag\u{e0041}", "tag<U+E0041>"),
            ("v\u{fe0f}", "v<U+FE0F>"),
            ("日本語 über", "日本語 über"),
            ("e\u{301}", "e\u{301}"),
        ];
        for (raw, shown) in table {
            assert_eq!(clean(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn piles_of_combining_marks_are_cut_down() {
        let zalgo = format!("a{}", "\u{301}".repeat(5));
        assert_eq!(clean(&zalgo), "a\u{301}\u{301}<U+0301><U+0301><U+0301>");
    }

    #[test]
    fn long_strings_are_cut_with_a_count() {
        let shown = clean(&"x".repeat(MAX_CHARS + 7)).into_owned();
        assert!(shown.ends_with("(+7 characters)"), "{shown}");
        assert!(shown.len() < MAX_CHARS + 40);
    }

    proptest::proptest! {
        #[test]
        fn nothing_hostile_survives(text in "\\PC*|[\\x00-\\x20\\x7f-\\u{a0}\\u{2000}-\\u{2070}]{0,40}") {
            proptest::prop_assert!(!clean(&text).chars().any(is_hostile));
        }
    }
}
