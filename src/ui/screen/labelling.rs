//! The labelling screen: queue, alert, log window, one's own label beside the model's answer, and progress.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::env::schema::Action;
use crate::label::State;
use crate::ui::app::App;
use crate::ui::gate::clean;
use crate::ui::labelling::{Access, Item, Labelling};
use crate::ui::queue::{Answer, Model, QueuePane};
use crate::ui::record;
use crate::ui::screen::alert::{self, LogView};
use crate::ui::screen::episodes::{beside, severity};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, cut, lines, page_of, pane, select_row, span, wrap};

/// From this width on the queue stands beside the alert.
const WIDE: u16 = 110;

/// Cells before what a row of the label says.
const MARGIN: usize = 7;

type Rows = Vec<Line<'static>>;

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
    let (queue, parts) = if area.width >= WIDE {
        let [left, right] =
            Layout::horizontal([Constraint::Length(beside(area.width)), Constraint::Fill(1)])
                .areas(area);
        let [queue, progress] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(9)]).areas(left);
        draw_progress(&app.labelling, theme, progress, buf);
        (queue, split(right, 4, 11))
    } else {
        let (queue, label) = if area.height >= 20 { (5, 8) } else { (3, 6) };
        let [queue, rest] =
            Layout::vertical([Constraint::Length(queue), Constraint::Fill(1)]).areas(area);
        (queue, split(rest, 2, label))
    };
    draw_queue(&app.labelling, theme, queue, buf);
    let [head, log, label] = parts;
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
            legend: "cited by Y you, M model",
            by_model: model_citation(&app.labelling),
            changed: Vec::new(),
        };
        alert::draw_log(&view, &item.entry, theme, log, buf);
        draw_label(app, item, theme, label, buf);
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

fn draw_queue(labelling: &Labelling, theme: &Theme, area: Rect, buf: &mut Buffer) {
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
    let rows = shown.filter_map(|&at| Some(row(at, labelling.items().get(at)?, theme, room.width)));
    lines(rows.collect::<Vec<_>>(), room, buf);
    if visible.get(cursor) == Some(&labelling.selected()) {
        select_row(room, (cursor - first) as u16, theme, buf);
    }
}

/// Whose labels, and where the alerts come from; with a filter, what it says and how many it lets through.
fn queue_title(labelling: &Labelling, visible: usize) -> String {
    let (name, all) = (&labelling.annotator, labelling.items().len());
    let origin = match labelling.is_endless() {
        true => format!("generated train alerts of seed {}", labelling.seed()),
        false => format!("{all} imported alerts"),
    };
    if !labelling.is_filtered() {
        return format!("{name}: {origin}");
    }
    let filter = clean(&labelling.filter_text);
    format!("{name}: {filter} ({visible} of {all})")
}

/// What is on disk in few words, on the queue's lower border.
fn draw_counts(labelling: &Labelling, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let counts = labelling.counts();
    let submitted = counts.in_state(State::Submitted);
    let all = match labelling.is_endless() {
        true => String::new(),
        false => format!(" of {}", labelling.items().len()),
    };
    let mut text = format!(" {submitted}{all} submitted");
    if area.width >= 76 {
        let classes = Action::ALL.map(|a| format!("{} {}", short(a), counts.deciding(a)));
        text = format!("{text}: {}", classes.join(" "));
    }
    if let Some(rate) = labelling.rate() {
        text = format!("{text}, {rate:.0}/h");
    }
    let text = cut(
        &format!("{text} "),
        usize::from(area.width).saturating_sub(3),
        "",
    );
    let line = Line::from(span(text, theme.style(Token::Accent)));
    let y = area.bottom().saturating_sub(1);
    buf.set_line(area.x + 2, y, &line, area.width);
}

/// An action where room is short.
const fn short(action: Action) -> &'static str {
    match action {
        Action::Dismiss => "dismiss",
        Action::Monitor => "monitor",
        Action::QuarantineHost => "quarantine",
        Action::BlockIp => "block",
        Action::Escalate => "escalate",
    }
}

/// From this width on a row has its action in words instead of by its digit, from the next on the category too.
const IN_WORDS: u16 = 60;
const WITH_CATEGORY: u16 = 80;

/// Position, state, chosen action, flag, severity, category, alert id, host.
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
    let (id, host) = (rest / 2, rest - rest / 2);
    spans.push(span(
        column(&alert.alert_id, id.saturating_sub(1), cut),
        text,
    ));
    spans.push(span(" ", text));
    spans.push(span(column(&alert.host, host, cut), text));
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

fn draw_progress(labelling: &Labelling, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let room = pane("Progress, as it is on disk", false, theme, area, buf);
    let counts = labelling.counts();
    let states = State::ALL
        .into_iter()
        .filter(|state| *state != State::Pending || !labelling.is_endless());
    let states: Vec<_> = states
        .map(|state| format!("{} {}", counts.in_state(state), state.as_str()))
        .collect();
    let rate = labelling.rate().map_or_else(
        || "after the second label".to_owned(),
        |n| format!("{n:.0} an hour"),
    );
    let others = format!(
        "{} flagged, {} the model's own",
        counts.flagged, counts.accepted
    );
    let width = usize::from(room.width);
    let mut rows: Rows = Vec::new();
    let classes = Action::ALL.map(|a| format!("{} {}", short(a), counts.deciding(a)));
    for (name, text) in [
        ("States", states.join(", ")),
        ("Labels", classes.join(", ")),
        ("Marks", others),
        ("Rate", rate),
    ] {
        rows.extend(paragraph(
            name,
            &text,
            theme.style(Token::Text),
            theme,
            width,
        ));
    }
    lines(rows, room, buf);
}

