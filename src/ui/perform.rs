//! What each verb does to the state.

use crate::link::{Command, Control};
use crate::ui::app::{App, ScreenName};
use crate::ui::gate;
use crate::ui::keys::Verb;
use crate::ui::layer::{self, Layer};
use crate::ui::msg::{Effect, ExitReason};
use crate::ui::queue::{Model, QueuePane};

/// Lines that half a page is.
const HALF_PAGE: isize = 10;

/// Does what a verb says: the front layer first, then what every screen does, then the screen in front.
pub fn perform(app: &mut App, verb: Verb) -> Vec<Effect> {
    if let Some(effects) = layer::perform(app, verb) {
        return effects;
    }
    match verb {
        Verb::ShowEpisodes => app.screen = ScreenName::Episodes,
        Verb::ShowTraining => app.screen = ScreenName::Training,
        Verb::Help => app.layers.push(Layer::help()),
        Verb::Palette => app.layers.push(Layer::palette()),
        Verb::Search => app.layers.push(Layer::search(&app.queue.filter_text)),
        Verb::NextMatch => return seek(app, true),
        Verb::PreviousMatch => return seek(app, false),
        Verb::Back => return back(app),
        Verb::Quit | Verb::Interrupt => return quit(app),
        Verb::Suspend => return vec![Effect::Suspend],
        Verb::Redraw => return vec![Effect::Redraw],
        Verb::Copy => return copy(app),
        _ => return perform_on_screen(app, verb),
    }
    Vec::new()
}

fn perform_on_screen(app: &mut App, verb: Verb) -> Vec<Effect> {
    match app.screen {
        ScreenName::Episodes => perform_on_episodes(app, verb),
        ScreenName::Training => perform_on_training(app, verb),
    }
}

fn quit(app: &mut App) -> Vec<Effect> {
    if app.training.is_in_progress() && !app.is_read_only {
        app.layers.push(Layer::Quit);
        return Vec::new();
    }
    app.leave(ExitReason::Quit, false)
}

fn perform_on_episodes(app: &mut App, verb: Verb) -> Vec<Effect> {
    let queue = &mut app.queue;
    if queue.pane == QueuePane::Answers && queue.answers_scroll.follow(verb) {
        return Vec::new();
    }
    match verb {
        Verb::Down => queue.step(1),
        Verb::Up => queue.step(-1),
        Verb::HalfDown => queue.step(HALF_PAGE),
        Verb::HalfUp => queue.step(-HALF_PAGE),
        Verb::Top => queue.jump(false),
        Verb::Bottom => queue.jump(true),
        Verb::NextPane => queue.step_pane(1),
        Verb::PreviousPane => queue.step_pane(-1),
        Verb::NextAlert => queue.move_visible(1),
        Verb::PreviousAlert => queue.move_visible(-1),
        Verb::NextStage => queue.step_stage(1),
        Verb::PreviousStage => queue.step_stage(-1),
        Verb::NextAdapter => queue.step_adapter(1),
        Verb::PreviousAdapter => queue.step_adapter(-1),
        Verb::AskAgain => queue.forget_answer(),
        Verb::ToggleCompare if !queue.toggle_compare() => {
            app.say("there is no second adapter to compare with");
        }
        Verb::NextCompared if !queue.step_compared() => app.say("c compares two adapters first"),
        Verb::ToggleCompare | Verb::NextCompared => {}
        Verb::NextOrder => queue.step_order(),
        Verb::OpenDetail => {
            app.layers.push(Layer::Detail { field: 0 });
            return Vec::new();
        }
        Verb::ToggleBlind => queue.is_blind = !queue.is_blind,
        _ => decide(app, verb),
    }
    app.queue.ask()
}

/// Decisions on the selected alert.
fn decide(app: &mut App, verb: Verb) {
    let queue = &mut app.queue;
    let is_decision =
        matches!(verb, Verb::Mark | Verb::Reveal | Verb::Submit) || verb.chosen_action().is_some();
    if is_decision && queue.current().is_some_and(|e| e.desk.is_revealed) {
        app.say("this alert is revealed already (u takes it back)");
        return;
    }
    match verb {
        Verb::Mark => queue.toggle_mark(),
        Verb::Reveal => queue.reveal(),
        Verb::Submit if !queue.submit() => {
            app.say("decide with 1-5 first, or r reveals the truth without a decision");
        }
        Verb::NextMismatch => {
            if let Err(answered) = queue.next_mismatch() {
                app.say(format!(
                    "no other mismatch among {answered} answered alerts; asking about more, press m again"
                ));
            }
        }
        Verb::Undo | Verb::Redo => {
            if !queue.undo(verb == Verb::Redo) {
                app.say("nothing to undo or redo");
            }
        }
        other => {
            if let Some(action) = other.chosen_action() {
                queue.choose(action);
            }
        }
    }
}

