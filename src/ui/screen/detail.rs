//! Two lists over the screens of alerts: all fields of a log line, and what can be copied.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::app::{App, ScreenName};
use crate::ui::copying::Copied;
use crate::ui::detail::{Row, here, shown};
use crate::ui::labelling::formats::FORMATS;
use crate::ui::overlay::dialog::open;
use crate::ui::queue::what_if::{Edit, WhatIf};
use crate::ui::record::Role;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, lines, more, page_of_block, select_row, span, wrap};

/// Cells for a field's name.
const NAME: usize = 24;

/// Draws the fields of the line under the cursor, one a row, long values wrapped.
pub fn draw_fields(app: &App, field: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let Some((entry, line)) = shown(app) else {
        return;
    };
    let size = (96.min(area.width), area.height.min(26));
    let width = usize::from(size.0.saturating_sub(2));
    let height = usize::from(size.1.saturating_sub(2));
    let found = here(app);
    let what_if = app
        .queue
        .what_if()
        .filter(|_| app.screen == ScreenName::Episodes);
    let changes = what_if.map_or_else(Vec::new, WhatIf::changes);
    let event = entry.episode.log_window.get(line);
    let was = |row: &Row| {
        let mut of_line = changes
            .iter()
            .filter(|e| event.is_some_and(|event| event.log_id == e.log_id));
        of_line.find(|edit| row.part.as_ref() == Some(&edit.part))
    };
    let blocks = found.iter().map(|row| block(row, was(row), theme, width));
    let blocks: Vec<_> = blocks.collect();
    let heights: Vec<usize> = blocks.iter().map(Vec::len).collect();
    let first = page_of_block(field, &heights, height);
    let role = event.and_then(|event| Role::of(&entry.episode, &event.log_id));
    let role = role.filter(|_| entry.desk.is_revealed);
    let role = role.map_or_else(String::new, |role| {
        format!(" {} {}", role.letter(), role.word())
    });
    let what = match what_if {
        Some(_) => "What-if, all",
        None => "All",
    };
    let title = format!(
        "{what} fields, line {}/{}{role}{}",
        line + 1,
        entry.lines.len(),
        more(first, heights.iter().sum(), height, theme)
    );
    let room = open(&title, size, theme, area, buf);
    let above: usize = heights.iter().take(field).sum();
    lines(blocks.into_iter().flatten().skip(first), room, buf);
    select_row(room, above.saturating_sub(first) as u16, theme, buf);
}

fn block(row: &Row, change: Option<&Edit>, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let (text, token) = match change {
        Some(edit) => (format!("{} (was {})", row.value, edit.was), Token::Mark),
        None => (row.value.clone(), Token::Text),
    };
    let texts = wrap(&text, width.saturating_sub(NAME + 1));
    let rows = texts.into_iter().enumerate().map(|(at, text)| {
        let name = if at == 0 { row.name.as_str() } else { "" };
        Line::from(vec![
            span(
                column(name, NAME, theme.glyphs.cut),
                theme.style(Token::Faint),
            ),
            span(format!(" {text}"), theme.style(token)),
        ])
    });
    rows.collect()
}

/// Draws what can be copied, and whether it is defanged.
pub fn draw_copies(chosen: usize, is_defanged: bool, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let room = open("Copy", (64, 8), theme, area, buf);
    let text = theme.style(Token::Text);
    let titles = Copied::ALL.iter();
    let mut rows: Vec<_> = titles
        .map(|what| Line::from(span(format!(" {}", what.title()), text)))
        .collect();
    let word = if is_defanged {
        "defanged: 8[.]8[.]8[.]8 hxxp://a[.]b"
    } else {
        "as it is: d defangs addresses, links and domains"
    };
    rows.push(Line::default());
    rows.push(Line::from(span(
        format!(" {word}"),
        theme.style(Token::Accent),
    )));
    lines(rows, room, buf);
    select_row(room, chosen as u16, theme, buf);
}

/// Draws what submitted labels can be written as.
pub fn draw_formats(chosen: usize, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let room = open("Write what is submitted as", (64, 5), theme, area, buf);
    let text = theme.style(Token::Text);
    let rows = FORMATS
        .iter()
        .map(|(_, title)| Line::from(span(format!(" {title}"), text)));
    lines(rows, room, buf);
    select_row(room, chosen as u16, theme, buf);
}
