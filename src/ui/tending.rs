//! What keys do on the runs screen, and what follows when an errand is done.

use crate::link::{RunFact, Status};
use crate::run::RunDir;
use crate::ui::app::{App, ScreenName};
use crate::ui::editing;
use crate::ui::errand::{Errand, Report};
use crate::ui::gate;
use crate::ui::keys::Verb;
use crate::ui::layer::{Layer, SEVERAL_LINES};
use crate::ui::marks::{MARKS, Marking};
use crate::ui::msg::Effect;
use crate::ui::pace::Urgency;
use crate::ui::perform::HALF_PAGE;
use crate::ui::runs::RunsPane;

/// Does what a verb says on the runs screen.
pub fn perform(app: &mut App, verb: Verb) -> Vec<Effect> {
    let runs = &mut app.runs;
    if runs.pane == RunsPane::Details && runs.details_scroll.follow(verb) {
        return Vec::new();
    }
    match verb {
        Verb::Down => runs.step(1),
        Verb::Up => runs.step(-1),
        Verb::HalfDown => runs.step(HALF_PAGE),
        Verb::HalfUp => runs.step(-HALF_PAGE),
        Verb::Top => runs.step(isize::MIN),
        Verb::Bottom => runs.step(isize::MAX),
        Verb::NextPane | Verb::PreviousPane => runs.step_pane(),
        Verb::ListRuns => return look(),
        Verb::MarkRun
        | Verb::PinRun
        | Verb::OpenRun
        | Verb::DeleteRun
        | Verb::EditNote
        | Verb::OpenEditor
        | Verb::ExportRun => {
            return tend(app, verb);
        }
        _ => {}
    }
    Vec::new()
}

/// Looks which runs there are.
#[must_use]
pub fn look() -> Vec<Effect> {
    vec![Effect::Errand(Errand::List)]
}

/// What needs a run under the cursor.
fn tend(app: &mut App, verb: Verb) -> Vec<Effect> {
    let Some((run, dir)) = app.runs.current().zip(app.runs.dir()) else {
        app.say("there is no run here");
        return Vec::new();
    };
    match verb {
        Verb::OpenRun => return open(app, dir),
        Verb::ExportRun => return vec![Effect::Errand(Errand::Export(dir))],
        Verb::OpenEditor => {
            let note = run.note.clone();
            return editing::open_run_note(app, dir, &note);
        }
        Verb::EditNote if run.note.contains('\n') => app.say(SEVERAL_LINES),
        Verb::EditNote => {
            let typed = run.note.clone();
            app.layers.push(Layer::Note { dir, typed });
        }
        Verb::DeleteRun if app.is_read_only => {
            app.say("only watching: a run is deleted from the workbench");
        }
        Verb::DeleteRun if run.standing.is_alive() => {
            app.say("a process works on this run: stop it first, then delete it");
        }
        Verb::DeleteRun => app.layers.push(Layer::Delete { dir }),
        Verb::PinRun => return pin(app),
        _ => return mark(app),
    }
    Vec::new()
}

/// Marks the run under the cursor, whose curves are then to be read, or takes its mark off.
fn mark(app: &mut App) -> Vec<Effect> {
    match (app.runs.toggle_mark(), app.runs.dir()) {
        (Some(Marking::Marked), Some(dir)) => return vec![Effect::Errand(Errand::Overlay(dir))],
        (Some(Marking::Full), _) => {
            app.say(format!(
                "{MARKS} runs are marked already; Space on one of them takes its mark off"
            ));
        }
        _ => {}
    }
    Vec::new()
}

/// Makes the run under the cursor the baseline, marked if it was not; or no longer.
fn pin(app: &mut App) -> Vec<Effect> {
    let Some(run_id) = app.runs.current().map(|run| run.run_id.clone()) else {
        return Vec::new();
    };
    let effects = match app.runs.marks.of(&run_id) {
        Some(_) => Vec::new(),
        None => mark(app),
    };
    // Without a mark there is no baseline either, and why is said already.
    if app.runs.marks.of(&run_id).is_some() {
        app.runs.marks.pin(&run_id);
        say_baseline(app);
    }
    effects
}

/// Says which run values are held against now.
pub fn say_baseline(app: &mut App) {
    let baseline = app.runs.marks.baseline();
    let text = baseline.map_or_else(
        || "no baseline".to_owned(),
        |mark| format!("baseline {}: {}", mark.letter(), mark.run_id),
    );
    app.say(gate::clean(&text));
}

/// The run in progress is on the training screen already; any other is read.
fn open(app: &mut App, dir: RunDir) -> Vec<Effect> {
    if app.training.show_live(dir.path()) {
        app.screen = ScreenName::Training;
        return Vec::new();
    }
    app.say("reading the run");
    vec![Effect::Errand(Errand::Open(dir))]
}

/// What follows from what came of an errand.
pub fn report(app: &mut App, report: Report) -> Vec<Effect> {
    match report {
        Report::Listed(listing) => {
            let moved = app.runs.take(listing);
            if app.screen == ScreenName::Runs {
                app.touch(Urgency::Data);
            }
            let again = moved.into_iter().map(Errand::Overlay);
            return again.map(Effect::Errand).collect();
        }
        Report::Overlaid(overlay) => {
            app.runs.marks.take(*overlay);
            if app.screen == ScreenName::Training {
                app.touch(Urgency::Data);
            }
        }
        Report::NotOverlaid(dir, why) => {
            app.runs.marks.forget(dir.path());
            app.complain(gate::clean(&why));
        }
        Report::Opened(run) => {
            app.toast = None;
            app.training.open(*run);
            app.screen = ScreenName::Training;
            app.touch(Urgency::Input);
        }
        Report::Deleted(dir) => {
            app.say(gate::clean(&format!("deleted {}", dir.id())));
            app.training.forget(dir.path());
            return look();
        }
        Report::Exported(paths) => {
            let shown: Vec<_> = paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            app.say(gate::clean(&format!("written: {}", shown.join(", "))));
        }
        Report::Noted(dir) => {
            app.say(gate::clean(&format!("note on {} kept", dir.id())));
            return look();
        }
        Report::Failed(why) => app.complain(gate::clean(&why)),
    }
    Vec::new()
}

/// Whether after `fact` of the run in progress the list says something that is no longer so; `before` is its last status.
#[must_use]
pub fn outdates_list(fact: &RunFact, before: Option<&Status>) -> bool {
    match fact {
        RunFact::Started { .. } | RunFact::Planned(_) | RunFact::Evaluation(_) => true,
        RunFact::Status(now) => before.is_none_or(|before| before.state != now.state),
        _ => false,
    }
}
