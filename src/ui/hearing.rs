//! What facts of the model thread and of a run do to the state.

use crate::gate;
use crate::link::{AdapterChoice, Fact, RunFact, RunState};
use crate::run::RunDir;
use crate::ui::app::{App, ScreenName};
use crate::ui::asking::offering;
use crate::ui::errand::Errand;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::pace::Urgency;
use crate::ui::perform::{PAUSING, STOPPING};
use crate::ui::queue::{Answer, adapter_name};
use crate::ui::starting::{self, Fitted};
use crate::ui::tending;
use crate::ui::told::Watching;
use crate::ui::told::trouble::Reader;

/// Takes a fact of the model thread or of a run in.
pub(super) fn on_fact(app: &mut App, fact: Fact) -> Vec<Effect> {
    match fact {
        Fact::ModelReady {
            model,
            parameters,
            adapters,
            default_adapter,
        } => {
            app.queue
                .model_ready(model, parameters, adapters, &default_adapter);
            app.touch(Urgency::Data);
            let mut effects = app.ask();
            effects.extend(starting::ask_fit(app));
            effects
        }
        Fact::Offered { adapters, refused } => offering::offered(app, adapters, &refused),
        Fact::Noted { message } => {
            app.complain(gate::clean(&message));
            Vec::new()
        }
        fact @ Fact::Fitted { .. } => {
            on_fitted(app, fact);
            Vec::new()
        }
        Fact::Inference {
            id,
            adapter,
            response,
            verdict,
            probabilities,
            millis,
        } => {
            let answer = Answer::Given {
                adapter: with_step(app, adapter),
                response,
                verdict,
                probabilities,
                millis,
            };
            on_answer(app, id, answer)
        }
        Fact::InferenceFailed { id, message } => on_answer(app, id, Answer::Failed(message)),
        Fact::Run(fact) => on_run_fact(app, fact),
        Fact::Found => {
            on_found(app);
            Vec::new()
        }
        // What came late of a run that gave way to one begun here.
        Fact::Elsewhere(_) if !app.is_elsewhere => Vec::new(),
        Fact::Elsewhere(fact) => on_run_fact(app, fact),
        Fact::ModelFailed { message } => {
            app.thread_ended(&message);
            Vec::new()
        }
    }
}

/// What a run of these settings needs is shown where it is asked for.
fn on_fitted(app: &mut App, fact: Fact) {
    let Fact::Fitted {
        request,
        told,
        fits,
        labels,
    } = fact
    else {
        return;
    };
    app.fitted = Some(Fitted {
        request: *request,
        told,
        fits,
        labels,
    });
    if matches!(app.layers.last(), Some(Layer::Start { .. })) {
        app.touch(Urgency::Data);
    }
}

/// A run in another process is told of from here on; one begun here meanwhile goes before it.
fn on_found(app: &mut App) {
    if app.training.is_in_progress() && !app.is_elsewhere {
        return;
    }
    app.is_elsewhere = true;
    app.training.found();
    app.follow_run();
    if app.screen != ScreenName::Training {
        app.say("a run in another process is in progress: F2 shows it");
    }
    app.touch(Urgency::Data);
}

fn on_answer(app: &mut App, id: u64, answer: Answer) -> Vec<Effect> {
    let (labelling, screen) = (&mut app.labelling, app.screen);
    let is_seen = match labelling.answered(id, answer.clone()) {
        true => screen == ScreenName::Labelling,
        false => app.queue.answered(id, answer) && screen == ScreenName::Episodes,
    };
    if let Some(mismatch) = app.queue.go_on_looking() {
        app.say(mismatch.said());
    }
    if is_seen {
        app.touch(Urgency::Data);
    }
    app.ask()
}

/// The adapter in training is another one after every step: its name says which answered.
fn with_step(app: &App, adapter: String) -> String {
    match app.training.live() {
        Some(run) if adapter == adapter_name(&AdapterChoice::Live) => {
            format!("{adapter} at step {}", run.last_step)
        }
        _ => adapter,
    }
}

