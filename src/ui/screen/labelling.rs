//! The labelling screen: queue, alert, log window, one's own label beside the model's answer, and progress.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::env::schema::Action;
use crate::gate::clean;
use crate::label::State;
use crate::label::progress::FEWEST;
use crate::ui::app::App;
use crate::ui::labelling::{Access, Item, Labelling};
use crate::ui::numbers::clock;
use crate::ui::queue::{Answer, QueuePane};
use crate::ui::record;
use crate::ui::screen::alert::{self, LogView};
use crate::ui::screen::episodes::{beside, severity};
use crate::ui::screen::own_label;
use crate::ui::spots::Spot;
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{
    column, cut, cut_line, lines, page_of, pane, select_row, span, wrap,
};

/// From this width on the queue stands beside the alert.
const WIDE: u16 = 110;

/// Draws the screen's body.
pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let labelling = &app.labelling;
    let why = match &labelling.access {
        Access::Open if labelling.current().is_some() => {
            draw_open(app, theme, area, buf);
            return;
        }
        Access::Open => "there is nothing to label: opensoc label import FILE adds alerts".into(),
        Access::Closed | Access::Opening => "reading the labels".to_owned(),
        Access::Failed(why) => format!("{why}. F3 tries again."),
    };
    let room = pane("Labelling", false, theme, area, buf);
    let rows = wrap(&why, usize::from(room.width)).into_iter();
    let style = theme.style(Token::Text);
    lines(rows.map(|l| Line::from(span(l, style))), room, buf);
}

fn draw_open(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if app.labelling.is_alone {
        draw_alone(app, theme, area, buf);
        return;
    }
    let (queue, parts) = if area.width >= WIDE {
        let [left, right] =
            Layout::horizontal([Constraint::Length(beside(area.width)), Constraint::Fill(1)])
                .areas(area);
        let rows = progress_rows(
            &app.labelling,
            theme,
            usize::from(left.width.saturating_sub(2)),
        );
        let height = (rows.len() as u16 + 2).min(area.height / 2);
        let [queue, progress] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]).areas(left);
        draw_progress(rows, theme, progress, buf);
        (queue, split(right, 4, 11))
    } else {
        let (queue, label) = if area.height >= 20 { (5, 8) } else { (3, 6) };
        let [queue, rest] =
            Layout::vertical([Constraint::Length(queue), Constraint::Fill(1)]).areas(area);
        (queue, split(rest, 2, label))
    };
    draw_queue(app, theme, queue, buf);
    draw_alert(app, theme, parts, buf);
}

/// The pane in focus in the whole body: the queue, or the alert with its log window.
fn draw_alone(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    match app.labelling.pane {
        QueuePane::Alerts => draw_queue(app, theme, area, buf),
        _ => draw_alert(app, theme, split(area, 2, 0), buf),
    }
}

fn draw_alert(app: &App, theme: &Theme, [head, log, label]: [Rect; 3], buf: &mut Buffer) {
    if let Some(item) = app.labelling.current() {
        let alert = &item.entry.episode.alert;
        let title = format!(
            "Alert {}  {}",
            alert.alert_id,
            record::utc(&alert.timestamp)
        );
        alert::draw_header(&item.entry, &title, theme, head, buf);
        let view = LogView {
            line: app.labelling.line,
            is_focused: app.labelling.pane == QueuePane::Log,
            scroll: &app.labelling.line_scroll,
            legend: "cited by Y you, M model; o all fields",
            by_model: model_citation(&app.labelling),
            changed: Vec::new(),
            spots: &app.spots,
        };
        alert::draw_log(&view, &item.entry, theme, log, buf);
        if label.height > 0 {
            own_label::draw(app, item, theme, label, buf);
        }
    }
}

/// Header, log window and label, one under the other.
fn split(area: Rect, head: u16, label: u16) -> [Rect; 3] {
    Layout::vertical([
        Constraint::Length(head),
        Constraint::Fill(1),
        Constraint::Length(label),
    ])
    .areas(area)
}

/// The event the model cites, once that may be seen.
fn model_citation(labelling: &Labelling) -> Option<&str> {
    match labelling.answer(labelling.selected())? {
        Answer::Given { verdict, .. } => verdict.cited_log_id.as_deref(),
        _ => None,
    }
}

