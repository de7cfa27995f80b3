//! The bar at the bottom: the keys that apply here, from the key table; and the message above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

use crate::env::schema::Split;
use crate::link::AdapterChoice;
use crate::ui::app::{App, ScreenName};
use crate::ui::keys::{Place, Verb};
use crate::ui::layer::{Layer, LineOf};
use crate::ui::line_edit::LineEdit;
use crate::ui::queue::what_if::{Part, expected};
use crate::ui::theme::{Theme, Token};
use crate::ui::watching::TrainingPane;
use crate::ui::widget::text::{lines, span, wrap_most};
use crate::ui::widget::typed;

/// Lines a message may take.
const MESSAGE_ROWS: usize = 3;

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
    // The last hint needs no space after it.
    let width = usize::from(area.width) + 1;
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
        // One that does not fit makes way for shorter ones behind it.
        if cells(hint) <= room {
            room -= cells(hint);
            push(&mut spans, hint, theme);
        }
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
    let mut useful: Vec<_> = useful.collect();
    // What this pane is for comes first, what is needed seldom last.
    useful.sort_by_key(|(_, _, verb)| rank(app, *verb));
    let word = |(key, hint, verb): (&str, &str, Verb)| {
        let is_paused = app.training.waits_for_resume();
        let continues = app.training.can_continue().is_some();
        let (key, hint) = match (verb, app.layers.last()) {
            // All five stand with their digits in the answers.
            (Verb::ChooseDismiss, _) => ("1-5", hint),
            (Verb::Search, Some(Layer::Help { .. } | Layer::Start { .. })) => (key, hint),
            (Verb::Confirm, Some(Layer::Note { .. } | Layer::Help { .. })) => (key, "keep"),
            (Verb::Confirm, Some(Layer::Line { of, .. })) => match of {
                LineOf::Rationale { submits: true } => (key, "submit"),
                _ => (key, "keep"),
            },
            (Verb::PauseOrResume, _) if is_paused => (key, "resume"),
            (Verb::Search, _) | (Verb::Confirm, Some(Layer::Search { .. })) => {
                (key, search_word(app))
            }
            (Verb::Confirm, Some(Layer::Step { .. })) => (key, "go there"),
            (Verb::Confirm, Some(Layer::Edit { .. })) => (key, "see what if"),
            (Verb::Confirm, Some(Layer::Start { form })) if form.is_typing() => (key, "keep"),
            (Verb::Confirm, Some(Layer::Start { form }))
                if continues && !form.is_changed(&app.config) =>
            {
                (key, "continue the stopped run")
            }
            _ => (key, hint),
        };
        (key.to_owned(), hint.to_owned())
    };
    useful.into_iter().map(word).collect()
}

/// Verbs of the curves that are needed seldom.
const SELDOM: [Verb; 8] = [
    Verb::SkipStage,
    Verb::PinRun,
    Verb::ToggleFollow,
    Verb::ToggleLog,
    Verb::ToggleFit,
    Verb::NextAxis,
    Verb::PanLeft,
    Verb::PanRight,
];

/// Which hints come before others: those of the pane in focus, then all, then those needed seldom.
fn rank(app: &App, verb: Verb) -> u8 {
    if matches!(app.place(), Place::Episodes | Place::Labelling) {
        return rank_of_alerts(verb);
    }
    let is_training = app.place() == Place::Training;
    let is_leafing = is_training && app.training.pane == TrainingPane::Rollouts;
    match verb {
        Verb::PreviousGroup | Verb::NextGroup | Verb::GoToStep if is_leafing => 0,
        _ if is_training && SELDOM.contains(&verb) => 2,
        Verb::GoToStep => 2,
        _ => 1,
    }
}

/// The same where alerts are: what decides and what looks into one, then what goes elsewhere or changes what is shown. The
/// screens stand in the line at the top anyway.
fn rank_of_alerts(verb: Verb) -> u8 {
    match verb {
        Verb::ShowEpisodes | Verb::ShowTraining | Verb::ShowLabelling | Verb::ShowRuns => 3,
        Verb::ShowGroups | Verb::ToggleSplit | Verb::ToggleGenerated => 2,
        Verb::NextAdapter
        | Verb::PreviousAdapter
        | Verb::ToggleBlind
        | Verb::ToggleCompare
        | Verb::LabelAlert
        | Verb::NextPane
        | Verb::Search
        | Verb::Copy
        | Verb::Palette
        | Verb::ShowAgreement
        | Verb::ShowGuidelines => 1,
        _ => 0,
    }
}

