//! The alert's header and its log window, one line an event; the line under the cursor is shown whole.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::ui::queue::what_if::WhatIf;
use crate::ui::queue::{Answer, Entry, Queue, QueuePane};
use crate::ui::record::{self, Role};
use crate::ui::screen::episodes::severity;
use crate::ui::scroll::Scroll;
use crate::ui::spots::{Spot, Spots};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{
    column, cut, lines, more, page_of_block, pane, span, wrap, wrap_styled,
};

/// Cells before an event's text: cursor, and who cites it.
const MARGIN: usize = 6;

/// Cells of the word that says what an event is to the truth, once that is revealed.
const WORD: usize = 9;

/// The word of an event that is nothing to the truth, and that you or the model cite.
const CITED: &str = "cited";

/// What a log window is drawn with beside the alert itself.
pub struct LogView<'a> {
    /// The line under the cursor.
    pub line: usize,
    pub is_focused: bool,
    /// What is in sight of that line, where it is higher than the pane.
    pub scroll: &'a Scroll,
    /// What the letters before a line say, as long as the truth is hidden.
    pub legend: &'static str,
    /// The event the model cites, where that is shown.
    pub by_model: Option<&'a str>,
    /// The events that a what-if has changed.
    pub changed: Vec<String>,
    /// Where the lines are noted.
    pub spots: &'a Spots,
}

impl<'a> LogView<'a> {
    /// That of the episodes screen.
    pub fn of(queue: &'a Queue, spots: &'a Spots) -> Self {
        let cited = match queue.shown_answer() {
            Some(Answer::Given { verdict, .. }) => verdict.cited_log_id.as_deref(),
            _ => None,
        };
        let changes = queue.what_if().map_or_else(Vec::new, WhatIf::changes);
        Self {
            line: queue.line,
            is_focused: queue.pane == QueuePane::Log,
            scroll: &queue.line_scroll,
            legend: "cited by Y you, M model; o all fields",
            by_model: cited.filter(|_| !queue.hides_answer()),
            changed: changes.into_iter().map(|edit| edit.log_id).collect(),
            spots,
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
        record::utc(&alert.timestamp),
        index ^ 1
    )
}

/// From this height on the header stands in a pane.
const BOXED: u16 = 4;

/// Rows of a header that a pane holds, at most.
const MOST_BOXED: usize = 4;

/// Lines a header wants at this width: of a pane, or bare and at most so many.
pub fn header_height(entry: &Entry, bare: Option<usize>, theme: &Theme, width: u16) -> u16 {
    let rows = match bare {
        Some(most) => header_rows(entry, true, theme, usize::from(width), most).len(),
        None => {
            let width = usize::from(width.saturating_sub(2));
            header_rows(entry, false, theme, width, MOST_BOXED).len() + 2
        }
    };
    let least = if bare.is_some() { 2 } else { BOXED };
    u16::try_from(rows).unwrap_or(least).max(least)
}

/// Draws the header in one pane, or in bare lines where room is short.
pub fn draw_header(entry: &Entry, title: &str, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let is_bare = area.height < BOXED;
    let room = if is_bare {
        area
    } else {
        pane(title, false, theme, area, buf)
    };
    let (width, most) = (usize::from(room.width), usize::from(room.height));
    lines(header_rows(entry, is_bare, theme, width, most), room, buf);
}

/// Cells that a category gets at most: first all it wants, then fewer.
const CATEGORY: [usize; 3] = [usize::MAX, 10, 1];

/// What the header says, in at most `most` rows: the summary in a row of its own where there is room. Where there is little,
/// the summary is cut first, then the category, and the time is left out last. What has no room at all ends in a mark.
fn header_rows(
    entry: &Entry,
    is_bare: bool,
    theme: &Theme,
    width: usize,
    most: usize,
) -> Vec<Line<'static>> {
    let fields = |with_time, category| header(entry, is_bare, with_time, category, theme);
    let whole = |mut pieces: Vec<(String, Style)>, before_summary: &str| {
        let summary = format!("{before_summary}{}", entry.episode.alert.summary);
        pieces.push((summary, theme.style(Token::Text)));
        wrapped(&pieces, width)
    };
    let rows = whole(fields(true, usize::MAX), "\n");
    if rows.len() <= most {
        return rows;
    }
    let mut timed = CATEGORY.into_iter().map(|cells| fields(true, cells));
    let found = timed.find(|pieces| wrapped(pieces, width).len() <= most);
    let pieces = found.unwrap_or_else(|| fields(false, usize::MAX));
    let mut rows = whole(pieces, "");
    if rows.len() <= most {
        return rows;
    }
    let rest = rows.split_off(most.saturating_sub(1));
    let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
    let rest = cut(&rest.join(" "), width, theme.glyphs.cut);
    rows.push(Line::from(span(rest, theme.style(Token::Text))));
    rows.truncate(most);
    rows
}

