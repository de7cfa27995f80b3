//! Text made fit for cells: through the gate, cut or wrapped to a width, in panes with titles.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::gate;
use crate::ui::theme::{Theme, Token};

/// A span of `text`, through the gate.
pub fn span(text: impl AsRef<str>, style: Style) -> Span<'static> {
    Span::styled(gate::clean(text.as_ref()).into_owned(), style)
}

/// `text` in at most `width` cells, with `mark` at the end where something was cut.
#[must_use]
pub fn cut(text: &str, width: usize, mark: &str) -> String {
    let text = gate::clean(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let room = width.saturating_sub(mark.width());
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(c);
    }
    if mark.width() <= width {
        kept.push_str(mark);
    }
    kept
}

/// Spans in at most `width` cells, with `mark` at the end where something was cut.
#[must_use]
pub fn cut_line(spans: Vec<Span<'static>>, width: usize, mark: &str) -> Line<'static> {
    let mut room = width;
    let mut kept = Vec::new();
    let mut spans = spans.into_iter().peekable();
    while let Some(span) = spans.next() {
        // What follows without room for it is cut too, and says so.
        let is_last = spans.peek().is_none();
        let wide = span.width();
        if wide < room || (wide == room && is_last) {
            room -= wide;
            kept.push(span);
            continue;
        }
        let text = if wide > room {
            cut(&span.content, room, mark)
        } else {
            let short = cut(&span.content, room.saturating_sub(mark.width()), "");
            short + mark
        };
        kept.push(Span::styled(text, span.style));
        break;
    }
    Line::from(kept)
}

/// `text` in at most `width` cells; where something was cut, its beginning and more of its end with `mark` between: long names
/// often differ at their ends only.
#[must_use]
pub fn cut_middle(text: &str, width: usize, mark: &str) -> String {
    let text = gate::clean(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let end = width.saturating_sub(mark.width()) * 2 / 3;
    let begin = width.saturating_sub(end);
    cut(&text, begin, mark) + &tail(&text, end)
}

/// The end of `text` in at most `width` cells: where one types.
#[must_use]
pub fn tail(text: &str, width: usize) -> String {
    let text = gate::clean(text);
    let mut used = 0;
    let fits = text.char_indices().rev().take_while(|(_, c)| {
        used += c.width().unwrap_or(0);
        used <= width
    });
    let from = fits.last().map_or(text.len(), |(at, _)| at);
    text.get(from..).unwrap_or_default().to_owned()
}

/// `text` cut and padded with spaces to exactly `width` cells.
#[must_use]
pub fn column(text: &str, width: usize, mark: &str) -> String {
    let mut kept = cut(text, width, mark);
    let missing = width.saturating_sub(kept.width());
    kept.extend(std::iter::repeat_n(' ', missing));
    kept
}

/// `text` in lines of at most `width` cells, broken at spaces where there are any.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for line in gate::clean_lines(text) {
        let mut now = String::new();
        let mut used = 0;
        for word in line.split_inclusive(' ') {
            if used > 0 && used + word.trim_end().width() > width {
                lines.push(std::mem::take(&mut now));
                used = 0;
            }
            for c in word.chars() {
                let wide = c.width().unwrap_or(0);
                if c == ' ' && used + wide > width {
                    // It would stand alone at the beginning of the next line.
                    continue;
                }
                if used + wide > width {
                    lines.push(std::mem::take(&mut now));
                    used = 0;
                }
                now.push(c);
                used += wide;
            }
        }
        lines.push(now);
    }
    lines
}

/// As [`wrap`], of at most `most` lines; where text is left out the last ends with `mark`.
#[must_use]
pub fn wrap_most(text: &str, width: usize, most: usize, mark: &str) -> Vec<String> {
    let mut lines = wrap(text, width);
    if lines.len() > most {
        let rest = lines.split_off(most.saturating_sub(1));
        let rest: Vec<&str> = rest.iter().map(|line| line.trim_end()).collect();
        lines.push(cut(&rest.join(" "), width, mark));
        lines.truncate(most);
    }
    lines
}

/// `items` in lines of at most `width` cells, none of them broken where it fits into one.
#[must_use]
pub fn pack(items: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + item.width() <= width => {
                line.push(' ');
                line.push_str(item);
            }
            _ => lines.extend(wrap(item, width)),
        }
    }
    lines
}