fn is_useful(app: &App, verb: Verb) -> bool {
    let queue = &app.queue;
    let is_revealed = queue.current().is_some_and(|e| e.desk.is_revealed);
    let in_progress = app.training.steered().is_ok() && !app.is_read_only;
    let is_leafing = app.training.pane == TrainingPane::Rollouts;
    let has_list = !matches!(
        app.layers.last(),
        Some(
            Layer::Search { .. }
                | Layer::Step { .. }
                | Layer::Note { .. }
                | Layer::Line { .. }
                | Layer::Start { .. }
                | Layer::Edit { .. }
        )
    );
    let is_editing = matches!(app.layers.last(), Some(Layer::Edit { .. }));
    let is_changing =
        matches!(app.layers.last(), Some(Layer::Search { typed, .. }) if !typed.is_empty());
    let has_run = app.runs.current().is_some();
    let has_folder = app.runs.dir().is_some();
    if app.place() == Place::Labelling && !matches!(verb, Verb::ShowLabelling | Verb::Back) {
        return is_useful_labelling(app, verb);
    }
    match verb {
        Verb::Mark | Verb::Submit | Verb::Reveal => !is_revealed,
        Verb::Undo if app.layers.is_empty() => is_revealed,
        Verb::Copy if app.layers.is_empty() => app.screen == ScreenName::Episodes,
        Verb::ToggleCompare => queue.adapters.len() > 1,
        Verb::LabelAlert => queue.split() == Split::Train,
        Verb::EditField | Verb::ShowThreeWay => is_revealed,
        Verb::DropWhatIf => queue.what_if().is_some(),
        Verb::ClearTyped => is_editing || is_changing,
        Verb::AskAgain => queue.adapter() == Some(&AdapterChoice::Live),
        Verb::ShowEpisodes => app.screen != ScreenName::Episodes,
        Verb::ShowTraining => app.screen != ScreenName::Training,
        Verb::ShowRuns => app.screen != ScreenName::Runs,
        Verb::PinRun if app.screen == ScreenName::Training => {
            app.runs.marks.iter().next().is_some()
        }
        Verb::OpenRun | Verb::MarkRun | Verb::PinRun => has_run,
        Verb::ExportRun => has_folder,
        Verb::DeleteRun | Verb::EditNote => has_folder && !app.is_read_only,
        Verb::PreviousGroup | Verb::NextGroup => is_leafing,
        Verb::NextPage | Verb::ToggleSmoothing | Verb::CursorLeft | Verb::ZoomIn => {
            !(app.training.view.is_alone && is_leafing)
        }
        Verb::ShowLabelling => app.screen != ScreenName::Labelling,
        Verb::Down | Verb::Up => has_list,
        Verb::Back => !app.layers.is_empty(),
        Verb::StartTraining => app.why_no_run().is_none(),
        Verb::PauseOrResume | Verb::StopTraining | Verb::SaveCheckpoint | Verb::SkipStage => {
            in_progress
        }
        Verb::NewRun => app.training.can_continue().is_some(),
        Verb::ToggleRun => app.training.has_both(),
        Verb::ZoomAll => app.training.view.is_zoomed(),
        other => other.chosen_action().is_none() || !is_revealed,
    }
}

/// The same on the labelling screen.
fn is_useful_labelling(app: &App, verb: Verb) -> bool {
    let item = app.labelling.current();
    let has_chosen = item.is_some_and(|item| item.has_chosen());
    match verb {
        Verb::AcceptAnswer | Verb::Submit => has_chosen,
        Verb::ChooseDismiss
        | Verb::Mark
        | Verb::EditRationale
        | Verb::SkipAlert
        | Verb::DiscardAlert
        | Verb::FlagAlert
        | Verb::WriteNote => item.is_some(),
        other => other.chosen_action().is_none(),
    }
}

