//! The bar at the bottom: the keys that apply here, from the key table; and the message above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use crate::link::AdapterChoice;
use crate::ui::app::{App, ScreenName};
use crate::ui::keys::{Place, Verb};
use crate::ui::layer::{Layer, LineOf};
use crate::ui::queue::what_if::{Part, expected};
use crate::ui::theme::{Theme, Token};
use crate::ui::watching::TrainingPane;
use crate::ui::widget::text::{cut, lines, span, tail, wrap};

/// Lines an error may take.
const ERROR_ROWS: usize = 3;

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
    let is_training = app.place() == Place::Training;
    let is_leafing = is_training && app.training.pane == TrainingPane::Rollouts;
    match verb {
        Verb::PreviousGroup | Verb::NextGroup | Verb::GoToStep if is_leafing => 0,
        _ if is_training && SELDOM.contains(&verb) => 2,
        Verb::GoToStep => 2,
        _ => 1,
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
        Verb::Undo => is_revealed,
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

/// The last `room` characters: where one types.
fn end_of(typed: &str, room: usize) -> String {
    let skipped = typed.chars().count().saturating_sub(room);
    typed.chars().skip(skipped).collect()
}

/// What is edited, what it has to be, what is typed, and what is wrong with it.
fn edit_line(app: &App, part: &Part, typed: &str, body: Rect) -> String {
    let shown = app.queue.shown();
    let event = shown.and_then(|entry| entry.episode.log_window.get(app.queue.line));
    let head = event.map_or_else(String::new, |event| {
        let (id, form) = (&event.log_id, expected(event, part));
        format!("what if {id} {} were ({form}): ", part.name())
    });
    let wrong = wrong(app);
    format!("{head}{}_{wrong}", tail(typed, usize::from(body.width) - 4))
}

/// What is wrong with the text that is typed.
fn wrong(app: &App) -> String {
    let wrong = app.toast.as_ref().filter(|toast| toast.is_bad);
    wrong.map_or_else(String::new, |toast| format!(" ({})", toast.text))
}

/// The line that is being typed, after what it is, and what is wrong with it.
fn typed_line(app: &App, body: Rect) -> Option<String> {
    let wrong = wrong(app);
    let room = |head: &str| {
        let used = head.chars().count() + wrong.chars().count();
        usize::from(body.width).saturating_sub(used + 3)
    };
    Some(match app.layers.last()? {
        Layer::Search { typed, .. } => format!("{}: {typed}_{wrong}", search_word(app)),
        Layer::Note { dir, typed } => {
            let head = format!("note on {}: ", dir.id());
            format!("{head}{}_{wrong}", end_of(typed, room(&head)))
        }
        Layer::Line { of, typed } => {
            let head = match of {
                LineOf::Rationale { .. } => "rationale: ",
                LineOf::NoteOnAlert => "note: ",
            };
            format!("{head}{}_{wrong}", tail(typed, room(head)))
        }
        Layer::Edit { part, typed } => edit_line(app, part, typed, body),
        Layer::Step { typed } => format!("step: {typed}_"),
        _ => return None,
    })
}

/// Draws the message over the last lines of the screen's body: an error over as many as it needs, three at most.
pub fn draw_toast(app: &App, theme: &Theme, body: Rect, buf: &mut Buffer) {
    let (text, token) = match (&app.toast, typed_line(app, body)) {
        (_, Some(line)) => (line, Token::Accent),
        (Some(toast), None) if toast.is_bad => (
            format!("{} error: {}", theme.glyphs.wrong, toast.text),
            Token::Bad,
        ),
        (Some(toast), None) => (toast.text.clone(), Token::Accent),
        (None, None) => return,
    };
    let width = usize::from(body.width.saturating_sub(1));
    let is_edit = matches!(
        app.layers.last(),
        Some(Layer::Edit { .. } | Layer::Search { .. })
    );
    let mut rows = if token == Token::Bad || is_edit {
        wrap(&text, width)
    } else {
        vec![cut(&text, width, theme.glyphs.cut)]
    };
    if rows.len() > ERROR_ROWS {
        let rest = rows.split_off(ERROR_ROWS - 1).concat();
        rows.push(cut(&rest, width, theme.glyphs.cut));
    }
    let height = (rows.len() as u16).min(body.height);
    let area = Rect {
        y: body.bottom() - height,
        height,
        ..body
    };
    Clear.render(area, buf);
    let style = theme.style(token);
    let row = |text: String| Line::from(span(format!(" {text}"), style));
    lines(rows.into_iter().map(row), area, buf);
}
