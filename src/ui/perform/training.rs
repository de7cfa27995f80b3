//! What verbs do on the training screen: its lists, its curves, and the run itself.

use crate::gate;
use crate::link::{Command, Control};
use crate::run::RunDir;
use crate::ui::app::{App, ScreenName};
use crate::ui::errand::Errand;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::queue::Model;
use crate::ui::scroll::stride;
use crate::ui::starting;
use crate::ui::tending;
use crate::ui::told::Watching;
use crate::ui::view::XAxis;
use crate::ui::watching::{Request, Training, TrainingPane, steering};

/// Does what a verb says on the training screen.
pub fn perform(app: &mut App, verb: Verb) -> Vec<Effect> {
    if let Some(why) = app.training.why_not(verb) {
        app.say(why);
        return Vec::new();
    }
    let training = &mut app.training;
    let turns = matches!(verb, Verb::HalfDown | Verb::HalfUp);
    if turns && training.pane == TrainingPane::Evaluations {
        training.details.follow(verb);
        return Vec::new();
    }
    if verb.is_movement() {
        training.step(stride(verb));
        return Vec::new();
    }
    match verb {
        Verb::NextPane => training.step_pane(1),
        Verb::PreviousPane => training.step_pane(-1),
        Verb::PreviousGroup | Verb::NextGroup => {
            let by = if verb == Verb::PreviousGroup { 1 } else { -1 };
            let request = training.step_group(by);
            return read_groups(request);
        }
        Verb::ToggleSmoothing => next_smoothing(app),
        Verb::ToggleRun if !training.toggle_run() => app.say("there is only one run to show"),
        Verb::ToggleAlone => toggle_alone(app),
        Verb::NextAxis => next_axis(app),
        Verb::ShowRollouts => {
            let last = training.shown().map_or(0, |run| run.last_step);
            let step = training.view.cursor.unwrap_or(last);
            return show_rollouts(app, step);
        }
        Verb::NextPage if training.is_chart_alone() => training.step_chart(1),
        Verb::PreviousPage if training.is_chart_alone() => training.step_chart(-1),
        Verb::GoToStep => app.layers.push(Layer::step()),
        Verb::PinRun => pin_next(app),
        Verb::StartTraining => return ask_to_start(app),
        Verb::PauseOrResume | Verb::StopTraining | Verb::SaveCheckpoint => {
            return control(app, verb);
        }
        Verb::SkipStage => ask_to_skip(app),
        _ => look(training, verb),
    }
    Vec::new()
}

/// Turns pages of charts and moves what of them is in sight; other verbs do nothing.
fn look(training: &mut Training, verb: Verb) {
    let Some(extent) = training.shown().map(Watching::extent) else {
        return;
    };
    let view = &mut training.view;
    match verb {
        Verb::NextPage => view.turn(1),
        Verb::PreviousPage => view.turn(-1),
        Verb::CursorRight => view.move_cursor(1, extent),
        Verb::CursorLeft => view.move_cursor(-1, extent),
        Verb::ZoomIn => view.zoom(true, extent),
        Verb::ZoomOut => view.zoom(false, extent),
        Verb::ZoomAll => view.show_all(),
        Verb::PanRight => view.pan(1, extent),
        Verb::PanLeft => view.pan(-1, extent),
        Verb::ToggleFollow => view.toggle_held(extent),
        Verb::ToggleLog => view.is_log = !view.is_log,
        Verb::ToggleFit => view.is_fitted = !view.is_fitted,
        _ => {}
    }
}

/// The chart with the metric under the cursor, or the list in focus, in all the room there is; or everything again.
/// The attacker's arms, on the whole screen.
pub(super) fn show_attacker(app: &mut App) {
    app.screen = ScreenName::Training;
    app.training.pane = TrainingPane::Attacker;
    app.training.view.is_alone = true;
}

fn toggle_alone(app: &mut App) {
    let training = &mut app.training;
    if training.view.is_alone {
        training.view.is_alone = false;
    } else if training.pane == TrainingPane::Metrics && training.chosen_metric().is_none() {
        app.say("no metric here to show");
    } else {
        training.view.is_alone = true;
    }
}

/// How much the curves are smoothed next, and says so.
fn next_smoothing(app: &mut App) {
    let smoothing = app.training.smoothing.next();
    app.training.smoothing = smoothing;
    app.say(smoothing.words());
}

/// The next marked run is what the value cursor holds values against.
fn pin_next(app: &mut App) {
    let marks = &mut app.runs.marks;
    if marks.iter().next().is_none() {
        app.say("no run is marked: F4 and then Space marks one, its curves are drawn behind these");
        return;
    }
    marks.pin_next();
    tending::say_baseline(app);
}