/// A named text, wrapped beside its name.
fn paragraph(name: &str, text: &str, style: Style, theme: &Theme, width: usize) -> Rows {
    let wrapped = wrap(text, width.saturating_sub(MARGIN)).into_iter();
    let row = |(at, text): (usize, String)| {
        let name = if at == 0 { name } else { "" };
        Line::from(vec![margin(name, theme), span(text, style)])
    };
    wrapped.enumerate().map(row).collect()
}

fn margin(name: &str, theme: &Theme) -> Span<'static> {
    span(column(name, MARGIN, ""), theme.style(Token::Title))
}

fn draw_label(app: &App, item: &Item, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let room = pane(&label_title(item), false, theme, area, buf);
    let width = usize::from(room.width);
    let mut rows = own_rows(app, item, theme, width);
    // The model's answer keeps its place when the rationale is long.
    let model = model_rows(app, item, theme, width);
    let height = usize::from(room.height);
    rows.truncate(height.saturating_sub(model.len().min(height / 2)).max(1));
    rows.extend(model);
    lines(rows, room, buf);
}

/// State, flag, and whether it is on disk.
fn label_title(item: &Item) -> String {
    let state = item.decision.state.as_str();
    let flag = if item.decision.is_flagged {
        ", flagged"
    } else {
        ""
    };
    let disk = match &item.trouble {
        Some(why) => format!("not saved: {}", clean(why)),
        None if item.revision == 0 => "nothing to save".to_owned(),
        None if item.saved < item.revision => "writing".to_owned(),
        None => format!("saved, revision {}", item.saved),
    };
    format!("Your label: {state}{flag}; {disk}")
}

fn own_rows(app: &App, item: &Item, theme: &Theme, width: usize) -> Rows {
    let decision = &item.decision;
    let (text, faint) = (theme.style(Token::Text), theme.style(Token::Faint));
    let cited = match (&decision.cited_log_id, app.labelling.pane) {
        (Some(id), _) => id.clone(),
        (None, _) => "the line under the cursor".to_owned(),
    };
    let own = match decision.action {
        Some(action) => {
            let origin = if decision.is_accepted {
                " (the model's own answer)"
            } else {
                ""
            };
            (
                format!("{action}, citing {cited}{origin}"),
                theme.style(Token::Mark),
            )
        }
        None => (
            "1 dismiss 2 monitor 3 quarantine_host 4 block_ip 5 escalate".to_owned(),
            text,
        ),
    };
    let mut rows = paragraph("You", &own.0, own.1, theme, width);
    let (why, style) = match decision.rationale.as_str() {
        "" => (
            "no rationale yet: e writes one, or Enter asks for it",
            faint,
        ),
        rationale => (rationale, text),
    };
    rows.extend(paragraph("Why", why, style, theme, width));
    if !decision.note.is_empty() {
        rows.extend(paragraph("Note", &decision.note, faint, theme, width));
    }
    rows
}

/// The model's answer, hidden until one's own choice.
fn model_rows(app: &App, item: &Item, theme: &Theme, width: usize) -> Rows {
    let faint = theme.style(Token::Faint);
    let say = |text: &str, style| paragraph("Model", text, style, theme, width);
    if !item.has_chosen() {
        return say("hidden until you have chosen", faint);
    }
    let answer = app.labelling.answer(app.labelling.selected());
    match (answer, &app.queue.model) {
        (
            Some(Answer::Given {
                adapter,
                response,
                verdict,
                ..
            }),
            _,
        ) => {
            let Some(action) = verdict.action else {
                let text = format!("({adapter}) malformed: {}", response.trim_end());
                return say(&text, theme.style(Token::Warn));
            };
            let cited = verdict.cited_log_id.as_deref().unwrap_or("nothing");
            let (sign, token) = match item.decision.action == Some(action) {
                true => ("as you", Token::Accent),
                false => ("not as you", Token::Warn),
            };
            let text = format!("{action}, {sign}, citing {cited} ({adapter})");
            let mut rows = say(&text, theme.style(token));
            let rationale = verdict.rationale.as_deref().unwrap_or_default();
            rows.extend(paragraph("", rationale, faint, theme, width));
            rows
        }
        (Some(Answer::Failed(why)), _) => {
            say(&format!("no answer: {why}"), theme.style(Token::Bad))
        }
        (_, Model::Failed(why)) => say(&format!("no model: {why}"), theme.style(Token::Bad)),
        (_, Model::Absent) => say("none here: a run is only watched", faint),
        (_, Model::Loading) => say("loading the weights; labels need none", faint),
        (Some(Answer::Thinking), _) => say("thinking", faint),
        (None, Model::Ready { .. }) => say("waiting for its turn", faint),
    }
}
