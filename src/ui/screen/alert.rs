//! The alert's header and its log window, one line an event; the line under the cursor is shown whole.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::ui::queue::{Entry, Queue, QueuePane};
use crate::ui::screen::episodes::severity;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, cut, lines, more, page_of_block, pane, span, wrap};

/// Cells before an event's text: cursor, and who cites it.
const MARGIN: usize = 6;

/// What a log window is drawn with beside the alert itself.
pub struct LogView<'a> {
    /// The line under the cursor.
    pub line: usize,
    pub is_focused: bool,
    /// Who may cite a line, and by which letter.
    pub legend: &'static str,
    /// The event the model cites, where that is shown.
    pub by_model: Option<&'a str>,
}

impl<'a> LogView<'a> {
    /// That of the episodes screen.
    pub fn of(queue: &'a Queue, entry: &Entry) -> Self {
        let is_hidden = queue.is_blind && !entry.desk.is_revealed;
        let verdict = queue.model_verdict(queue.selected());
        let cited = verdict.and_then(|verdict| verdict.cited_log_id.as_deref());
        Self {
            line: queue.line,
            is_focused: queue.pane == QueuePane::Log,
            legend: "Y you, M model, T truth",
            by_model: cited.filter(|_| !is_hidden),
        }
    }
}

/// The title over an alert that has a twin.
pub fn title(entry: &Entry) -> String {
    let alert = &entry.episode.alert;
    let index = entry.episode.index;
    format!(
        "Alert {}  {}  number {index}, twin of {}",
        alert.alert_id,
        alert.timestamp,
        index ^ 1
    )
}

/// Draws the header in one pane, or in two bare lines where room is short.
pub fn draw_header(entry: &Entry, title: &str, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let alert = &entry.episode.alert;
    let room = if area.height >= 4 {
        pane(title, false, theme, area, buf)
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
pub fn draw_log(view: &LogView, entry: &Entry, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (width, height) = (
        usize::from(area.width.saturating_sub(2)),
        usize::from(area.height.saturating_sub(2)),
    );
    let blocks = blocks(view, entry, theme, width.saturating_sub(MARGIN), height);
    let heights: Vec<usize> = blocks.iter().map(Vec::len).collect();
    let first = page_of_block(view.line, &heights, height);
    let title = format!(
        "Log window {}/{}{}: cited by {}",
        view.line + 1,
        entry.lines.len(),
        more(first, heights.iter().sum(), height, theme),
        view.legend
    );
    let room = pane(&title, view.is_focused, theme, area, buf);
    let rows = blocks.iter().enumerate().flat_map(|(at, texts)| {
        let margin = margin(view, entry, at, theme);
        let is_cursor = at == view.line;
        texts.iter().enumerate().map(move |(row, text)| {
            let margin = if row == 0 { margin.as_str() } else { "" };
            event_row(margin, text, is_cursor, entry, at, theme)
        })
    });
    lines(rows.skip(first), room, buf);
}

/// The rows of each event: all where they fit, else only the event under the cursor whole.
fn blocks(
    view: &LogView,
    entry: &Entry,
    theme: &Theme,
    width: usize,
    height: usize,
) -> Vec<Vec<String>> {
    let whole: Vec<Vec<String>> = entry.lines.iter().map(|l| wrap(l, width)).collect();
    if whole.iter().map(Vec::len).sum::<usize>() <= height {
        return whole;
    }
    let texts = whole.into_iter().zip(&entry.lines).enumerate();
    texts
        .map(|(at, (rows, line))| {
            if at == view.line || rows.len() == 1 {
                rows
            } else {
                vec![cut(line, width, theme.glyphs.cut)]
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
fn margin(view: &LogView, entry: &Entry, at: usize, theme: &Theme) -> String {
    let cursor = if at == view.line {
        theme.glyphs.cursor
    } else {
        " "
    };
    let by_model = view.by_model.is_some_and(|id| is_event(entry, at, id));
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
