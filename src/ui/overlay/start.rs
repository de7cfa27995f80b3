//! The form before a run: what it starts, what that needs, and every setting with what the preset says where that differs.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::config::Plan;
use crate::label::State;
use crate::link::FitRequest;
use crate::ui::app::App;
use crate::ui::line_edit::LineEdit;
use crate::ui::overlay::dialog::open;
use crate::ui::queue::Model;
use crate::ui::screen::state_word;
use crate::ui::starting::{EXTRA, Fitted, Form, Mode, Setting};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{
    column, cut, cut_middle, lines, more, page_of, select_row, span, wrap,
};
use crate::ui::widget::typed;

/// Cells of a key.
const KEY_WIDTH: usize = 33;

/// Lines below the list: what the setting under the cursor is, and what it takes.
const FOOT: u16 = 2;

/// Draws the form.
pub fn draw(app: &App, form: &Form, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let size = (100.min(area.width), area.height);
    let width = usize::from(size.0.saturating_sub(2));
    let settings = form.settings(&app.config);
    let mut head = head(app, form, theme, width);
    head.truncate(usize::from(size.1 / 3));
    let height = usize::from(size.1.saturating_sub(3 + FOOT)).saturating_sub(head.len());
    let first = page_of(form.cursor, height);
    let title = format!(
        "Start training?{}",
        more(first, settings.len(), height, theme)
    );
    let room = open(&title, size, theme, area, buf);
    let [above, filter, list, below] = Layout::vertical([
        Constraint::Length(head.len() as u16),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(FOOT),
    ])
    .areas(room);
    lines(head, above, buf);
    lines([filter_row(form, theme, width)], filter, buf);
    let rows = settings.iter().enumerate().skip(first);
    let preset = form.preset(&app.config).as_str();
    let row = |(at, setting): (usize, &Setting)| {
        let written = match &form.mode {
            Mode::Editing { typed } if at == form.cursor => Some(typed),
            _ => None,
        };
        setting_row(setting, written, preset, theme, width)
    };
    lines(rows.map(row), list, buf);
    if !settings.is_empty() && list.height > 0 {
        select_row(list, (form.cursor - first) as u16, theme, buf);
    }
    let under_cursor = settings.get(form.cursor);
    lines(foot(app, under_cursor, theme, width), below, buf);
}

/// What Enter does, what is trained, and what that needs.
fn head(app: &App, form: &Form, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let request = form.request(&app.config);
    let fitted = app.fitted.as_ref();
    let fitted = fitted.filter(|fitted| fitted.request == request);
    let labelled = fitted.and_then(|fitted| fitted.labels.clone().ok());
    let keys = match (app.training.can_continue(), form.is_changed(&app.config)) {
        (Some(run), false) => format!(
            "Enter continues {}, {} at step {}, from its last checkpoint, with its own settings; n starts a new run with those below; e changes one; Esc leaves this.",
            run.name(),
            state_word(run),
            run.last_step
        ),
        (Some(run), true) => format!(
            "Enter starts a new run with the settings below; c continues {} with its own; Esc leaves this.",
            run.name()
        ),
        (None, _) => {
            "Enter starts; e changes a setting, d takes the preset's; Esc leaves this.".to_owned()
        }
    };
    let continued = app.training.can_continue();
    let continued = continued.filter(|_| !form.is_changed(&app.config));
    let steps = match continued {
        Some(run) => format!(
            "{} of its {} optimiser steps are done: {}",
            run.last_step,
            run.total_steps(),
            phases(&run.plan)
        ),
        None => {
            let plan = request.config.plan(labelled.unwrap_or(0));
            format!(
                "{} optimiser steps in this process: {}",
                plan.total_steps(),
                phases(&plan)
            )
        }
    };
    let (needs, token) = needs(app, fitted);
    let needs = match continued {
        Some(_) => format!("a new run: {needs}"),
        None => needs,
    };
    let said = [(keys, Token::Text), (steps, Token::Text), (needs, token)];
    let wrapped = said
        .into_iter()
        .chain(labels(fitted, &request))
        .flat_map(|(text, token)| {
            let rows = wrap(&text, width).into_iter();
            rows.map(move |row| Line::from(span(row, theme.style(token))))
        });
    wrapped.collect()
}

