//! What keys do on the runs screen, and what follows when an errand is done.

use std::path::PathBuf;

use crate::gate;
use crate::link::{Command, RolloutGroup, RunFact, Status};
use crate::run::RunDir;
use crate::run::groups::Wanted;
use crate::ui::app::{App, ScreenName};
use crate::ui::asking::offering;
use crate::ui::editing;
use crate::ui::errand::{Errand, Report};
use crate::ui::keys::Verb;
use crate::ui::layer::{Layer, SEVERAL_LINES};
use crate::ui::line_edit::LineEdit;
use crate::ui::marks::{MARKS, Marking};
use crate::ui::msg::Effect;
use crate::ui::pace::Urgency;
use crate::ui::runs::RunsPane;
use crate::ui::scroll::stride;
use crate::ui::told::{Watching, trouble::Reader};
use crate::ui::watching::Request;

/// Does what a verb says on the runs screen.
pub fn perform(app: &mut App, verb: Verb) -> Vec<Effect> {
    let runs = &mut app.runs;
    if runs.pane == RunsPane::Details && runs.details_scroll.follow(verb) {
        return Vec::new();
    }
    if verb.is_movement() {
        runs.step(stride(verb));
        return Vec::new();
    }
    match verb {
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

/// Said of what would change a run that has no folder.
const SHIPPED: &str =
    "the shipped run is in the program, read-only: it is opened and compared with, not changed";

/// What needs a run under the cursor.
fn tend(app: &mut App, verb: Verb) -> Vec<Effect> {
    if app.runs.current().is_none() {
        app.say("there is no run here");
        return Vec::new();
    }
    match (verb, app.runs.dir()) {
        (Verb::OpenRun, dir) => return open(app, dir),
        (Verb::MarkRun, _) => return mark(app),
        (Verb::PinRun, _) => return pin(app),
        (_, Some(dir)) => return tend_folder(app, verb, dir),
        (Verb::ExportRun, None) => app.say(
            "the shipped run has no folder to write into: `opensoc export shipped` prints its numbers",
        ),
        (_, None) => app.say(SHIPPED),
    }
    Vec::new()
}

/// What needs the folder of the run under the cursor.
fn tend_folder(app: &mut App, verb: Verb, dir: RunDir) -> Vec<Effect> {
    let Some(run) = app.runs.current() else {
        return Vec::new();
    };
    let writes_note = matches!(verb, Verb::EditNote | Verb::OpenEditor);
    match verb {
        _ if writes_note && app.is_read_only => {
            app.say("only watching: a note is written in the workbench");
        }
        Verb::OpenEditor => {
            let note = run.note.clone();
            return editing::open_run_note(app, dir, &note);
        }
        Verb::EditNote if run.note.contains('\n') => app.say(SEVERAL_LINES),
        Verb::EditNote => {
            let typed = LineEdit::new(app.runs.note_to_edit(&dir));
            app.layers.push(Layer::Note { dir, typed });
        }
        Verb::DeleteRun if app.is_read_only => {
            app.say("only watching: a run is deleted from the workbench");
        }
        Verb::DeleteRun if run.standing.is_alive() => {
            app.say("a process works on this run: stop it first, then delete it");
        }
        Verb::DeleteRun => app.layers.push(Layer::Delete { dir }),
        _ => return vec![Effect::Errand(Errand::Export(dir))],
    }
    Vec::new()
}

/// The line of a note is left: what was typed waits for the next time.
pub fn set_note_aside(app: &mut App, dir: &RunDir, typed: &str) {
    if app.runs.set_aside(dir, typed) {
        app.say("not saved, but kept while opensoc runs: e goes on with it");
    }
}

/// Has a note written. Until it is on disk the line can be opened with it again.
pub fn keep_note(app: &mut App, dir: RunDir, text: String) -> Vec<Effect> {
    app.runs.set_aside(&dir, &text);
    vec![Effect::Errand(Errand::Note { dir, text })]
}

/// Marks the run under the cursor, whose curves are then to be read, or takes its mark off.
fn mark(app: &mut App) -> Vec<Effect> {
    match app.runs.toggle_mark() {
        Some(Marking::Marked) => {
            let dir = app.runs.dir();
            let errand = dir.map_or(Errand::OverlayShipped, Errand::Overlay);
            return vec![Effect::Errand(errand)];
        }
        Some(Marking::Full) => {
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
    let Some(run) = app.runs.current().cloned() else {
        return Vec::new();
    };
    let effects = match app.runs.marks.of(&run) {
        Some(_) => Vec::new(),
        None => mark(app),
    };
    // Without a mark there is no baseline either, and why is said already.
    if app.runs.marks.of(&run).is_some() {
        app.runs.marks.pin(&run);
        say_baseline(app);
    }
    effects
}

/// Says which run values are held against now.
pub fn say_baseline(app: &mut App) {
    let baseline = app.runs.marks.baseline();
    let text = baseline.map_or_else(
        || "no baseline".to_owned(),
        |mark| format!("baseline {}: {}", mark.letter(), mark.name),
    );
    app.say(gate::clean(&text));
}

/// What the training screen has already is shown; any other run is read.
fn open(app: &mut App, dir: Option<RunDir>) -> Vec<Effect> {
    let training = &mut app.training;
    let is_there = match &dir {
        Some(dir) => training.show_live(dir.path()),
        None => training.show_shipped(),
    };
    // What is read as a whole tells its adapters too.
    let adapters = dir.clone().map(|dir| Effect::Errand(Errand::Adapters(dir)));
    if is_there {
        app.screen = ScreenName::Training;
        return adapters.into_iter().collect();
    }
    let is_alive = app
        .runs
        .current()
        .is_some_and(|run| run.standing.is_alive());
    let is_free = app.is_elsewhere || !app.training.is_in_progress();
    if let Some(dir) = dir
        .as_ref()
        .filter(|_| is_alive && is_free && !app.is_read_only)
    {
        app.training.show_found();
        app.screen = ScreenName::Training;
        let follow = Effect::Send(Command::Follow(dir.path().to_owned()));
        return [follow].into_iter().chain(adapters).collect();
    }
    app.say("reading the run");
    let errand = dir.map_or(Errand::OpenShipped, Errand::Open);
    vec![Effect::Errand(errand)]
}

/// What follows from what came of an errand.
pub fn report(app: &mut App, report: Report) -> Vec<Effect> {
    app.runs.is_awaited = false;
    match report {
        Report::Listed(listing) if app.runs.says(&listing) => {}
        Report::Listed(listing) => {
            let moved = app.runs.take(listing);
            if app.screen == ScreenName::Runs {
                app.touch(Urgency::Data);
            }
            let again = moved.into_iter().map(Errand::Overlay);
            return again.map(Effect::Errand).collect();
        }
        Report::Overlaid(overlay) => {
            let adapters = overlay.adapters.clone();
            app.runs.marks.take(*overlay);
            if app.screen == ScreenName::Training {
                app.touch(Urgency::Data);
            }
            return offering::offer(app, adapters);
        }
        Report::Adapters(adapters) => return offering::offer(app, adapters),
        Report::Opened(run) => {
            let adapters = run.adapters.clone();
            app.toast = None;
            if app.is_read_only {
                app.training.reader = Reader::Watch;
            }
            app.training.open(*run);
            app.screen = ScreenName::Training;
            app.touch(Urgency::Input);
            return offering::offer(app, adapters);
        }
        Report::NotOverlaid(dir, why) => {
            app.runs.marks.forget(dir.path());
            app.complain(gate::clean(&why));
        }
        Report::WentOn { .. } | Report::Past(_) | Report::NoPast(..) | Report::Groups { .. } => {
            was_read(app, report)
        }
        Report::Room { dir, free } => take_room(app, &dir, free),
        Report::Deleted(dir) => {
            deleted(app, &dir);
            return look();
        }
        Report::Exported(paths) => {
            app.say(gate::clean(&written(&paths)));
        }
        Report::Noted(dir) => {
            app.say(gate::clean(&format!("note on {} kept", dir.id())));
            app.runs.forget_draft(&dir);
            return look();
        }
        Report::Failed(why) => app.complain(gate::clean(&why)),
    }
    Vec::new()
}

/// The folder of a run is gone; where an adapter of it was asked, another is asked from now on.
fn deleted(app: &mut App, dir: &RunDir) {
    app.runs.forget_draft(dir);
    app.training.forget(dir.path());
    let instead = app.queue.forget_run(dir.path());
    let asks = instead.map_or_else(String::new, |name| {
        format!("; its adapter is gone: asking {name}")
    });
    app.say(gate::clean(&format!("deleted {}{asks}", dir.id())));
}

/// Files that are in one folder now.
fn written(paths: &[PathBuf]) -> String {
    let folder = paths.first().and_then(|path| path.parent());
    let folder = folder.map(|folder| folder.display().to_string());
    let names = paths.iter().filter_map(|path| path.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    let (folder, names) = (folder.unwrap_or_default(), names.join(", "));
    format!("written into {folder}: {names}")
}

/// What was read of a run goes to the training screen.
fn was_read(app: &mut App, report: Report) {
    match report {
        Report::WentOn {
            dir,
            facts,
            is_alive,
        } => {
            let is_news = app.training.go_on(dir.path(), facts, is_alive);
            if is_news && app.screen == ScreenName::Training {
                app.touch(Urgency::Data);
            }
        }
        Report::Past(run) => {
            app.training.take_past(*run);
            app.follow_run();
            app.touch(Urgency::Data);
        }
        Report::NoPast(dir, why) => {
            app.training.give_up_past(dir.path());
            app.complain(gate::clean(&format!(
                "what the run told before cannot be read: {why}"
            )));
        }
        Report::Groups {
            dir,
            wanted,
            groups,
        } => show_groups(app, &(dir.path().to_owned(), wanted), groups),
        _ => {}
    }
}

/// Groups of rollouts were read: they are shown, or it is said that there are none.
fn show_groups(app: &mut App, request: &Request, groups: Vec<RolloutGroup>) {
    let found = groups.first().map(|group| group.step);
    let was_shown = app.training.show_leaf(request, groups);
    match (request.1, found) {
        (Wanted::From(step), Some(found)) if was_shown && found != step => app.say(format!(
            "of step {step} no rollouts are kept; the nearest are of step {found}"
        )),
        (_, Some(_)) if was_shown => {
            app.toast = None;
            app.touch(Urgency::Input);
        }
        // Another run is on screen by now.
        (_, Some(_)) => {}
        (Wanted::Before(step), None) => {
            app.say(format!("there are no rollouts before step {step}"));
        }
        (Wanted::After(step), None) => {
            app.say(format!(
                "there are no rollouts after step {step} in the run's folder"
            ));
        }
        (Wanted::From(_), None) => app.say("the run's folder holds no rollouts"),
    }
}

/// Whether something may change behind the screen: the disk of a run in progress, the list of runs, and a run that is only
/// looked at while another process works on it.
#[must_use]
pub fn wants_looks(app: &App) -> bool {
    let is_on_screen = match app.screen {
        ScreenName::Runs => app.runs.root.is_some(),
        ScreenName::Training => app.training.looked_at().is_some(),
        ScreenName::Episodes | ScreenName::Labelling => false,
    };
    is_on_screen || app.training.written_to().is_some()
}

/// Looks again at what may have changed.
#[must_use]
pub fn look_again(app: &mut App) -> Vec<Effect> {
    if app.runs.is_awaited {
        // The disk is slower than the looks: they must not pile up.
        return Vec::new();
    }
    let on_screen = match app.screen {
        ScreenName::Runs => Some(Errand::List),
        ScreenName::Training => {
            let looked_at = app.training.looked_at().map(RunDir::new);
            looked_at.map(Errand::LookAgain)
        }
        ScreenName::Episodes | ScreenName::Labelling => None,
    };
    let disk = app.training.written_to().map(RunDir::new);
    let errands = on_screen.into_iter().chain(disk.map(Errand::Room));
    let effects: Vec<Effect> = errands.map(Effect::Errand).collect();
    app.runs.is_awaited = !effects.is_empty();
    effects
}

/// So much room is left on the disk of the run in `dir`: said once when it is little, and as long as it is over the curves.
fn take_room(app: &mut App, dir: &RunDir, free: Option<u64>) {
    let is_crowded = |app: &App| {
        let run = app.training.live();
        run.is_some_and(|run| run.crowding().is_some())
    };
    let was_crowded = is_crowded(app);
    if !app.training.crowd(dir.path(), free) {
        return;
    }
    let sign = app.training.live().and_then(Watching::crowding);
    let text = sign.map(|sign| sign.text(true));
    match text.filter(|_| !was_crowded) {
        Some(text) => app.complain(text),
        None => app.touch(Urgency::Data),
    }
}

/// Whether after `fact` of the run in progress the list says something that is no longer so; `before` is its last status.
#[must_use]
pub fn outdates_list(fact: &RunFact, before: Option<&Status>) -> bool {
    match fact {
        RunFact::Started { .. } | RunFact::Planned(_) | RunFact::Evaluation(_) => true,
        RunFact::Crashed { .. } => true,
        RunFact::Status(now) => before.is_none_or(|before| before.state != now.state),
        _ => false,
    }
}
