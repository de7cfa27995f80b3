//! The episodes screen: queue, alert, log window, answers and verdict, laid out by the room there is.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;

use crate::env::schema::Verdict;
use crate::ui::app::App;
use crate::ui::desk::Score;
use crate::ui::queue::{Answer, Entry, QueuePane};
use crate::ui::screen::alert::LogView;
use crate::ui::screen::{alert, answer};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, cut, lines, page_of, pane, select_row, span};

/// From this width on the queue stands beside the alert.
const WIDE: u16 = 110;

/// Draws the screen's body.
pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if area.width >= WIDE {
        let [left, right] =
            Layout::horizontal([Constraint::Length(46), Constraint::Fill(1)]).areas(area);
        let answer_height = if area.height >= 40 { 18 } else { 14 };
        draw_queue(app, theme, left, buf);
        let [head, log, below] = Layout::vertical([
            Constraint::Length(4),
            Constraint::Fill(1),
            Constraint::Length(answer_height),
        ])
        .areas(right);
        draw_alert(app, theme, [head, log, below], buf);
    } else {
        let [queue, head, log, below] = narrow(app, theme, area);
        draw_queue(app, theme, queue, buf);
        draw_alert(app, theme, [head, log, below], buf);
    }
}

/// Queue, header, log window and answers, one under the other.
fn narrow(app: &App, theme: &Theme, area: Rect) -> [Rect; 4] {
    let is_high = area.height >= 20;
    let (queue, log, least) = if is_high { (5, 5, 7) } else { (3, 3, 6) };
    let head = 2;
    let entry = app.queue.current().filter(|e| e.desk.is_revealed);
    // Once revealed the cited line is known: the log window may shrink to it, and the truth gets the room.
    let answers = entry.map_or(least, |entry| {
        let most = area.height.saturating_sub(queue + head + log);
        let wanted = answer::wanted_height(app, entry, theme, area.width);
        wanted.max(least).min(most)
    });
    Layout::vertical([
        Constraint::Length(queue),
        Constraint::Length(head),
        Constraint::Fill(1),
        Constraint::Length(answers),
    ])
    .areas(area)
}

fn draw_alert(app: &App, theme: &Theme, [head, log, below]: [Rect; 3], buf: &mut Buffer) {
    if let Some(entry) = app.queue.current() {
        alert::draw_header(entry, &alert::title(entry), theme, head, buf);
        let view = LogView::of(&app.queue, entry);
        alert::draw_log(&view, entry, theme, log, buf);
        answer::draw(app, entry, theme, below, buf);
    }
}

/// The queue, one line an alert, with the running score in its title.
fn draw_queue(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let queue = &app.queue;
    let visible = queue.visible();
    let title = queue_title(app, visible.len());
    let is_focused = queue.pane == QueuePane::Alerts;
    let room = pane(&title, is_focused, theme, area, buf);
    draw_scores(app, theme, area, buf);
    if visible.is_empty() {
        let none = "nothing matches; Esc shows all";
        let none = Line::from(span(none, theme.style(Token::Faint)));
        lines([none], room, buf);
        return;
    }
    let cursor = visible.partition_point(|at| *at < queue.selected());
    let first = page_of(cursor, usize::from(room.height));
    let shown = visible.iter().skip(first).take(usize::from(room.height));
    let rows =
        shown.filter_map(|&at| Some(row(app, at, queue.entries().get(at)?, theme, room.width)));
    lines(rows.collect::<Vec<_>>(), room, buf);
    if visible.get(cursor) == Some(&queue.selected()) {
        select_row(room, (cursor - first) as u16, theme, buf);
    }
}

/// Stage and split; with a filter, what it says and how many it lets through of those looked at.
fn queue_title(app: &App, visible: usize) -> String {
    let queue = &app.queue;
    let title = format!("{} {}", queue.stage(), queue.split());
    if !queue.is_filtered() {
        return title;
    }
    let filter = crate::ui::gate::clean(&queue.filter_text);
    let all = queue.entries().len();
    format!("{title}: {filter} ({visible} of {all})")
}

/// The running score, on the pane's lower border.
fn draw_scores(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let (own, model) = app.queue.scores();
    let text = format!(" right: you {}, model {} ", tally(own), tally(model));
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

/// Twins have one alert: without this they look like the same line twice.
const fn twin_letter(entry: &Entry) -> char {
    if entry.episode.index.is_multiple_of(2) {
        'a'
    } else {
        'b'
    }
}

/// Index, the model's mark, the analyst's, severity, alert id, host.
fn row(app: &App, at: usize, entry: &Entry, theme: &Theme, width: u16) -> Line<'static> {
    let alert = &entry.episode.alert;
    let text = theme.style(Token::Text);
    let (model, model_style) = model_mark(app, at, entry, theme);
    let (own, own_style) = own_mark(entry, theme);
    let rest = usize::from(width).saturating_sub(29);
    let (id, host) = (rest / 2, rest - rest / 2);
    Line::from(vec![
        span(
            format!("{at:>4}{} ", twin_letter(entry)),
            theme.style(Token::Faint),
        ),
        span(column(&model, 8, ""), model_style),
        span(column(&own, 6, ""), own_style),
        span(
            column(&alert.severity, 9, ""),
            severity(&alert.severity, theme),
        ),
        span(
            column(&alert.alert_id, id.saturating_sub(1), theme.glyphs.cut),
            text,
        ),
        span(" ", text),
        span(column(&alert.host, host, theme.glyphs.cut), text),
    ])
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

fn model_mark(app: &App, at: usize, entry: &Entry, theme: &Theme) -> (String, Style) {
    let faint = theme.style(Token::Faint);
    match app.queue.answer(at) {
        Some(Answer::Given { verdict, .. }) if entry.desk.is_revealed => {
            hit(verdict.correct_action, theme)
        }
        Some(Answer::Given { .. }) => ("ready".to_owned(), faint),
        Some(Answer::Thinking) => ("asked".to_owned(), faint),
        Some(Answer::Failed(_)) => ("failed".to_owned(), theme.style(Token::Warn)),
        None => ("-".to_owned(), faint),
    }
}

fn own_mark(entry: &Entry, theme: &Theme) -> (String, Style) {
    let judged = |verdict: &Verdict| {
        let (glyph, token) = if verdict.correct_action {
            (theme.glyphs.right, Token::Good)
        } else {
            (theme.glyphs.wrong, Token::Bad)
        };
        (format!("you{glyph}"), theme.style(token))
    };
    match (&entry.desk.own, entry.desk.decision, entry.desk.is_revealed) {
        (Some(verdict), _, _) => judged(verdict),
        (None, Some(action), false) => (
            format!("you{}", action.index() + 1),
            theme.style(Token::Mark),
        ),
        (None, _, true) => ("seen".to_owned(), theme.style(Token::Faint)),
        (None, None, false) => (String::new(), theme.style(Token::Faint)),
    }
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