fn wrapped(pieces: &[(String, Style)], width: usize) -> Vec<Line<'static>> {
    let pieces: Vec<(&str, Style)> = pieces.iter().map(|(t, s)| (t.as_str(), *s)).collect();
    wrap_styled(&pieces, width)
}

/// Id and time where no title says them, the alert's fields (of its category so many cells at most), and its techniques once
/// the truth is revealed.
fn header(
    entry: &Entry,
    is_bare: bool,
    with_time: bool,
    category: usize,
    theme: &Theme,
) -> Vec<(String, Style)> {
    let alert = &entry.episode.alert;
    let (faint, text) = (theme.style(Token::Faint), theme.style(Token::Text));
    let mut pieces = Vec::new();
    if is_bare {
        let id = format!("{} ", alert.alert_id);
        pieces.push((id, theme.style(Token::Title)));
        if with_time {
            pieces.push((format!("{} ", record::utc(&alert.timestamp)), faint));
        }
    }
    let category = cut(&alert.category, category, theme.glyphs.cut);
    for (name, value) in [
        ("severity", &alert.severity),
        ("category", &category),
        ("host", &alert.host),
        ("user", &alert.user),
    ] {
        let style = if name == "severity" {
            severity(value, theme)
        } else {
            text
        };
        pieces.push((format!("{name}="), faint));
        pieces.push((format!("{value} "), style));
    }
    if entry.desk.is_revealed {
        let techniques = match entry.episode.truth.attack.join(" ") {
            none if none.is_empty() => "none".to_owned(),
            some => some,
        };
        pieces.push(("ATT&CK=".to_owned(), faint));
        pieces.push((format!("{techniques} "), theme.style(Token::Key)));
    }
    pieces
}

