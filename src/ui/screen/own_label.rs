//! One's own label of an alert, and the model's answer below it once that may be seen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::gate::clean;
use crate::ui::app::App;
use crate::ui::labelling::Item;
use crate::ui::queue::{Answer, Model};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{column, lines, pane, span, wrap};

/// Cells before what a row of the label says.
const MARGIN: usize = 7;

pub type Rows = Vec<Line<'static>>;

/// A named text, wrapped beside its name.
pub fn paragraph(name: &str, text: &str, style: Style, theme: &Theme, width: usize) -> Rows {
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

/// Draws the pane.
pub fn draw(app: &App, item: &Item, theme: &Theme, area: Rect, buf: &mut Buffer) {
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
