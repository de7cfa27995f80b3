//! What is told of the run under the cursor: state, note, what it was made with, how well it did, and where it differs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::token;
use crate::run::compare::Difference;
use crate::run::summary::{Standing, Summary};
use crate::ui::app::App;
use crate::ui::runs::RunsPane;
use crate::ui::theme::{Theme, Token};
use crate::ui::told::trouble::{Reader, in_keys};
use crate::ui::widget::text::{column, lines, more, pane, span, wrap};

/// Draws what is told of the run under the cursor.
pub(super) fn draw_details(app: &App, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let runs = &app.runs;
    let rows = detail_rows(app, theme, usize::from(area.width.saturating_sub(2)));
    let height = usize::from(area.height.saturating_sub(2));
    let first = runs.details_scroll.page(rows.len(), height);
    let title = format!("Run{}", more(first, rows.len(), height, theme));
    let is_focused = runs.pane == RunsPane::Details;
    let room = pane(&title, is_focused, theme, area, buf);
    lines(rows.into_iter().skip(first), room, buf);
}

/// State, phase and why it is so, with what continues the run from here.
fn state_text(app: &App, run: &Summary) -> String {
    let phase = match run.phase.as_str() {
        "" => String::new(),
        phase => format!(" in {phase}"),
    };
    let reader = match app.is_read_only {
        true => Reader::Watch,
        false => Reader::Runs,
    };
    let reason = match in_keys(&run.reason, run.run_dir.as_deref(), reader) {
        reason if reason.is_empty() => reason,
        reason => format!(": {reason}"),
    };
    format!("{}{phase}{reason}", run.standing.as_str())
}

/// Digits of a SHA-256 that tell one file from another at a glance.
const DIGITS: usize = 8;

/// Model, seed, time, and what it was fed; of the model's files its weights alone.
fn made(run: &Summary) -> String {
    let fed = run.fed.iter().filter(|(name, _)| !name.contains('.'));
    let fed = fed.map(|(name, value)| {
        let start: String = value.chars().take(DIGITS).collect();
        format!(", {name} {start}")
    });
    let fed: String = fed.collect();
    format!("{}, seed {}, {}{fed}", run.model, run.seed, run.created)
}

/// The best reward on hold-out episodes and that of the last evaluation, each with how many episodes there were: the best is
/// found on those that all evaluations have, and the last may be of more.
fn rewards(run: &Summary) -> String {
    let of = |reward: f64, episodes: u64| format!("{reward:+.3} (n={episodes})");
    let (Some(best), Some(episodes)) = (run.best_mean_reward, run.best_episodes) else {
        return "not evaluated yet".to_owned();
    };
    let last = run.last.map(|last| {
        let reward = of(last.reward, last.episodes);
        format!(", last {reward} at step {}", last.step)
    });
    format!("best {}{}", of(best, episodes), last.unwrap_or_default())
}

fn detail_rows(app: &App, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let runs = &app.runs;
    let mut rows = Vec::new();
    let mut say = |name: &str, text: &str, token: Token| {
        for (at, line) in wrap(text, width.saturating_sub(9)).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            rows.push(Line::from(vec![
                span(format!("{name:<9}"), theme.style(Token::Faint)),
                span(line, theme.style(token)),
            ]));
        }
    };
    if let Some(run) = runs.current() {
        say("state", &state_text(app, run), token(run.standing));
        let note = match run.note.as_str() {
            "" if run.is_shipped() => "none, and none can be written",
            "" => "none; e writes one",
            note => note,
        };
        say("note", note, Token::Accent);
        if run.standing != Standing::Broken {
            say("made", &made(run), Token::Text);
            say("reward", &rewards(run), Token::Text);
        }
        if let Some(ended) = &run.ended_early {
            say("early", &format!("ended by request: {ended}"), Token::Warn);
        }
        let folder = match &run.run_dir {
            Some(dir) => dir.display().to_string(),
            None => {
                "none, it is in the program: the run that made the embedded adapters".to_owned()
            }
        };
        say("folder", &folder, Token::Text);
    }
    if let Some((other, differences)) = runs.compared() {
        diff_rows(&other, &differences, theme, width, &mut rows);
    }
    rows
}

/// Key, value of the run under the cursor, value of the other.
fn diff_rows(
    other: &str,
    differences: &[Difference],
    theme: &Theme,
    width: usize,
    rows: &mut Vec<Line<'static>>,
) {
    let faint = theme.style(Token::Faint);
    let text = match differences.len() {
        0 => format!("configured as {other}"),
        1 => format!("1 value unlike {other} (here, there):"),
        count => format!("{count} values unlike {other} (here, there):"),
    };
    rows.extend(
        wrap(&text, width)
            .into_iter()
            .map(|l| Line::from(span(l, faint))),
    );
    let half = width.saturating_sub(30) / 2;
    let said = |value: &str| if value.is_empty() { "-" } else { value }.to_owned();
    let cut = theme.glyphs.cut;
    for difference in differences {
        rows.push(Line::from(vec![
            span(
                format!(" {}", column(&difference.key, 28, cut)),
                theme.style(Token::Key),
            ),
            span(
                column(&said(&difference.this), half, cut),
                theme.style(Token::Text),
            ),
            span(
                format!(" {}", column(&said(&difference.other), half, cut)),
                faint,
            ),
        ]));
    }
}
