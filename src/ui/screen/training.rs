//! The training screen: what the run is doing, its curves, and a pane of lists.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use crate::link::RunState;
use crate::ui::app::App;
use crate::ui::numbers::clock;
use crate::ui::screen::curves::{self, Sight};
use crate::ui::screen::{panes, state_word};
use crate::ui::theme::{Theme, Token};
use crate::ui::told::Watching;
use crate::ui::watching::{Training, TrainingPane};
use crate::ui::widget::text::{cut_line, lines, pane, span, wrap};

/// From this width on the lists stand beside the curves.
const WIDE: u16 = 110;

/// Draws the screen's body.
pub fn draw(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let Some(run) = app.training.shown() else {
        draw_empty(app, theme, area, buf);
        return;
    };
    let mut failure = failure_rows(run, theme, area);
    failure.extend(sign_rows(run, theme, area));
    let height = 2 + failure.len() as u16;
    let [head, body] =
        Layout::vertical([Constraint::Length(height), Constraint::Fill(1)]).areas(area);
    draw_head(run, failure, theme, head, buf);
    let sight = Sight {
        training: &app.training,
        marks: &app.runs.marks,
        run,
    };
    if app.training.view.is_alone {
        match app.training.pane {
            TrainingPane::Metrics => curves::draw_alone(&sight, theme, body, buf),
            _ => panes::draw(app, run, theme, body, buf),
        }
        return;
    }
    let [charts, list] = if area.width >= WIDE {
        Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(body)
    } else {
        Layout::vertical([Constraint::Fill(1), list_height(&app.training)]).areas(body)
    };
    curves::draw(&sight, theme, charts, buf);
    panes::draw(app, run, theme, list, buf);
}

/// Rollouts need the most room of the lists: a response stands under them.
fn list_height(training: &Training) -> Constraint {
    match training.pane {
        TrainingPane::Rollouts => Constraint::Fill(2),
        _ => Constraint::Fill(1),
    }
}

fn draw_empty(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let room = pane("Training", false, theme, area, buf);
    let text = match app.why_no_run() {
        _ if app.is_read_only => "waiting for the run's first facts".to_owned(),
        Some(why) => why,
        None => "no run yet: t starts one".to_owned(),
    };
    let style = theme.style(Token::Text);
    let rows = wrap(&text, usize::from(room.width)).into_iter();
    lines(rows.map(|l| Line::from(span(l, style))), room, buf);
}

/// Why the run failed, whole: what is to be done stands at its end. The log has what does not fit into a third of the screen.
fn failure_rows(run: &Watching, theme: &Theme, area: Rect) -> Vec<Line<'static>> {
    if run.failure().is_none() {
        return Vec::new();
    }
    let rows = wrap(&run.reason(), usize::from(area.width)).into_iter();
    let style = theme.style(Token::Bad);
    rows.take(usize::from(area.height / 3))
        .map(|l| Line::from(span(l, style)))
        .collect()
}

/// The worst of what is wrong now, whole as far as a fifth of the screen holds it: what to do stands at its end. The log has
/// the rest, and all of a run that has ended: nothing can be done about it any more.
fn sign_rows(run: &Watching, theme: &Theme, area: Rect) -> Vec<Line<'static>> {
    let Some(first) = run.signs().next().filter(|_| !run.has_ended()) else {
        return Vec::new();
    };
    let more = match run.signs().count() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more in the log)"),
    };
    let text = format!("warning{more}: {}", first.text(run.is_in_progress()));
    let rows = wrap(&text, usize::from(area.width)).into_iter();
    let style = theme.style(Token::Warn);
    rows.take(usize::from(area.height / 5).max(1))
        .map(|l| Line::from(span(l, style)))
        .collect()
}

