//! The bar at the bottom: the keys that apply here, from the key table; and the message above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::link::RunState;
use crate::ui::app::App;
use crate::ui::keys::{Place, Verb};
use crate::ui::theme::{Theme, Token};
use crate::ui::widget::text::{cut, span};

/// Draws the hints bar into one line.
pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let hints = if app.pending.is_empty() {
        here(app)
    } else {
        let next = app.keymap.next_keys(app.place(), &app.pending);
        let own =
            |(key, help): (String, &str)| (key, help.split(':').next().unwrap_or(help).to_owned());
        next.into_iter().map(own).collect()
    };
    let width = usize::from(area.width);
    let tail = if app.pending.is_empty() && app.layers.is_empty() {
        vec![
            ("?".to_owned(), "help".to_owned()),
            ("q".to_owned(), "quit".to_owned()),
        ]
    } else {
        Vec::new()
    };
    let cells = |(key, hint): &(String, String)| key.chars().count() + hint.chars().count() + 3;
    let mut room = width.saturating_sub(tail.iter().map(cells).sum());
    let mut spans: Vec<Span<'static>> = Vec::new();
    for hint in hints.iter().filter(|hint| !tail.contains(hint)) {
        if cells(hint) > room {
            break;
        }
        room -= cells(hint);
        push(&mut spans, hint, theme);
    }
    tail.iter().for_each(|hint| push(&mut spans, hint, theme));
    buf.set_line(area.x, area.y, &Line::from(spans), area.width);
}

fn push(spans: &mut Vec<Span<'static>>, (key, hint): &(String, String), theme: &Theme) {
    spans.push(span(format!(" {key}"), theme.style(Token::Key)));
    spans.push(span(format!(" {hint} "), theme.style(Token::Text)));
}

/// Keys with hints that would do something now.
fn here(app: &App) -> Vec<(String, String)> {
    let hints = app.keymap.hints(app.place());
    let useful = hints.filter(|(_, _, verb)| is_useful(app, *verb));
    let word = |(key, hint, verb): (&str, &str, Verb)| {
        let is_paused = app.training.live().and_then(|run| run.state()) == Some(RunState::Paused);
        let hint = match verb {
            Verb::PauseOrResume if is_paused => "resume",
            _ => hint,
        };
        (key.to_owned(), hint.to_owned())
    };
    useful.map(word).collect()
}

fn is_useful(app: &App, verb: Verb) -> bool {
    let is_revealed = app.queue.current().is_some_and(|e| e.desk.is_revealed);
    let in_progress = app.training.is_in_progress() && !app.is_read_only;
    match verb {
        Verb::Mark | Verb::Submit | Verb::Reveal => !is_revealed,
        Verb::NextMismatch => is_revealed,
        Verb::Back => !app.layers.is_empty(),
        Verb::StartTraining => !in_progress && !app.is_read_only,
        Verb::PauseOrResume | Verb::StopTraining | Verb::SaveCheckpoint => in_progress,
        Verb::ContinueRun => app.training.can_continue().is_some(),
        Verb::ToggleRun => app.training.live().is_some(),
        other => other.chosen_action().is_none() || !is_revealed,
    }
}

/// Draws the message over the last line of the screen's body.
pub fn draw_toast(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let text = match (&app.toast, app.layers.last(), app.place()) {
        (_, Some(crate::ui::layer::Layer::Search { typed }), Place::Entry) => {
            (format!(" search: {typed}_"), Token::Accent)
        }
        (Some(toast), _, _) if toast.is_bad => (
            format!(" {} error: {}", theme.glyphs.wrong, toast.text),
            Token::Bad,
        ),
        (Some(toast), _, _) => (format!(" {}", toast.text), Token::Accent),
        _ => return,
    };
    Clear.render(area, buf);
    let shown = cut(&text.0, usize::from(area.width), theme.glyphs.cut);
    buf.set_line(
        area.x,
        area.y,
        &Line::from(span(shown, theme.style(text.1))),
        area.width,
    );
}