fn perform_on_training(app: &mut App, verb: Verb) -> Vec<Effect> {
    let training = &mut app.training;
    match verb {
        Verb::Down => training.step(1),
        Verb::Up => training.step(-1),
        Verb::HalfDown => training.step(HALF_PAGE),
        Verb::HalfUp => training.step(-HALF_PAGE),
        Verb::Top => training.step(isize::MIN),
        Verb::Bottom => training.step(isize::MAX),
        Verb::NextPane => training.step_pane(1),
        Verb::PreviousPane => training.step_pane(-1),
        Verb::PreviousGroup => training.step_group(1),
        Verb::NextGroup => training.step_group(-1),
        Verb::ToggleSmoothing => training.is_raw = !training.is_raw,
        Verb::ToggleRun if !training.toggle_run() => app.say("there is only one run to show"),
        Verb::StartTraining => return ask_to_start(app),
        Verb::PauseOrResume | Verb::StopTraining | Verb::SaveCheckpoint => {
            return control(app, verb);
        }
        _ => {}
    }
    Vec::new()
}

fn ask_to_start(app: &mut App) -> Vec<Effect> {
    match app.why_no_run() {
        Some(why) if matches!(app.queue.model, Model::Failed(_)) => {
            app.complain(gate::clean(&why));
        }
        Some(why) => app.say(why),
        None => app.layers.push(Layer::start()),
    }
    Vec::new()
}

fn control(app: &mut App, verb: Verb) -> Vec<Effect> {
    if app.is_read_only {
        app.say("only watching: control the run where it was started");
        return Vec::new();
    }
    match app.training.control(verb) {
        Ok(control) => {
            app.say(match control {
                Control::Pause => "pausing after this step",
                Control::Resume => "going on",
                Control::Save => "a checkpoint is written after this step",
                Control::Stop => "stopping after a checkpoint; t continues the run later",
            });
            vec![Effect::Send(Command::Control(control))]
        }
        Err(why) => {
            app.say(why);
            Vec::new()
        }
    }
}

/// To the next alert that the filter admits, or the next line of this list that holds the sought text.
pub fn seek(app: &mut App, forward: bool) -> Vec<Effect> {
    match app.screen {
        ScreenName::Episodes if app.queue.is_filtered() => {
            app.queue.move_visible(if forward { 1 } else { -1 });
            app.queue.point_at_match();
        }
        ScreenName::Episodes => app.say("/ filters first"),
        ScreenName::Training if app.sought.is_empty() => app.say("/ searches first"),
        ScreenName::Training => {
            if !app.training.seek(&app.sought, forward) {
                let sought = gate::clean(&app.sought).into_owned();
                app.say(format!("no line of this list holds \"{sought}\""));
            }
        }
    }
    app.queue.ask()
}

/// One layer back: the filter off the queue, or the newest rollouts again.
fn back(app: &mut App) -> Vec<Effect> {
    match app.screen {
        ScreenName::Episodes => {
            // An empty filter is always one.
            let _ = app.queue.set_filter("");
        }
        ScreenName::Training => app.training.groups_back = 0,
    }
    Vec::new()
}

/// On episodes there is a choice of what to copy; elsewhere it is the line under the cursor.
fn copy(app: &mut App) -> Vec<Effect> {
    if app.screen == ScreenName::Episodes {
        app.layers.push(Layer::Copy {
            chosen: 0,
            is_defanged: false,
        });
        return Vec::new();
    }
    match app.training.line_under_cursor() {
        Some(text) => {
            app.say("sent to the terminal's clipboard (OSC 52)");
            vec![Effect::Copy(text)]
        }
        None => {
            app.say("nothing here to copy");
            Vec::new()
        }
    }
}