/// The phases of a plan with their steps.
fn phases(plan: &Plan) -> String {
    let phases = plan.phases.iter();
    let phases: Vec<_> = phases.map(|p| format!("{} {}", p.name, p.steps)).collect();
    phases.join(", ")
}

/// Memory and device, as far as they are known for just this configuration.
fn needs(app: &App, fitted: Option<&Fitted>) -> (String, Token) {
    match fitted {
        Some(fitted) => {
            let token = if fitted.fits {
                Token::Faint
            } else {
                Token::Warn
            };
            (fitted.told.clone(), token)
        }
        _ if matches!(app.queue.model, Model::Ready { .. }) => {
            ("memory and device: asking".to_owned(), Token::Faint)
        }
        _ => (
            "memory and device: known once the weights are loaded".to_owned(),
            Token::Faint,
        ),
    }
}

/// How many labelled examples are learned from, or why none are; nothing where none are asked for.
fn labels(fitted: Option<&Fitted>, request: &FitRequest) -> Option<(String, Token)> {
    let file = request.sft_extra.as_ref()?.display();
    match &fitted?.labels {
        Ok(1) => Some((format!("1 labelled example of {file}"), Token::Faint)),
        Ok(count) => Some((format!("{count} labelled examples of {file}"), Token::Faint)),
        Err(why) => Some((why.clone(), Token::Bad)),
    }
}

fn filter_row(form: &Form, theme: &Theme, width: usize) -> Line<'static> {
    let style = theme.style(Token::Accent);
    if form.mode == Mode::Filtering {
        let written = typed::spans(&form.filter, width.saturating_sub(2), style, theme);
        return Line::from_iter(std::iter::once(span("/ ", style)).chain(written));
    }
    let text = match &*form.filter {
        "" => String::new(),
        filter => format!("/ {filter}"),
    };
    Line::from(span(text, style))
}

/// Key and value, or what is being typed; where the preset says something else, that too.
fn setting_row(
    setting: &Setting,
    written: Option<&LineEdit>,
    preset: &str,
    theme: &Theme,
    width: usize,
) -> Line<'static> {
    let mark = if setting.of_preset.is_some() {
        "* "
    } else {
        "  "
    };
    let key = column(setting.key, KEY_WIDTH, theme.glyphs.cut);
    let room = width.saturating_sub(KEY_WIDTH + 3);
    let mut spans = vec![
        span(mark, theme.style(Token::Mark)),
        span(format!("{key} "), theme.style(Token::Faint)),
    ];
    if let Some(written) = written {
        let style = theme.style(Token::Accent);
        spans.extend(typed::spans(written, room, style, theme));
        return Line::from(spans);
    }
    let (text, token) = match &setting.of_preset {
        // No preset names a file: what it is takes all the room.
        Some(_) if setting.key == EXTRA => (setting.value.clone(), Token::Mark),
        Some(of_preset) => (
            format!("{} ({preset}: {of_preset})", setting.value),
            Token::Mark,
        ),
        None => (setting.value.clone(), Token::Text),
    };
    let text = match setting.key {
        // The name of a file stands at its end.
        EXTRA => cut_middle(&text, room, theme.glyphs.cut),
        _ => cut(&text, room, theme.glyphs.cut),
    };
    spans.push(span(text, theme.style(token)));
    Line::from(spans)
}

/// How many of the annotator's labels an export would hold, once they are read.
fn own_labels(app: &App) -> String {
    let labelling = &app.labelling;
    let labels = labelling.labels().of(&labelling.annotator);
    match labels
        .filter(|label| label.decision.state == State::Submitted)
        .count()
    {
        0 => String::new(),
        count => format!("; {count} of yours"),
    }
}

/// What the setting is, and what it takes.
fn foot(app: &App, setting: Option<&Setting>, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let said = match setting {
        Some(setting) if setting.key == EXTRA => [
            format!("{}: {}{}", setting.key, setting.about, own_labels(app)),
            format!("takes {}", setting.allowed),
        ],
        Some(setting) => [
            format!("{}: {}", setting.key, setting.about),
            format!("takes {}", setting.allowed),
        ],
        None => [
            "no setting holds these words; Esc takes the filter off".to_owned(),
            String::new(),
        ],
    };
    let row = |text: String| {
        let text = cut(&text, width, theme.glyphs.cut);
        Line::from(span(text, theme.style(Token::Faint)))
    };
    said.into_iter().map(row).collect()
}
