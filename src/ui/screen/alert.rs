//! The alert's header and its log window, one line an event; the line under the cursor is shown whole.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::app::App;
use crate::ui::queue::{Entry, QueuePane};
use crate::ui::screen::episodes::severity;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, cut, lines, pane, span, wrap};

/// Cells before an event's text: cursor, and who cites it.
const MARGIN: usize = 6;

/// Draws the header in one pane, or in two bare lines where room is short.
pub fn draw_header(entry: &Entry, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let alert = &entry.episode.alert;
    let title = format!("Alert {}  {}", alert.alert_id, alert.timestamp);
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

/// Draws the log window, scrolled so that the cursor's line is in sight.
pub fn draw_log(app: &App, entry: &Entry, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let is_focused = app.queue.pane == QueuePane::Log;
    let title = "Log window: Y your citation, M the model's, T truth";
    let room = pane(title, is_focused, theme, area, buf);
    let (width, height) = (usize::from(room.width), usize::from(room.height));
    let text_width = width.saturating_sub(MARGIN);
    let whole: Vec<Vec<String>> = entry.lines.iter().map(|l| wrap(l, text_width)).collect();
    let shows_all = whole.iter().map(Vec::len).sum::<usize>() <= height;
    let mut rows = Vec::new();
    let mut cursor_ends = 0;
    for (at, wrapped) in whole.iter().enumerate() {
        let is_cursor = at == app.queue.line;
        let is_short = wrapped.len() == 1;
        let texts = if shows_all || is_cursor || is_short {
            wrapped.clone()
        } else {
            let text = entry.lines.get(at).map_or("", String::as_str);
            vec![cut(text, text_width, theme.glyphs.cut)]
        };
        for (row, text) in texts.iter().enumerate() {
            let margin = if row == 0 {
                margin(app, entry, at, theme)
            } else {
                String::new()
            };
            rows.push(event_row(&margin, text, is_cursor, entry, at, theme));
        }
        if is_cursor {
            cursor_ends = rows.len();
        }
    }
    let first = cursor_ends.saturating_sub(height);
    lines(rows.into_iter().skip(first), room, buf);
}

fn event_row(
    margin: &str,
    text: &str,
    is_cursor: bool,
    entry: &Entry,
    at: usize,
    theme: &Theme,
) -> Line<'static> {
    let is_trigger =
        entry.desk.is_revealed && is_event(entry, at, &entry.episode.truth.triggering_log_id);
    let token = match (is_trigger, entry.desk.mark == Some(at), is_cursor) {
        (true, _, _) => Token::Good,
        (_, true, _) => Token::Mark,
        (_, _, true) => Token::Title,
        _ => Token::Text,
    };
    Line::from(vec![
        span(column(margin, MARGIN, ""), theme.style(Token::Key)),
        span(text, theme.style(token)),
    ])
}

fn is_event(entry: &Entry, at: usize, log_id: &str) -> bool {
    let event = entry.episode.log_window.get(at);
    event.is_some_and(|event| event.log_id == log_id)
}

/// Cursor, then who cites the event: you, the model, and after the reveal the truth.
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
    let by_truth =
        entry.desk.is_revealed && is_event(entry, at, &entry.episode.truth.triggering_log_id);
    let sign = |is: bool, letter: &'static str| if is { letter } else { " " };
    format!(
        "{cursor} {}{}{}",
        sign(entry.desk.mark == Some(at), "Y"),
        sign(by_model, "M"),
        sign(by_truth, "T")
    )
}
