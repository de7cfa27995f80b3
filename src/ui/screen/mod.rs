//! The screens: drawing only, from a borrowed [`App`].

pub mod adapters;
mod alert;
mod answer;
mod attacks;
mod columns;
mod compare;
mod curves;
pub mod detail;
mod episodes;
pub(super) mod evaluations;
pub mod groups;
mod inside;
mod labelling;
mod own_label;
mod panes;
pub(super) mod rollouts;
mod runs;
mod spoken;
mod sureness;
pub mod three_way;
mod training;
mod what_if;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::link::RunState;
use crate::ui::app::{App, MIN_SIZE, ScreenName};
use crate::ui::overlay::{dialog, hints};
use crate::ui::queue::{Model, adapter_name};
use crate::ui::spots::Spot;
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::widget::text::{cut, span};

/// Draws everything.
pub fn draw(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    draw_in(app, theme, area, frame.buffer_mut());
}

fn draw_in(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    app.spots.clear();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        dialog::draw_too_small(app, theme, area, buf);
        return;
    }
    let row = |y| Rect {
        y,
        height: 1,
        ..area
    };
    let body = Rect {
        y: area.y + 1,
        height: area.height - 2,
        ..area
    };
    draw_title(app, theme, row(area.y), buf);
    match app.screen {
        ScreenName::Episodes => episodes::draw(app, theme, body, buf),
        ScreenName::Training => training::draw(app, theme, body, buf),
        ScreenName::Runs => runs::draw(app, theme, body, buf),
        ScreenName::Labelling => labelling::draw(app, theme, body, buf),
    }
    for layer in &app.layers {
        dialog::draw(app, layer, theme, body, buf);
    }
    hints::draw_toast(app, theme, body, buf);
    hints::draw(app, theme, row(area.bottom() - 1), buf);
}

/// The line at the top: screens, model, what the run is doing.
fn draw_title(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let tab = |name: &str, screen| {
        if app.screen == screen {
            span(format!("[{name}]"), theme.style(Token::Focus))
        } else {
            span(format!(" {name} "), theme.style(Token::Faint))
        }
    };
    let tabs = vec![
        span(" OpenSOC ", theme.style(Token::Title)),
        tab("F1 Episodes", ScreenName::Episodes),
        tab("F2 Training", ScreenName::Training),
        tab("F3 Labelling", ScreenName::Labelling),
        tab("F4 Runs", ScreenName::Runs),
    ];
    let screens = [None].into_iter().chain(ScreenName::ALL.map(Some));
    let mut x = area.x;
    for (tab, screen) in tabs.iter().zip(screens) {
        let width = tab.width() as u16;
        if let Some(screen) = screen {
            app.spots
                .note(Rect { x, width, ..area }, Spot::Screen(screen));
        }
        x += width;
    }
    let line = Line::from(tabs);
    let used = line.width() as u16;
    buf.set_line(area.x, area.y, &line, area.width);
    let room = usize::from(area.width.saturating_sub(used + 2));
    let statuses = statuses(app);
    let fits = |status: &&String| status.chars().count() <= room;
    let shortest = statuses.last().map_or("", String::as_str);
    let status = statuses.iter().find(fits).map_or(shortest, String::as_str);
    let status = cut(status, room, theme.glyphs.cut);
    let is_bad = matches!(app.queue.model, Model::Failed(_)) || app.training.failure().is_some();
    let token = if is_bad { Token::Bad } else { Token::Text };
    let line = Line::from(span(status, theme.style(token)));
    let x = area.right().saturating_sub(line.width() as u16 + 1);
    buf.set_line(x, area.y, &line, area.width);
}

/// What answers and what the run does, from the longest to the shortest: the run's state stands in all.
fn statuses(app: &App) -> Vec<String> {
    let (model, size) = match &app.queue.model {
        Model::Loading => ("loading the model".to_owned(), String::new()),
        Model::Ready { name, parameters } => (name.clone(), format!(" {}", count(*parameters))),
        Model::Failed(_) => ("no model".to_owned(), String::new()),
        Model::Absent => ("watching".to_owned(), String::new()),
    };
    let adapter = app.queue.adapter().map(adapter_name).unwrap_or_default();
    let plus = if adapter.is_empty() { "" } else { " + " };
    let run = app.training.live().filter(|run| !run.is_shipped);
    let run = run.map_or_else(String::new, |run| {
        let told = run.status.as_ref().map_or(0, |status| status.step);
        // What is told of steps may be ahead of what is told of the run.
        let step = told.max(run.last_step);
        let word = state_word(run);
        match run.total_steps() {
            0 => format!(" {word}"),
            total => format!(" {word} {step}/{total}"),
        }
    });
    let short = if run.is_empty() { &model } else { &run };
    let all = [
        format!("{model}{size}{plus}{adapter}{run}"),
        format!("{model}{plus}{adapter}{run}"),
        format!("{adapter}{run}"),
        short.clone(),
    ];
    let said = all.iter().map(|status| status.trim().to_owned());
    said.filter(|status| !status.is_empty()).collect()
}

/// What the state of a run is called.
pub(super) fn state_word(run: &Watching) -> &'static str {
    match run.state() {
        _ if run.is_silent() => "silent",
        None => "starting",
        Some(RunState::Running) => "training",
        Some(RunState::Paused) => "paused",
        Some(RunState::Stopped) => "stopped",
        Some(RunState::Finished) => "finished",
        Some(RunState::Failed) if run.has_crashed => "crashed",
        Some(RunState::Failed) => "failed",
    }
}

/// A count of weights in few letters.
fn count(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{}k", n / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{:.1}B", n as f64 / 1e9),
    }
}