fn draw_queue(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let labelling = &app.labelling;
    app.spots.note(area, Spot::Pane(QueuePane::Alerts));
    let visible = labelling.visible();
    let is_focused = labelling.pane == QueuePane::Alerts;
    let title = queue_title(labelling, visible.len());
    let room = pane(&title, is_focused, theme, area, buf);
    draw_counts(labelling, theme, area, buf);
    if visible.is_empty() {
        let none = "nothing matches; Esc shows all";
        lines(
            [Line::from(span(none, theme.style(Token::Faint)))],
            room,
            buf,
        );
        return;
    }
    let cursor = visible.partition_point(|at| *at < labelling.selected());
    let first = page_of(cursor, usize::from(room.height));
    let shown = visible.iter().skip(first).take(usize::from(room.height));
    app.spots
        .note_rows(room, shown.clone().copied().map(Spot::Alert));
    let rows = shown.filter_map(|&at| Some(row(at, labelling.items().get(at)?, theme, room.width)));
    lines(rows.collect::<Vec<_>>(), room, buf);
    if visible.get(cursor) == Some(&labelling.selected()) {
        select_row(room, (cursor - first) as u16, theme, buf);
    }
}

/// Whose labels, and where the alerts come from; with a filter, what it says and how many it lets through.
fn queue_title(labelling: &Labelling, visible: usize) -> String {
    let (name, all) = (&labelling.annotator, labelling.items().len());
    let origin = labelling.origin();
    if !labelling.is_filtered() {
        return format!("{name}: {origin}");
    }
    let filter = clean(&labelling.filter_text);
    format!("{name}: {filter} ({visible} of {all})")
}

/// What is on disk in few words, on the queue's lower border: as much of it as there is room for, the rate before the classes.
fn draw_counts(labelling: &Labelling, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let counts = labelling.counts();
    let submitted = counts.in_state(State::Submitted);
    let all = match labelling.is_endless() {
        true => String::new(),
        false => format!(" of {}", labelling.items().len()),
    };
    let submitted = format!("{submitted}{all} submitted");
    let rate = labelling.rate();
    let rate = rate.map_or_else(String::new, |rate| format!(", {rate:.0}/h"));
    let left = labelling.time_left();
    let left = left.map_or_else(String::new, |left| format!(", {} left", clock(left)));
    let mut texts = Vec::new();
    if area.width >= WITH_CLASSES {
        let classes = Action::ALL.map(|a| format!("{} {}", short(a), counts.deciding(a)));
        let classes = format!("{submitted}: {}{rate}", classes.join(" "));
        texts.extend([format!("{classes}{left}"), classes]);
    }
    texts.extend([
        format!("{submitted}{rate}{left}"),
        format!("{submitted}{rate}"),
    ]);
    let room = usize::from(area.width).saturating_sub(5);
    let fits = texts.into_iter().find(|text| text.chars().count() <= room);
    let text = fits.unwrap_or_else(|| cut(&submitted, room, theme.glyphs.cut));
    let line = Line::from(span(format!(" {text} "), theme.style(Token::Accent)));
    let y = area.bottom().saturating_sub(1);
    buf.set_line(area.x + 2, y, &line, area.width);
}

/// From this width on the counts of classes stand on the queue's border.
const WITH_CLASSES: u16 = 76;

/// An action where room is short, as charts call it.
const fn short(action: Action) -> &'static str {
    match action {
        Action::Dismiss => "dismiss",
        Action::Monitor => "monitor",
        Action::QuarantineHost => "quar.",
        Action::BlockIp => "block",
        Action::Escalate => "escalate",
    }
}

/// From this width on a row has its action in words instead of by its digit, from the next on the category too.
const IN_WORDS: u16 = 60;
const WITH_CATEGORY: u16 = 80;