/// Draws the log window, scrolled so that the cursor's line is in sight: from its first row on, and as far as one has gone in it.
pub fn draw_log(view: &LogView, entry: &Entry, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (width, height) = (
        usize::from(area.width.saturating_sub(2)),
        usize::from(area.height.saturating_sub(2)),
    );
    let word = if entry.desk.is_revealed { WORD } else { 0 };
    let room = width.saturating_sub(MARGIN + word);
    let blocks = blocks(view, entry, theme, room, height);
    let heights: Vec<usize> = blocks.iter().map(Vec::len).collect();
    let of_line = heights.get(view.line).copied().unwrap_or(0);
    let first = page_of_block(view.line, &heights, height) + view.scroll.page(of_line, height);
    let signs = if entry.desk.is_revealed {
        "Y you, M model, T trigger, E evidence, D decoy"
    } else {
        view.legend
    };
    let (what, signs) = match (view.changed.is_empty(), entry.desk.is_revealed) {
        (true, _) => ("Log window", signs),
        // The analyst has cited nothing in a copy.
        (false, true) => (
            "What-if, log window",
            "C changed, M model, T trigger, E evidence, D decoy",
        ),
        (false, false) => ("What-if, log window", "C changed, M model"),
    };
    let title = format!(
        "{what} {}/{}{}: {signs}",
        view.line + 1,
        entry.lines.len(),
        more(first, heights.iter().sum(), height, theme)
    );
    view.spots.note(area, Spot::Pane(QueuePane::Log));
    let room = pane(&title, view.is_focused, theme, area, buf);
    let of_rows = heights.iter().enumerate();
    let of_rows = of_rows.flat_map(|(at, rows)| std::iter::repeat_n(Spot::Line(at), *rows));
    view.spots.note_rows(room, of_rows.skip(first));
    let rows = blocks.iter().enumerate().flat_map(|(at, texts)| {
        let margin = margin(view, entry, at, theme);
        texts.iter().enumerate().map(move |(row, text)| {
            let margin = (row == 0).then(|| margin.clone());
            event_row(margin, text, view, entry, at, theme)
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
        if at == view.line || rows.len() == 1 {
            rows
        } else {
            vec![cut(text, width, theme.glyphs.cut)]
        }
    })
    .collect()
}

/// A row of an event; its first has a margin.
fn event_row(
    margin: Option<Margin>,
    text: &str,
    view: &LogView,
    entry: &Entry,
    at: usize,
    theme: &Theme,
) -> Line<'static> {
    let role = role(entry, at);
    let token = match (role, entry.desk.mark == Some(at), at == view.line) {
        (Some(Role::Trigger), _, _) => Token::Good,
        (_, true, _) => Token::Mark,
        (_, _, true) => Token::Title,
        (Some(role), _, _) => role.token(),
        (None, _, _) => Token::Text,
    };
    let is_first = margin.is_some();
    let mut spans: Vec<_> = margin.map_or_else(
        || vec![span(" ".repeat(MARGIN), theme.style(Token::Key))],
        Vec::from,
    );
    if entry.desk.is_revealed {
        let (word, token) = word(view, entry, at);
        let word = if is_first { word } else { "" };
        spans.push(span(column(word, WORD, ""), theme.style(token)));
    }
    spans.push(span(text, theme.style(token)));
    Line::from(spans)
}

/// The word beside an event: what it is to the truth, else whether somebody cites it.
fn word(view: &LogView, entry: &Entry, at: usize) -> (&'static str, Token) {
    match role(entry, at) {
        Some(role) => (role.word(), role.token()),
        None if entry.desk.mark == Some(at) => (CITED, Token::Mark),
        None if is_by_model(view, entry, at) => (CITED, Token::Accent),
        None => ("", Token::Text),
    }
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

/// Whether the model cites an event, where that is shown.
fn is_by_model(view: &LogView, entry: &Entry, at: usize) -> bool {
    view.by_model.is_some_and(|id| is_event(entry, at, id))
}

/// Cursor and changes, you, the model, the truth.
type Margin = [Span<'static>; 4];

/// Cursor, whether a what-if changed the event, then who cites it, each in its own colour: you, the model, and after the reveal
/// what it is to the truth.
fn margin(view: &LogView, entry: &Entry, at: usize, theme: &Theme) -> Margin {
    let cursor = if at == view.line {
        theme.glyphs.cursor
    } else {
        " "
    };
    let by_model = is_by_model(view, entry, at);
    let sign = |is: bool, letter: &'static str| if is { letter } else { " " };
    let is_changed = view.changed.iter().any(|id| is_event(entry, at, id));
    let role = role(entry, at);
    // The rest of the margin is a gap.
    let letter = column(role.map_or(" ", Role::letter), MARGIN - 4, "");
    [
        span(
            format!("{cursor}{}", sign(is_changed, "C")),
            theme.style(Token::Key),
        ),
        span(
            sign(entry.desk.mark == Some(at), "Y"),
            theme.style(Token::Mark),
        ),
        span(sign(by_model, "M"), theme.style(Token::Accent)),
        span(letter, theme.style(role.map_or(Token::Key, Role::token))),
    ]
}
