//! The episodes screen: queue, alert, log window, answers and verdict, laid out by the room there is.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;

use crate::env::schema::{Split, Stage};
use crate::gate;
use crate::ui::app::App;
use crate::ui::desk::Score;
use crate::ui::queue::QueuePane;
use crate::ui::screen::alert::LogView;
use crate::ui::screen::columns::Columns;
use crate::ui::screen::{alert, answer};
use crate::ui::spots::Spot;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{cut, lines, page_of, pane, select_row, span};

/// From this height on the queue's columns have names.
const HEADED: u16 = 8;

/// From this width on the queue stands beside the alert.
const WIDE: u16 = 110;

/// Rows of the queue, its border included, where other panes need the room.
const LEAST_QUEUE: u16 = 3;

/// As much of the log window: the cited line is in it.
const LEAST_LOG: u16 = 3;

/// Cells of the queue beside the alert: more columns where there is room for them and for the log.
pub(super) const fn beside(width: u16) -> u16 {
    match width {
        0..140 => 50,
        140..180 => 66,
        180..240 => 94,
        _ => 112,
    }
}

/// Draws the screen's body.
pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if app.queue.is_alone {
        draw_alone(app, theme, area, buf);
    } else if area.width >= WIDE {
        let [left, right] =
            Layout::horizontal([Constraint::Length(beside(area.width)), Constraint::Fill(1)])
                .areas(area);
        draw_queue(app, theme, left, buf);
        draw_alert(app, theme, wide(app, theme, right), buf);
    } else {
        let [queue, head, log, below] = narrow(app, theme, area);
        draw_queue(app, theme, queue, buf);
        draw_alert(app, theme, [head, log, below], buf);
    }
}

/// The pane in focus in the whole body; log window and answers below the alert's header.
fn draw_alone(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if app.queue.pane == QueuePane::Alerts {
        draw_queue(app, theme, area, buf);
        return;
    }
    let head = app.queue.shown().map_or(2, |entry| {
        alert::header_height(entry, Some(3), theme, area.width)
    });
    let [head, rest] =
        Layout::vertical([Constraint::Length(head), Constraint::Fill(1)]).areas(area);
    let none = Rect { height: 0, ..rest };
    let parts = match app.queue.pane {
        QueuePane::Answers => [head, none, rest],
        _ => [head, rest, none],
    };
    draw_alert(app, theme, parts, buf);
}

/// Header, log window and answers beside the queue. Answers in focus get what they need and the log window can spare.
fn wide(app: &App, theme: &Theme, area: Rect) -> [Rect; 3] {
    let least = if area.height >= 40 { 18 } else { 14 };
    let entry = app.queue.shown();
    let head = entry.map_or(4, |e| alert::header_height(e, None, theme, area.width));
    let entry = entry.filter(|_| app.queue.pane == QueuePane::Answers);
    let answers = entry.map_or(least, |entry| {
        let most = area.height.saturating_sub(head + LEAST_LOG);
        let wanted = answer::wanted_height(app, entry, theme, area.width);
        wanted.min(most).max(least)
    });
    Layout::vertical([
        Constraint::Length(head),
        Constraint::Fill(1),
        Constraint::Length(answers),
    ])
    .areas(area)
}

/// Queue, header, log window and answers, one under the other.
fn narrow(app: &App, theme: &Theme, area: Rect) -> [Rect; 4] {
    let is_high = area.height >= 20;
    let (queue, log, least) = if is_high {
        (5, 5, 7)
    } else {
        (LEAST_QUEUE, LEAST_LOG, 6)
    };
    let head = app.queue.shown().map_or(2, |entry| {
        let most = if is_high { 3 } else { 2 };
        alert::header_height(entry, Some(most), theme, area.width)
    });
    // The pane in focus gets the room. Once revealed the cited line is known: unless one reads the log window it may shrink to
    // that line, and the truth gets the room; two answers need more of it.
    let is_focused = app.queue.pane == QueuePane::Answers;
    let is_revealed = app.queue.current().is_some_and(|e| e.desk.is_revealed);
    let wants_room = is_focused || (app.queue.pane == QueuePane::Alerts && is_revealed);
    let log = match is_focused || app.queue.second_adapter().is_some() {
        true => LEAST_LOG,
        false => log,
    };
    let entry = app.queue.shown().filter(|_| wants_room);
    let wanted = entry.map_or(least, |entry| {
        answer::wanted_height(app, entry, theme, area.width).max(least)
    });
    let most = |queue: u16| area.height.saturating_sub(queue + head + log);
    let queue = match is_focused && wanted > most(queue) {
        true => LEAST_QUEUE,
        false => queue,
    };
    Layout::vertical([
        Constraint::Length(queue),
        Constraint::Length(head),
        Constraint::Fill(1),
        Constraint::Length(wanted.min(most(queue))),
    ])
    .areas(area)
}

fn draw_alert(app: &App, theme: &Theme, [head, log, below]: [Rect; 3], buf: &mut Buffer) {
    if let Some(entry) = app.queue.shown() {
        let title = alert::title(entry);
        let title = match app.queue.what_if() {
            Some(_) => format!("What-if of {title}"),
            None => title,
        };
        alert::draw_header(entry, &title, theme, head, buf);
        // A pane without rows is not there: what it scrolls stays as it was.
        if log.height > 0 {
            let view = LogView::of(&app.queue, &app.spots);
            alert::draw_log(&view, entry, theme, log, buf);
        }
        if below.height > 0 {
            app.spots.note(below, Spot::Pane(QueuePane::Answers));
            answer::draw(app, entry, theme, below, buf);
        }
    }
}