fn on_run_fact(app: &mut App, fact: RunFact) -> Vec<Effect> {
    let is_seen = app.screen == ScreenName::Training;
    let in_title = matches!(
        fact,
        RunFact::Started { .. }
            | RunFact::Status(_)
            | RunFact::Silent { .. }
            | RunFact::Crashed { .. }
    );
    let is_outdated = app.training.outdates_answers(&fact);
    let had_failed = app.training.failure().is_some();
    let was_silent = app.training.live().is_some_and(Watching::is_silent);
    let before = app.training.live().and_then(|run| run.status.as_ref());
    let begun = signs_begun(app);
    let relists = app.screen == ScreenName::Runs && tending::outdates_list(&fact, before);
    let was_in_progress = before.is_some() && app.training.is_in_progress();
    if app.is_read_only {
        app.training.reader = Reader::Watch;
    }
    app.training.apply(fact);
    app.follow_run();
    forget_promise(app);
    if app.training.failure().is_some() && !had_failed {
        let why = app
            .training
            .live()
            .map(Watching::reason)
            .unwrap_or_default();
        app.complain(format!("the run failed: {}", gate::clean(&why)));
    }
    tell_of_life(app, had_failed, was_silent);
    if !is_seen {
        tell_of_signs(app, begun);
    }
    if is_seen || in_title {
        app.touch(Urgency::Data);
    }
    let mut effects = if relists { tending::look() } else { Vec::new() };
    effects.extend(look_for_adapters(app, was_in_progress));
    // A run followed elsewhere is read from its beginning anyway.
    if !app.is_read_only && !app.is_elsewhere {
        let missing = app.training.missing_past().map(RunDir::new);
        effects.extend(missing.map(|dir| Effect::Errand(Errand::Past(dir))));
    }
    if is_outdated {
        app.queue.forget_live();
        app.labelling.forget_live();
        effects.extend(app.ask());
    }
    effects
}

/// A run that has ended leaves adapters to be asked.
fn look_for_adapters(app: &App, was_in_progress: bool) -> Option<Effect> {
    let has_ended = was_in_progress && !app.training.is_in_progress();
    let dir = app
        .training
        .live()?
        .run_dir
        .as_ref()
        .filter(|_| has_ended)?;
    Some(Effect::Errand(Errand::Adapters(RunDir::new(dir))))
}

/// What was to come has come: nothing says any more that it will.
fn forget_promise(app: &mut App) {
    let state = app.training.live().and_then(Watching::state);
    let kept = match state {
        Some(RunState::Paused) => PAUSING,
        Some(RunState::Stopped) => STOPPING,
        _ => return,
    };
    if app.toast.as_ref().is_some_and(|toast| toast.text == kept) {
        app.toast = None;
        app.touch(Urgency::Data);
    }
}

/// How many signs of trouble have begun.
fn signs_begun(app: &App) -> u64 {
    let begun = app.training.live().and_then(Watching::begun);
    begun.map_or(0, |(count, _)| *count)
}

/// Says on other screens than Training what has begun to go wrong with the run in progress.
fn tell_of_signs(app: &mut App, before: u64) {
    let Some(run) = app.training.live().filter(|run| run.is_in_progress()) else {
        return;
    };
    if let Some((_, what)) = run.begun().filter(|(count, _)| *count > before) {
        let text = format!("the run: {}; F2 says what to do", gate::clean(what));
        app.complain(text);
    }
}

/// Says that the run has fallen silent, or that one which had, or was given up, goes on.
fn tell_of_life(app: &mut App, had_failed: bool, was_silent: bool) {
    let Some(run) = app.training.live() else {
        return;
    };
    let is_back = (was_silent || had_failed) && run.is_in_progress();
    if !run.is_silent() {
        if is_back {
            app.say("the run gives signs of life again");
        }
    } else if !was_silent {
        let sign = run.signs().next();
        let what = sign.map_or_else(String::new, |sign| sign.text(true));
        let text = format!("the run is silent: {}", gate::clean(&what));
        app.complain(text);
    }
}
