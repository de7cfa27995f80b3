//! A line of text being written, with its cursor: as much of it as there is room for, where one writes always.

use ratatui::style::{Modifier, Style};
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr;

use crate::gate;
use crate::ui::line_edit::LineEdit;
use crate::ui::theme::Theme;
use crate::ui::widget::text::{cut, span, tail};

/// The text in at most `width` cells. Behind the end the cursor is `_`, elsewhere the letter under it is reversed; where text
/// is left out the mark of what is cut says so.
#[must_use]
pub fn spans(edit: &LineEdit, width: usize, style: Style, theme: &Theme) -> Vec<Span<'static>> {
    let [before, under, after] = edit.parts().map(gate::clean);
    let (under, cursor) = match under.as_ref() {
        "" => ("_", style),
        letter => (letter, style.add_modifier(Modifier::REVERSED)),
    };
    let room = width.saturating_sub(under.width());
    // Some of what comes next stays in sight, and all of it where it is short.
    let ahead = after.width().min(room / 3);
    let before = end_of(&before, room - ahead, theme.glyphs.cut);
    let after = cut(&after, room - before.width().min(room), theme.glyphs.cut);
    vec![span(before, style), span(under, cursor), span(after, style)]
}

/// The end of `text` in at most `width` cells, behind `mark` where something before it is left out.
fn end_of(text: &str, width: usize, mark: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    match width.checked_sub(mark.width()) {
        Some(room) => format!("{mark}{}", tail(text, room)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::keys::Verb;
    use crate::ui::theme::{Depth, Symbols};

    fn shown(edit: &LineEdit, width: usize) -> String {
        let theme = Theme::load(None, Depth::None, Symbols::Ascii).expect("theme");
        let spans = spans(edit, width, Style::new(), &theme);
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn the_cursor_is_in_sight_and_the_cells_are_never_too_many() {
        let text = "one 日本語 two e\u{301}e\u{301} three";
        for width in 2..40 {
            let mut edit = LineEdit::new(text);
            for _ in 0..40 {
                let theme = Theme::load(None, Depth::None, Symbols::Ascii).expect("theme");
                let spans = spans(&edit, width, Style::new(), &theme);
                let cells: usize = spans.iter().map(Span::width).sum();
                assert!(cells <= width, "{width}: {spans:?}");
                let [_, under, _] = edit.parts();
                let wanted = if under.is_empty() { "_" } else { under };
                assert_eq!(spans[1].content, wanted, "{width}");
                edit.follow(Verb::LetterLeft);
            }
        }
    }

    #[test]
    fn what_is_left_out_is_marked_on_its_side() {
        let mut edit = LineEdit::new("abcdefghij");
        assert_eq!(shown(&edit, 20), "abcdefghij_");
        assert_eq!(shown(&edit, 6), "~ghij_");
        edit.follow(Verb::LineStart);
        assert_eq!(shown(&edit, 6), "abcde~");
        edit.follow(Verb::LetterRight);
        assert_eq!(shown(&edit, 20), "abcdefghij");
    }
}
