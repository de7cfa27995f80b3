//! The alert's header and its log window, one line an event; the line under the cursor is shown whole.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::app::App;
use crate::ui::queue::{Entry, QueuePane};
use crate::ui::record::{self, Role};
use crate::ui::screen::episodes::severity;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, cut, lines, more, page_of_block, pane, span, wrap};

/// Cells before an event's text: cursor, and who cites it.
const MARGIN: usize = 6;

/// Cells of the word that says what an event is to the truth, once that is revealed.
const WORD: usize = 9;

/// Draws the header in one pane, or in two bare lines where room is short.
pub fn draw_header(entry: &Entry, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let alert = &entry.episode.alert;
    let index = entry.episode.index;
    let title = format!(
        "Alert {}  {}  number {index}, twin of {}",
        alert.alert_id,
        record::utc(&alert.timestamp),
        index ^ 1
    );
    let room = if area.height >= 4 {
        pane(&title, false, theme, area, buf)
    } else {
        area
    };
    let faint = theme.style(Token::Faint);
    let text = theme.style(Token::Text);
    let mut first = Vec::new();
    if area.height < 4 {
        first.push(span(
            format!("{} ", alert.alert_id),
            theme.style(Token::Title),
        ));
    }
    for (name, value) in [
        ("severity", &alert.severity),
        ("category", &alert.category),
        ("host", &alert.host),
        ("user", &alert.user),
    ] {
        let style = if name == "severity" {
            severity(value, theme)
        } else {
            text
        };
        first.push(span(format!("{name}="), faint));
        first.push(span(format!("{value} "), style));
    }
    let summary = cut(&alert.summary, usize::from(room.width), theme.glyphs.cut);
    lines(
        [Line::from(first), Line::from(span(summary, text))],
        room,
        buf,
    );
}

/// Draws the log window, scrolled so that the cursor's line is in sight, from its first row on.
pub fn draw_log(app: &App, entry: &Entry, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (width, height) = (
        usize::from(area.width.saturating_sub(2)),
        usize::from(area.height.saturating_sub(2)),
    );
    let word = if entry.desk.is_revealed { WORD } else { 0 };
    let room = width.saturating_sub(MARGIN + word);
    let blocks = blocks(app, entry, theme, room, height);
    let heights: Vec<usize> = blocks.iter().map(Vec::len).collect();
    let first = page_of_block(app.queue.line, &heights, height);
    let signs = if entry.desk.is_revealed {
        "Y you, M model, T trigger, E evidence, D decoy"
    } else {
        "cited by Y you, M model; o all fields"
    };
    let title = format!(
        "Log window {}/{}{}: {signs}",
        app.queue.line + 1,
        entry.lines.len(),
        more(first, heights.iter().sum(), height, theme)
    );
    let room = pane(&title, app.queue.pane == QueuePane::Log, theme, area, buf);
    let rows = blocks.iter().enumerate().flat_map(|(at, texts)| {
        let margin = margin(app, entry, at, theme);
        let is_cursor = at == app.queue.line;
        texts.iter().enumerate().map(move |(row, text)| {
            let margin = if row == 0 { margin.as_str() } else { "" };
            event_row(margin, text, is_cursor, entry, at, theme)
        })
    });
    lines(rows.skip(first), room, buf);
}

/// The rows of each event: all where they fit, else only the event under the cursor whole.
fn blocks(
    app: &App,
    entry: &Entry,
    theme: &Theme,
    width: usize,
    height: usize,
) -> Vec<Vec<String>> {
    let window = &entry.episode.log_window;
    let texts = window.iter().enumerate().map(|(at, event)| {
        let before = at.checked_sub(1).and_then(|before| window.get(before));
        record::row(before, event)
    });
    let texts: Vec<String> = texts.collect();
    let whole: Vec<Vec<String>> = texts.iter().map(|text| wrap(text, width)).collect();
    if whole.iter().map(Vec::len).sum::<usize>() <= height {
        return whole;
    }
    let both = whole.into_iter().zip(&texts).enumerate();
    both.map(|(at, (rows, text))| {
        if at == app.queue.line || rows.len() == 1 {
            rows
        } else {
            vec![cut(text, width, theme.glyphs.cut)]
        }
    })
    .collect()
}

fn event_row(
    margin: &str,
    text: &str,
    is_cursor: bool,
    entry: &Entry,
    at: usize,
    theme: &Theme,
) -> Line<'static> {
    let role = role(entry, at);
    let token = match (role, entry.desk.mark == Some(at), is_cursor) {
        (Some(Role::Trigger), _, _) => Token::Good,
        (_, true, _) => Token::Mark,
        (_, _, true) => Token::Title,
        (Some(role), _, _) => role.token(),
        (None, _, _) => Token::Text,
    };
    let mut spans = vec![span(column(margin, MARGIN, ""), theme.style(Token::Key))];
    if entry.desk.is_revealed {
        let word = role.filter(|_| !margin.is_empty()).map_or("", Role::word);
        let style = theme.style(role.map_or(Token::Text, Role::token));
        spans.push(span(column(word, WORD, ""), style));
    }
    spans.push(span(text, theme.style(token)));
    Line::from(spans)
}

/// What an event is to the truth, once that is revealed.
fn role(entry: &Entry, at: usize) -> Option<Role> {
    let event = entry.episode.log_window.get(at)?;
    let role = Role::of(&entry.episode, &event.log_id);
    role.filter(|_| entry.desk.is_revealed)
}

fn is_event(entry: &Entry, at: usize, log_id: &str) -> bool {
    let event = entry.episode.log_window.get(at);
    event.is_some_and(|event| event.log_id == log_id)
}

/// Cursor, then who cites the event: you, the model, and after the reveal what it is to the truth.
fn margin(app: &App, entry: &Entry, at: usize, theme: &Theme) -> String {
    let cursor = if at == app.queue.line {
        theme.glyphs.cursor
    } else {
        " "
    };
    let is_hidden = app.queue.is_blind && !entry.desk.is_revealed;
    let verdict = app.queue.model_verdict(app.queue.selected());
    let cited = verdict.and_then(|verdict| verdict.cited_log_id.as_deref());
    let by_model = cited.is_some_and(|id| is_event(entry, at, id)) && !is_hidden;
    let sign = |is: bool, letter: &'static str| if is { letter } else { " " };
    format!(
        "{cursor} {}{}{}",
        sign(entry.desk.mark == Some(at), "Y"),
        sign(by_model, "M"),
        role(entry, at).map_or(" ", Role::letter)
    )
}