/// As [`wrap`], of pieces that each have a style.
#[must_use]
pub fn wrap_styled(pieces: &[(&str, Style)], width: usize) -> Vec<Line<'static>> {
    let mut whole = String::new();
    let mut styles = Vec::new();
    for (text, style) in pieces {
        for (at, line) in gate::clean_lines(text).enumerate() {
            let line = if at == 0 {
                line.into_owned()
            } else {
                format!("\n{line}")
            };
            styles.extend(line.chars().map(|c| (c, *style)));
            whole.push_str(&line);
        }
    }
    let mut styles = styles.into_iter();
    let mut style_of = |c: char| {
        // Lines begin without the line feeds and spaces at which they were broken.
        let found = styles.find(|(known, _)| *known == c || !known.is_whitespace());
        found.map_or_else(Style::default, |(_, style)| style)
    };
    let line = |text: String| {
        let chars: Vec<(char, Style)> = text.chars().map(|c| (c, style_of(c))).collect();
        let runs = chars.chunk_by(|a, b| a.1 == b.1);
        let spans = runs.map(|run| {
            let text: String = run.iter().map(|(c, _)| *c).collect();
            span(text, run.first().map_or_else(Style::default, |c| c.1))
        });
        Line::from(spans.collect::<Vec<_>>())
    };
    wrap(&whole, width).into_iter().map(line).collect()
}

/// A bordered pane; returns the room inside. The border of the pane in focus says so with `*` too, not by colour alone.
pub fn pane(title: &str, is_focused: bool, theme: &Theme, area: Rect, buf: &mut Buffer) -> Rect {
    let token = if is_focused {
        Token::Focus
    } else {
        Token::Border
    };
    let mark = if is_focused { "*" } else { "" };
    let room = usize::from(area.width).saturating_sub(4);
    let title = cut(&format!("{mark}{title}"), room, theme.glyphs.cut);
    let block = Block::bordered()
        .border_set(theme.glyphs.border)
        .border_style(theme.style(token))
        .title(Span::styled(format!(" {title} "), theme.style(token)));
    let inner = block.inner(area);
    block.render(area, buf);
    inner
}

/// Draws `lines` from the top of `area`; what does not fit is left out.
pub fn lines<'a>(lines: impl IntoIterator<Item = Line<'a>>, area: Rect, buf: &mut Buffer) {
    for (row, line) in (area.top()..area.bottom()).zip(lines) {
        buf.set_line(area.x, row, &line, area.width);
    }
}

/// First line of the page that holds `at`: lists turn pages, so a step rarely moves every line. Pages share two lines: a
/// neighbour of `at` stands on both sides of it.
#[must_use]
pub fn page_of(at: usize, height: usize) -> usize {
    match height {
        0..3 => at,
        _ => at.saturating_sub(1) / (height - 2) * (height - 2),
    }
}

/// As [`page_of`], of a list of `len` lines: where it has so many, its last page is a full one, also after the page has grown.
#[must_use]
pub fn page_of_list(at: usize, len: usize, height: usize) -> usize {
    page_of(at, height).min(len.saturating_sub(height))
}

/// First row of a page of `height` that holds the block at `at`, of blocks with so many rows each; a block higher than the page
/// begins at its top, so that its first row is always in sight.
#[must_use]
pub fn page_of_block(at: usize, heights: &[usize], height: usize) -> usize {
    let above = heights.iter().take(at).sum::<usize>();
    let end = above + heights.get(at).copied().unwrap_or(0);
    end.saturating_sub(height).min(above)
}

/// Arrows for a title: whether rows are left above `first` and below its page.
#[must_use]
pub fn more(first: usize, rows: usize, height: usize, theme: &Theme) -> String {
    let (above, below) = (first > 0, first + height < rows);
    let arrow = |is_there: bool, arrow: &'static str| if is_there { arrow } else { "" };
    let arrows = arrow(above, theme.glyphs.above).to_owned() + arrow(below, theme.glyphs.below);
    if arrows.is_empty() {
        arrows
    } else {
        format!(" {arrows}")
    }
}

/// Gives the whole row the style of a selection.
pub fn select_row(area: Rect, row: u16, theme: &Theme, buf: &mut Buffer) {
    let row = Rect::new(area.x, area.y.saturating_add(row), area.width, 1).intersection(area);
    buf.set_style(row, theme.style(Token::Selection));
}

#[cfg(test)]
mod tests {
    use ratatui::style::Modifier;

    use super::*;

    #[test]
    fn styled_text_wraps_as_plain_text_does_and_keeps_its_styles() {
        let strong = Style::new().add_modifier(Modifier::BOLD);
        let pieces = [
            ("Action:", Style::new()),
            (" quarantine", strong),
            ("_host\nCited", Style::new()),
            (" L1-2 ", strong),
            ("", strong),
            ("a\u{1b}b  c", Style::new()),
        ];
        let whole: String = pieces.iter().map(|(text, _)| *text).collect();
        for width in 1..40 {
            let lines = wrap_styled(&pieces, width);
            let texts: Vec<String> = lines.iter().map(ToString::to_string).collect();
            assert_eq!(texts, wrap(&whole, width), "{width}");
            let spans = lines.iter().flat_map(|line| &line.spans);
            let strong = spans.filter(|span| span.style == strong);
            let strong: String = strong.map(|span| span.content.trim()).collect();
            assert_eq!(strong, "quarantineL1-2", "{width}");
        }
    }

