//! What each verb does to the state.

mod training;

pub use training::{PAUSING, STOPPING, go_to_step, skip_stage};

use crate::env::schema::Split;
use crate::gate;
use crate::ui::app::{App, ScreenName};
use crate::ui::asking::choosing;
use crate::ui::clerk::Request;
use crate::ui::copying;
use crate::ui::detail;
use crate::ui::keys::Verb;
use crate::ui::labelling::{adding, verbs};
use crate::ui::layer::{self, Layer};
use crate::ui::leaving::quit;
use crate::ui::msg::Effect;
use crate::ui::queue::groups;
use crate::ui::queue::three_way;
use crate::ui::queue::what_if;
use crate::ui::queue::{Queue, QueuePane};
use crate::ui::scroll::stride;
use crate::ui::searching;
use crate::ui::tending;

/// Does what a verb says: the front layer first, then what every screen does, then the screen in front.
pub fn perform(app: &mut App, verb: Verb) -> Vec<Effect> {
    if let Some(effects) = layer::perform(app, verb) {
        return effects;
    }
    match verb {
        Verb::ShowEpisodes => app.screen = ScreenName::Episodes,
        Verb::ShowTraining => app.screen = ScreenName::Training,
        Verb::ShowLabelling => return verbs::show(app),
        Verb::ShowRuns => {
            app.screen = ScreenName::Runs;
            return tending::look();
        }
        Verb::ShowAttacker => training::show_attacker(app),
        Verb::NextTheme => return next_theme(app),
        Verb::Help => app.layers.push(Layer::help()),
        Verb::Palette => app.layers.push(Layer::palette()),
        Verb::Search => searching::open(app),
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

/// Said where an adapter is to be chosen or asked.
pub const NO_MODEL: &str = "no model is in memory yet: nothing can be asked";

/// Said where one pane has the whole screen.
pub const ALONE: &str = "this pane alone: Esc brings the others back";

fn perform_on_screen(app: &mut App, verb: Verb) -> Vec<Effect> {
    match app.screen {
        ScreenName::Episodes => perform_on_episodes(app, verb),
        ScreenName::Training => training::perform(app, verb),
        ScreenName::Runs => tending::perform(app, verb),
        ScreenName::Labelling => verbs::perform(app, verb),
    }
}

/// Whether the verb scrolls what is higher than the pane in focus.
fn moves_text(queue: &mut Queue, verb: Verb) -> bool {
    match queue.pane {
        QueuePane::Answers => queue.answers_scroll.follow(verb),
        // A line higher than its pane is read to its end before the next one.
        QueuePane::Log => queue.line_scroll.moves(verb),
        QueuePane::Alerts => false,
    }
}

fn perform_on_episodes(app: &mut App, verb: Verb) -> Vec<Effect> {
    if moves_text(&mut app.queue, verb) {
        return Vec::new();
    }
    let queue = &mut app.queue;
    match verb {
        Verb::Top => queue.jump(false),
        Verb::Bottom => queue.jump(true),
        _ if verb.is_movement() => queue.step(stride(verb)),
        Verb::NextPane => queue.step_pane(1),
        Verb::PreviousPane => queue.step_pane(-1),
        Verb::NextAlert => queue.move_visible(1),
        Verb::PreviousAlert => queue.move_visible(-1),
        Verb::NextStage => queue.step_stage(1),
        Verb::PreviousStage => queue.step_stage(-1),
        Verb::NextAdapter | Verb::PreviousAdapter | Verb::AskAgain if queue.adapters.is_empty() => {
            app.say(NO_MODEL);
        }
        Verb::NextAdapter => queue.step_adapter(1),
        Verb::PreviousAdapter => queue.step_adapter(-1),
        Verb::AskAgain => queue.forget_answer(),
        Verb::ToggleCompare if !queue.toggle_compare() => {
            app.say("there is no second adapter to compare with");
        }
        Verb::NextCompared if !queue.step_compared() => app.say("c compares two adapters first"),
        Verb::ToggleCompare | Verb::NextCompared => {}
        Verb::NextOrder => queue.step_order(),
        Verb::ShowAdapters => choosing::open(app),
        Verb::ShowGroups => groups::open(app),
        Verb::ShowThreeWay => three_way::open(app),
        Verb::OpenDetail => {
            detail::open(app);
            return Vec::new();
        }
        Verb::EditField => what_if::open(app),
        Verb::DropWhatIf if !queue.drop_what_if() => app.say("there is no what-if to drop"),
        Verb::DropWhatIf => {}
        Verb::ToggleSplit => {
            queue.toggle_split();
            let said = split_said(queue.split());
            app.say(said);
        }
        Verb::LabelAlert => return adding::label(app),
        Verb::ToggleAlone => {
            queue.is_alone = !queue.is_alone;
            if queue.is_alone {
                app.say(ALONE);
            }
        }
        Verb::ToggleBlind => queue.toggle_blind(),
        _ => decide(app, verb),
    }
    let kept = match app.is_read_only {
        true => None,
        false => app.queue.to_keep(),
    };
    let kept = kept.map(|one| Effect::Label(Request::Decide(one)));
    kept.into_iter().chain(app.queue.ask()).collect()
}

/// What the alerts of a split are for.
const fn split_said(split: Split) -> &'static str {
    match split {
        Split::Train => {
            "train alerts: L puts one into the labelling queue; t goes back to the hold-out ones"
        }
        Split::Holdout => "hold-out alerts: models are measured on these; t shows train alerts",
    }
}

/// Said of every key that decides, where a run is only watched.
const ONLY_WATCHING: &str = "only watching: alerts are decided in the workbench (opensoc)";

/// Decisions on the selected alert.
fn decide(app: &mut App, verb: Verb) {
    let decides = matches!(verb, Verb::Mark | Verb::Submit) || verb.chosen_action().is_some();
    if decides && app.is_read_only {
        app.say(ONLY_WATCHING);
        return;
    }
    let queue = &mut app.queue;
    let is_decision = decides || verb == Verb::Reveal;
    if is_decision && queue.current().is_some_and(|e| e.desk.is_revealed) {
        let is_what_if = queue.what_if().is_some();
        app.say(if is_what_if {
            "a what-if is not decided on, its truth is shown (x drops it)"
        } else {
            "this alert is revealed already (u takes it back)"
        });
        return;
    }
    match verb {
        Verb::Mark => queue.toggle_mark(),
        Verb::Reveal => queue.reveal(),
        Verb::Submit if !queue.submit() => {
            app.say("decide with 1-5 first, or r reveals the truth without a decision");
        }
        Verb::Submit => {
            if let Some(why) = queue.why_not_counted() {
                app.say(why);
            }
        }
        Verb::NextMismatch => {
            let told = queue.next_mismatch().said();
            app.say(told);
        }
        Verb::Undo | Verb::Redo => {
            let is_redo = verb == Verb::Redo;
            if !queue.step_edit(is_redo) && !queue.undo(is_redo) {
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

/// To the next alert that the filter admits, or the next line of this list that holds the sought text.
pub fn seek(app: &mut App, forward: bool) -> Vec<Effect> {
    match app.screen {
        ScreenName::Episodes if app.queue.is_filtered() => {
            app.queue.move_visible(if forward { 1 } else { -1 });
            app.queue.point_at_match();
        }
        ScreenName::Runs if app.runs.is_filtered() => app.runs.step(if forward { 1 } else { -1 }),
        ScreenName::Labelling if app.labelling.is_filtered() => {
            app.labelling.move_visible(if forward { 1 } else { -1 });
            return app.labelling.ask(&app.queue);
        }
        ScreenName::Episodes | ScreenName::Labelling | ScreenName::Runs => {
            app.say("/ filters first");
        }
        ScreenName::Training if app.training.filters() => match app.training.filter_in_words() {
            Some(_) => app.training.step(if forward { 1 } else { -1 }),
            None => app.say("nothing is searched for: / filters the metrics first"),
        },
        ScreenName::Training if app.sought.is_empty() => app.say("/ searches first"),
        ScreenName::Training => match app.training.seek(&app.sought, forward) {
            Ok(true) => {}
            Ok(false) => {
                let sought = gate::clean(&app.sought).into_owned();
                app.say(format!("no line of this list holds \"{sought}\""));
            }
            Err(error) => app.complain(gate::clean(&error.to_string())),
        },
    }
    app.queue.ask()
}

/// One layer back: the filter off the queue, or what is looked at of a run.
fn back(app: &mut App) -> Vec<Effect> {
    match app.screen {
        ScreenName::Episodes if app.queue.is_alone => app.queue.is_alone = false,
        ScreenName::Labelling if app.labelling.is_alone => app.labelling.is_alone = false,
        ScreenName::Episodes if app.queue.drop_what_if() => {}
        ScreenName::Episodes => {
            // An empty filter is always one.
            let _ = app.queue.set_filter("");
        }
        ScreenName::Training => app.training.back(),
        ScreenName::Runs => {
            // An empty filter is always one.
            let _ = app.runs.set_filter("");
        }
        ScreenName::Labelling => {
            // An empty filter is always one.
            let _ = app.labelling.set_filter("");
        }
    }
    Vec::new()
}

/// The theme after the one in use; one that is broken says so, and the next press goes past it.
fn next_theme(app: &mut App) -> Vec<Effect> {
    let at = app.themes.iter().position(|name| *name == app.theme);
    let next = at.map_or(0, |at| (at + 1) % app.themes.len().max(1));
    let Some(name) = app.themes.get(next).cloned() else {
        return Vec::new();
    };
    app.theme.clone_from(&name);
    vec![Effect::UseTheme(name)]
}

/// On episodes and labelling there is a choice of what to copy; elsewhere it is the line under the cursor.
fn copy(app: &mut App) -> Vec<Effect> {
    let text = match app.screen {
        ScreenName::Episodes | ScreenName::Labelling => {
            app.layers.push(Layer::Copy {
                chosen: 0,
                is_defanged: false,
            });
            return Vec::new();
        }
        ScreenName::Training => app.training.line_under_cursor(),
        ScreenName::Runs => (app.runs.current()).map(|run| match &run.run_dir {
            Some(dir) => dir.display().to_string(),
            None => run.run_id.clone(),
        }),
    };
    match text {
        Some(text) => copying::send(app, "", text),
        None => {
            app.say("nothing here to copy");
            Vec::new()
        }
    }
}