/// The queue, one line an alert, with the running score in its title.
fn draw_queue(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let queue = &app.queue;
    let visible = queue.visible();
    let room = usize::from(area.width.saturating_sub(4));
    let title = queue_title(app, &visible, room);
    let is_focused = queue.pane == QueuePane::Alerts;
    app.spots.note(area, Spot::Pane(QueuePane::Alerts));
    let room = pane(&title, is_focused, theme, area, buf);
    draw_scores(app, theme, area, buf);
    if visible.is_empty() {
        let none = "nothing matches; Esc shows all";
        let none = Line::from(span(none, theme.style(Token::Faint)));
        lines([none], room, buf);
        return;
    }
    let cursor = queue.place_in(&visible);
    let (room, columns) = draw_head(app, &visible, theme, room, buf);
    let first = page_of(cursor, usize::from(room.height));
    let shown = visible.iter().skip(first).take(usize::from(room.height));
    app.spots
        .note_rows(room, shown.clone().copied().map(Spot::Alert));
    let rows = shown.filter_map(|&at| Some(columns.row(app, at, queue.entries().get(at)?, theme)));
    lines(rows.collect::<Vec<_>>(), room, buf);
    if visible.get(cursor) == Some(&queue.selected()) {
        select_row(room, (cursor - first) as u16, theme, buf);
    }
}

/// The columns that fit, and their names above them where rows are left for more than a few alerts; returns the room below.
fn draw_head(
    app: &App,
    listed: &[usize],
    theme: &Theme,
    room: Rect,
    buf: &mut Buffer,
) -> (Rect, Columns) {
    let entries = listed.iter().filter_map(|at| app.queue.entries().get(*at));
    let id = entries.map(|entry| entry.episode.alert.alert_id.chars().count());
    let order = app.queue.order();
    let columns = Columns::fit(usize::from(room.width), id.max().unwrap_or(0), order);
    if room.height < HEADED {
        return (room, columns);
    }
    lines([columns.head(theme)], room, buf);
    let below = Rect {
        y: room.y + 1,
        height: room.height - 1,
        ..room
    };
    (below, columns)
}

/// What the queue is listed by, stage and split; with a filter, how many it lets through of those looked at, and what it says.
/// Stage and split are whole where there is room, else short: they are never cut.
fn queue_title(app: &App, visible: &[usize], room: usize) -> String {
    let queue = &app.queue;
    let group = queue.group_told(visible);
    let all = queue.entries().len();
    let of = |place: String| {
        let parts = if queue.is_filtered() {
            let found = format!("{} of {all} match {}", visible.len(), queue.filter_text);
            [
                Some(place).filter(|p| !p.is_empty()),
                Some(found),
                group.clone(),
            ]
        } else {
            [None, Some(place).filter(|p| !p.is_empty()), group.clone()]
        };
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        gate::clean(&parts.join(", ")).into_owned()
    };
    let (stage, split) = (queue.stage(), queue.split());
    let short = format!("{} {}", short_stage(stage), short_split(split));
    let last = match queue.is_filtered() {
        true => String::new(),
        false => short.clone(),
    };
    let tries = [
        format!("{stage} {split}"),
        format!("{} {split}", short_stage(stage)),
        short,
    ];
    let mut tries = tries.into_iter().map(of);
    let fits = |title: &String| title.chars().count() < room;
    tries.find(fits).unwrap_or_else(|| of(last))
}

/// A stage without what it is called: `stage4`.
pub(super) fn short_stage(stage: Stage) -> &'static str {
    let whole = stage.as_str();
    whole.split('_').next().unwrap_or(whole)
}

/// A split where room is short.
pub(super) const fn short_split(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Holdout => "hold",
    }
}

/// The running score, on the pane's lower border.
fn draw_scores(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (own, model) = app.queue.scores();
    let text = format!(
        " actions right: you {}, model {} ",
        tally(own),
        tally(model)
    );
    let text = cut(&text, usize::from(area.width).saturating_sub(3), "");
    let line = Line::from(span(text, theme.style(Token::Accent)));
    buf.set_line(
        area.x + 2,
        area.bottom().saturating_sub(1),
        &line,
        area.width,
    );
}

/// Right actions of judged ones, and the mean reward.
fn tally(score: Score) -> String {
    if score.judged == 0 {
        return "-".to_owned();
    }
    format!(
        "{}/{} {}",
        score.right_actions,
        score.judged,
        signed(score.mean_reward())
    )
}

/// Glyph and word for whether a verdict is right, with its colour.
pub fn hit(is_right: bool, theme: &Theme) -> (String, Style) {
    let (glyph, word, token) = if is_right {
        (theme.glyphs.right, "right", Token::Good)
    } else {
        (theme.glyphs.wrong, "wrong", Token::Bad)
    };
    (format!("{glyph} {word}"), theme.style(token))
}

/// The style of a severity; the word says it too.
pub fn severity(name: &str, theme: &Theme) -> Style {
    theme.style(match name {
        "critical" => Token::Bad,
        "high" => Token::Warn,
        _ => Token::Text,
    })
}

/// A reward with its sign; minus zero is zero.
pub fn signed(value: f64) -> String {
    format!("{:+.2}", value + 0.0)
}