/// State, phase and times in words, then why the run failed, then a gauge over the whole run.
fn draw_head(
    run: &Watching,
    failure: Vec<Line<'static>>,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    // The state is told less often than the steps.
    let told = run.status.as_ref().map_or(0, |status| status.step);
    let (done, total) = (told.max(run.last_step), run.total_steps());
    let width = usize::from(area.width);
    let mut rows = vec![cut_line(state_spans(run, theme), width, theme.glyphs.cut)];
    rows.extend(failure);
    rows.push(gauge(done, total, width, theme));
    lines(rows, area, buf);
}

/// State, phase and times, why it is so, and which run it is: each thing once.
fn state_spans(run: &Watching, theme: &Theme) -> Vec<Span<'static>> {
    if run.is_shipped {
        let what = "the run that made the embedded adapters, read-only";
        return vec![
            span("shipped", theme.style(Token::Accent)),
            span(format!("  {what}"), theme.style(Token::Text)),
        ];
    }
    let mut spans = Vec::new();
    if run.is_opened {
        spans.push(span("opened, read-only ", theme.style(Token::Accent)));
    }
    let token = match run.state() {
        Some(RunState::Failed) => Token::Bad,
        Some(RunState::Paused | RunState::Stopped) => Token::Warn,
        _ if run.is_silent() => Token::Warn,
        _ => Token::Good,
    };
    spans.push(span(state_word(run), theme.style(token)));
    if let Some(status) = run.status.as_ref().filter(|s| !s.phase.is_empty()) {
        // Nobody works on one that has stopped or fallen silent.
        let goes_on = matches!(run.state(), Some(RunState::Running | RunState::Paused));
        let left = status.eta_s.filter(|_| goes_on && !run.is_silent());
        let left = left.map_or_else(String::new, |s| format!(", {} left", clock(s)));
        let times = format!(" {} {}{left}", status.phase, clock(status.elapsed_s));
        spans.push(span(times, theme.style(Token::Text)));
    }
    let why = briefly(&run.reason());
    if run.failure().is_none() && !why.is_empty() {
        spans.push(span(format!("  {why}"), theme.style(Token::Faint)));
    }
    let name = run.name();
    if !name.is_empty() {
        spans.push(span(format!("  {name}"), theme.style(Token::Faint)));
    }
    spans
}

/// What a run in progress says of itself without what its state says already, and without what its memory is needed for.
fn briefly(reason: &str) -> String {
    let Some(needs) = reason.strip_prefix("training, ") else {
        return reason.to_owned();
    };
    let Some((needs, rest)) = needs.split_once(" (") else {
        return needs.to_owned();
    };
    let after = rest.split_once(')').map_or("", |(_, after)| after);
    format!("{needs}{after}")
}

/// A bar of `done` of `total`, with the numbers in words.
fn gauge(done: u64, total: u64, width: usize, theme: &Theme) -> Line<'static> {
    let numbers = format!(" step {done} of {total}");
    let room = width.saturating_sub(24.max(numbers.len()));
    let share = (done as f64 / total.max(1) as f64).clamp(0.0, 1.0);
    let full = (share * room as f64) as usize;
    Line::from(vec![
        span(theme.glyphs.bar.repeat(full), theme.style(Token::Series1)),
        span(
            theme.glyphs.empty_bar.repeat(room - full),
            theme.style(Token::Faint),
        ),
        span(numbers, theme.style(Token::Text)),
    ])
}

#[cfg(test)]
mod tests {
    use super::briefly;

    #[test]
    fn what_a_run_needs_stands_in_few_words() {
        for (reason, wanted) in [
            (
                "training, needs about 0.6 GB (weights 0.0 GB, adapter and optimiser 0.1 GB) of 23.5 GB",
                "needs about 0.6 GB of 23.5 GB",
            ),
            (
                "training, needs about 0.6 GB (weights 0.0 GB)",
                "needs about 0.6 GB",
            ),
            ("training, needs about 0.6 GB", "needs about 0.6 GB"),
            ("training", "training"),
            ("stopped (by request)", "stopped (by request)"),
        ] {
            assert_eq!(briefly(reason), wanted, "{reason}");
        }
    }
}