    #[test]
    fn a_page_shows_both_neighbours_of_its_line() {
        for height in 3..9 {
            assert_eq!(page_of(0, height), 0);
            for at in 1..60 {
                let first = page_of(at, height);
                assert!(
                    first < at && at + 1 < first + height,
                    "{at} {height}: {first}"
                );
            }
            let turns = (1..60).filter(|at| page_of(at - 1, height) != page_of(*at, height));
            assert!(
                height < 5 || turns.count() < 20,
                "{height}: pages, not lines"
            );
        }
        assert_eq!((page_of(7, 1), page_of(7, 2), page_of(7, 0)), (7, 7, 7));
    }

    #[test]
    fn what_is_left_out_is_marked_and_items_stay_whole() {
        assert_eq!(wrap_most("one two three", 8, 2, "…"), ["one two ", "three"]);
        assert_eq!(
            wrap_most("one two three four", 8, 2, "…"),
            ["one two ", "three f…"]
        );
        assert_eq!(wrap_most("a\nb\nc", 9, 2, "…"), ["a", "b c"]);
        assert_eq!(wrap_most("a b", 1, 0, "…"), Vec::<String>::new());
        let items = ["1 dismiss", "2 monitor", "3 x"].map(str::to_owned);
        assert_eq!(pack(&items, 19), ["1 dismiss 2 monitor", "3 x"]);
        assert_eq!(pack(&items, 18), ["1 dismiss", "2 monitor 3 x"]);
        assert_eq!(pack(&items[..1], 4), ["1 ", "dism", "iss"]);
    }

    #[test]
    fn a_line_of_spans_is_cut_with_a_sign() {
        let cut = |width| {
            let spans = ["one", " two", " three"].map(|text| Span::raw(text.to_owned()));
            cut_line(spans.into(), width, "…").to_string()
        };
        for (width, wanted) in [
            (20, "one two three"),
            (13, "one two three"),
            (12, "one two thr…"),
            (7, "one tw…"),
            (3, "on…"),
            (0, ""),
        ] {
            assert_eq!(cut(width), wanted, "{width}");
        }
    }

    #[test]
    fn long_names_keep_their_ends() {
        let names = [
            "sampling_logp_difference/mean",
            "sampling_logp_difference/max",
        ];
        let cut = names.map(|name| cut_middle(name, 20, "…"));
        assert_eq!(cut, ["samplin…ference/mean", "samplin…fference/max"]);
        for width in 0..40 {
            assert!(
                cut_middle("日本語 text 日本語", width, "…").width() <= width.max(1),
                "{width}"
            );
        }
        assert_eq!(cut_middle("short", 5, "…"), "short");
    }

    #[test]
    fn a_list_that_fits_begins_at_its_top_and_the_last_page_is_full() {
        for (at, len, height, first) in [
            (7, 8, 8, 0),
            (7, 8, 20, 0),
            (7, 8, 4, 4),
            (2, 8, 4, 0),
            (0, 0, 4, 0),
            (7, 8, 0, 7),
        ] {
            assert_eq!(page_of_list(at, len, height), first, "{at} {len} {height}");
        }
        for (len, height) in [(20, 5), (9, 3), (3, 1), (40, 7)] {
            for at in 0..len {
                let first = page_of_list(at, len, height);
                assert!((first..first + height).contains(&at), "{at} {len} {height}");
            }
        }
    }

    #[test]
    fn cutting_counts_cells_not_bytes() {
        assert_eq!(cut("日本語", 5, "…"), "日本…");
        assert_eq!(cut("abc", 3, "…"), "abc");
        assert_eq!(cut("abcd", 3, "…"), "ab…");
        assert_eq!(cut("abcd", 0, "…"), "");
        assert_eq!(tail("日本語", 5), "本語");
        assert_eq!(tail("abc", 0), "");
        assert_eq!(tail("abc", 9), "abc");
        assert_eq!(column("é\u{1b}", 12, "~"), "é<U+001B>   ");
    }

    #[test]
    fn a_page_holds_the_block_or_at_least_its_first_row() {
        let heights = [2, 1, 9, 3];
        assert_eq!(page_of_block(0, &heights, 4), 0);
        assert_eq!(page_of_block(1, &heights, 4), 0);
        assert_eq!(page_of_block(2, &heights, 4), 3);
        assert_eq!(page_of_block(3, &heights, 4), 11);
        assert_eq!(page_of_block(3, &heights, 1), 12);
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_inside_long_words() {
        assert_eq!(wrap("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("a\nb", 4), ["a", "b"]);
        assert_eq!(wrap("abcd efgh ", 4), ["abcd", "efgh"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("x", 0), ["x"]);
    }
}