/// What `/` does on this screen.
fn search_word(app: &App) -> &'static str {
    match app.screen {
        ScreenName::Episodes | ScreenName::Labelling | ScreenName::Runs => "filter",
        ScreenName::Training if app.training.filters() => "filter",
        ScreenName::Training => "search",
    }
}

/// Cells that a text is written in at least: where what it is leaves less, that stands above it.
const LEAST_TO_WRITE: usize = 24;

/// The text that is being written in the line of messages, after what it is.
fn written(app: &App) -> Option<(String, &LineEdit)> {
    Some(match app.layers.last()? {
        Layer::Search { typed, .. } => (format!("{}: ", search_word(app)), typed),
        Layer::Note { dir, typed } => (format!("note on {}: ", dir.id()), typed),
        Layer::Line { of, typed } => {
            let what = match of {
                LineOf::Rationale { .. } => "rationale: ",
                LineOf::NoteOnAlert => "note: ",
            };
            (what.to_owned(), typed)
        }
        Layer::Edit { part, typed } => (edited(app, part), typed),
        Layer::Step { typed } => ("step: ".to_owned(), typed),
        _ => return None,
    })
}

/// What is edited, and what it has to be.
fn edited(app: &App, part: &Part) -> String {
    let shown = app.queue.shown();
    let event = shown.and_then(|entry| entry.episode.log_window.get(app.queue.line));
    event.map_or_else(String::new, |event| {
        let (id, form) = (&event.log_id, expected(event, part));
        format!("what if {id} {} were ({form}): ", part.name())
    })
}

/// The rows of a text that is being written, and what is said of it.
fn written_rows(app: &App, theme: &Theme, width: usize) -> Option<Vec<Line<'static>>> {
    let (what, written) = written(app)?;
    let style = theme.style(Token::Accent);
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut row = vec![span(" ", style)];
    let mut room = width;
    if what.width() + LEAST_TO_WRITE > width {
        let above = wrap_most(&what, width, MESSAGE_ROWS - 1, theme.glyphs.cut).into_iter();
        rows.extend(above.map(|text| Line::from(span(format!(" {text}"), style))));
    } else {
        room = width.saturating_sub(what.width());
        row.push(span(what, style));
    }
    row.extend(typed::spans(written, room, style, theme));
    let mut row = Line::from(row);
    let mut below = Vec::new();
    if let Some(toast) = &app.toast {
        let style = theme.style(if toast.is_bad {
            Token::Bad
        } else {
            Token::Accent
        });
        let said = format!(" ({})", toast.text);
        if row.width() + said.width() <= width {
            row.push_span(span(said, style));
        } else {
            let wrapped = wrap_most(said.trim(), width, MESSAGE_ROWS, theme.glyphs.cut);
            let wrapped = wrapped.into_iter();
            below.extend(wrapped.map(|text| Line::from(span(format!(" {text}"), style))));
        }
    }
    rows.push(row);
    rows.extend(below);
    Some(rows)
}

/// The rows of a message: as many as it needs, three at most.
fn message_rows(app: &App, theme: &Theme, width: usize) -> Option<Vec<Line<'static>>> {
    let toast = app.toast.as_ref()?;
    let (text, token) = match toast.is_bad {
        true => (
            format!("{} error: {}", theme.glyphs.wrong, toast.text),
            Token::Bad,
        ),
        false => (toast.text.clone(), Token::Accent),
    };
    let rows = wrap_most(&text, width, MESSAGE_ROWS, theme.glyphs.cut).into_iter();
    let style = theme.style(token);
    let row = |text: String| Line::from(span(format!(" {text}"), style));
    Some(rows.map(row).collect())
}

/// Draws the text that is being written, or the message, over the last lines of the screen's body.
pub fn draw_toast(app: &App, theme: &Theme, body: Rect, buf: &mut Buffer) {
    let width = usize::from(body.width.saturating_sub(1));
    let written = written_rows(app, theme, width);
    let Some(rows) = written.or_else(|| message_rows(app, theme, width)) else {
        return;
    };
    let height = (rows.len() as u16).min(body.height);
    let area = Rect {
        y: body.bottom() - height,
        height,
        ..body
    };
    Clear.render(area, buf);
    lines(rows, area, buf);
}