fn read_groups(request: Option<Request>) -> Vec<Effect> {
    let errand = request.map(|(dir, wanted)| Errand::Groups {
        dir: RunDir::new(dir),
        wanted,
    });
    errand.map(Effect::Errand).into_iter().collect()
}

/// The rollouts behind a step of the curves, or the nearest there are; those no longer kept are read from the run's folder.
fn show_rollouts(app: &mut App, step: u64) -> Vec<Effect> {
    let request = app.training.rollouts_to_read(step);
    match app.training.show_rollouts_of(step) {
        Some(_) if request.is_some() => app.say(format!("reading the rollouts of step {step}")),
        None => app.say("no rollouts here: they come with GRPO steps"),
        Some(found) if found != step => {
            app.say(format!(
                "of step {step} no rollouts are kept; the nearest are of step {found}"
            ));
        }
        Some(_) => {}
    }
    read_groups(request)
}

/// Puts the value cursor on a step that was typed, and shows its rollouts where the browser is open.
pub fn go_to_step(app: &mut App, typed: &str) -> Vec<Effect> {
    let Ok(step) = typed.trim().parse::<u64>() else {
        app.say("a step is a number");
        return Vec::new();
    };
    let Some(extent) = app.training.shown().map(Watching::extent) else {
        return Vec::new();
    };
    app.training.view.put_cursor(step, extent);
    if step > extent.last {
        app.say(format!("the last step is {}", extent.last));
    }
    if app.training.pane == TrainingPane::Rollouts {
        return show_rollouts(app, step.clamp(1, extent.last.max(1)));
    }
    Vec::new()
}

/// What runs along the x axis next, of what this run has told.
fn next_axis(app: &mut App) {
    let training = &app.training;
    let Some(run) = training.shown() else { return };
    let is_known = |axis: XAxis| {
        axis.metric()
            .is_none_or(|name| run.curves.get(name).is_some())
    };
    let mut next = training.view.x.next();
    let mut missing = Vec::new();
    while !is_known(next) {
        missing.push(next.word());
        next = next.next();
    }
    app.training.view.x = next;
    if !missing.is_empty() {
        app.say(format!("this run has told no {}", missing.join(" and no ")));
    }
}

fn ask_to_start(app: &mut App) -> Vec<Effect> {
    match app.why_no_run() {
        Some(why) if matches!(app.queue.model, Model::Failed(_)) => {
            app.complain(gate::clean(&why));
        }
        Some(why) => app.say(why),
        None => return starting::open(app),
    }
    Vec::new()
}

/// Said until the run has paused, or stopped.
pub const PAUSING: &str = "pausing after this step";
pub const STOPPING: &str = "stopping after a checkpoint; t continues the run later";

/// Why nothing can be asked of a run here.
const ONLY_WATCHING: &str = "only watching: control the run where it was started";

fn ask_to_skip(app: &mut App) {
    if app.is_read_only {
        app.say(ONLY_WATCHING);
    } else if app.training.is_stopping() {
        app.say(steering::STOPPING);
    } else if let Some(stage) = app.training.stage() {
        let stage = stage.name.to_owned();
        app.layers.push(Layer::Skip { stage });
    } else if let (true, Err(why)) = (app.training.is_in_progress(), app.training.steered()) {
        app.say(why);
    } else {
        app.say("no run is in a stage that could be ended");
    }
}

/// Ends a stage after its current step, once that is confirmed; the one after it was not asked about.
pub fn skip_stage(app: &mut App, stage: &str) -> Vec<Effect> {
    if app.training.stage().is_some_and(|now| now.name != stage) {
        app.say("that stage has ended meanwhile");
        return Vec::new();
    }
    control(app, Verb::SkipStage)
}

fn control(app: &mut App, verb: Verb) -> Vec<Effect> {
    if app.is_read_only {
        app.say(ONLY_WATCHING);
        return Vec::new();
    }
    match app.training.control(verb) {
        Ok(control) => {
            app.say(match control {
                Control::Pause => PAUSING,
                Control::Resume => "going on",
                Control::Save => "a checkpoint is written after this step",
                Control::Skip if app.training.waits_for_resume() => {
                    "the stage ends as soon as the paused run goes on; p resumes it"
                }
                Control::Skip => "the stage ends after this step",
                Control::Stop => STOPPING,
            });
            vec![Effect::Send(Command::Control(control))]
        }
        Err(why) => {
            app.say(why);
            Vec::new()
        }
    }
}