/// Position, state, chosen action, flag, severity, category, what it is called, host.
fn row(at: usize, item: &Item, theme: &Theme, width: u16) -> Line<'static> {
    let alert = &item.entry.episode.alert;
    let text = theme.style(Token::Text);
    let (state, style) = state_word(item, theme);
    let action = match item.decision.action {
        None => "-".to_owned(),
        Some(action) if width >= IN_WORDS => action.to_string(),
        Some(action) => (action.index() + 1).to_string(),
    };
    let action = column(&action, if width >= IN_WORDS { 16 } else { 2 }, "");
    let flag = if item.decision.is_flagged { "!" } else { " " };
    let cut = theme.glyphs.cut;
    let mut spans = vec![
        span(format!("{:>4} ", at + 1), theme.style(Token::Faint)),
        span(column(&state, 10, ""), style),
        span(action, theme.style(Token::Mark)),
        span(format!("{flag} "), theme.style(Token::Warn)),
        span(
            column(&alert.severity, 9, ""),
            severity(&alert.severity, theme),
        ),
    ];
    if width >= WITH_CATEGORY {
        spans.push(span(column(&alert.category, 18, cut), text));
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let rest = usize::from(width).saturating_sub(used + 1);
    let called = item.called();
    let id = (called.len() + 1).min(rest - rest / 3);
    spans.push(span(column(&called, id.saturating_sub(1), cut), text));
    spans.push(span(" ", text));
    spans.push(span(column(&alert.host, rest - id, cut), text));
    Line::from(spans)
}

/// The state as far as it is on disk.
fn state_word(item: &Item, theme: &Theme) -> (String, Style) {
    if item.trouble.is_some() {
        return (
            format!("{} unsaved", theme.glyphs.wrong),
            theme.style(Token::Bad),
        );
    }
    if item.saved < item.revision {
        return ("writing".to_owned(), theme.style(Token::Faint));
    }
    let token = match item.decision.state {
        State::Pending => Token::Faint,
        State::Draft => Token::Mark,
        State::Submitted => Token::Good,
        State::Skipped | State::Discarded => Token::Warn,
    };
    let word = match item.decision.state {
        State::Pending => "-",
        state => state.as_str(),
    };
    (word.to_owned(), theme.style(token))
}

/// What is on disk, counted, and how fast that goes.
fn progress_rows(labelling: &Labelling, theme: &Theme, width: usize) -> own_label::Rows {
    let counts = labelling.counts();
    let states = State::ALL
        .into_iter()
        .filter(|state| *state != State::Pending || !labelling.is_endless());
    let states: Vec<_> = states
        .map(|state| format!("{} {}", counts.in_state(state), state.as_str()))
        .collect();
    let others = format!(
        "{} flagged, {} the model's own",
        counts.flagged, counts.accepted
    );
    let classes = Action::ALL.map(|a| format!("{a} {}", counts.deciding(a)));
    let mut rows: own_label::Rows = Vec::new();
    for (name, text) in [
        ("States", states.join(", ")),
        ("Labels", classes.join(", ")),
        ("Marks", others),
        ("Rate", pace(labelling)),
    ] {
        let style = theme.style(Token::Text);
        rows.extend(own_label::paragraph(name, &text, style, theme, width));
    }
    rows
}

/// The rate in words, and how long what waits will take at it.
fn pace(labelling: &Labelling) -> String {
    let Some(rate) = labelling.rate() else {
        return format!("known after {FEWEST} labels in this session");
    };
    let left = labelling.waiting().zip(labelling.time_left());
    let left = left.map_or_else(String::new, |(waiting, left)| {
        format!("; {} for the {waiting} that wait", clock(left))
    });
    format!("{rate:.0} an hour, in this session{left}")
}

/// Draws them; where there is no room for all, the last one in sight says so.
fn draw_progress(mut rows: own_label::Rows, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let room = pane("Progress, as it is on disk", false, theme, area, buf);
    let height = usize::from(room.height);
    let is_cut = rows.len() > height;
    rows.truncate(height);
    if let Some(last) = rows.last_mut().filter(|_| is_cut) {
        let width = usize::from(room.width).saturating_sub(2);
        let spans = std::mem::take(last).spans;
        *last = cut_line(spans, width, theme.glyphs.cut);
        last.push_span(span(
            format!(" {}", theme.glyphs.cut),
            theme.style(Token::Faint),
        ));
    }
    lines(rows, room, buf);
}
