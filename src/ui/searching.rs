//! What `/` does: filters what is in front while it is typed; where nothing can be filtered it searches.

use crate::ui::app::{App, ScreenName};
use crate::ui::filter::FilterError;
use crate::ui::gate;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::perform::seek;

/// What is told of an alert only when its truth is revealed.
const OF_THE_REVEALED: [&str; 4] = ["mismatch:", "truth:", "rule:", "attack:"];

/// Why a filter hides all, as far as its text tells.
fn why_nothing(filter: &str) -> &'static str {
    let terms = filter
        .split_whitespace()
        .map(|term| term.trim_start_matches('!'));
    let has = |is_it: &dyn Fn(&str) -> bool| terms.clone().any(is_it);
    if has(&|term| term.starts_with("stage:") || term.starts_with("split:")) {
        return "the list is of one stage and split: s and t change them; Esc takes the filter off";
    }
    let is_judged = |term: &str| term.ends_with(":right") || term.ends_with(":wrong");
    if has(&|term| is_judged(term) || OF_THE_REVEALED.iter().any(|f| term.starts_with(f))) {
        return "none among the revealed alerts, and of the others it is hidden (r); Esc takes the filter off";
    }
    "no alert is let through; Esc takes the filter off"
}

/// Filters what `/` filters on this screen; elsewhere nothing is done.
fn set_filter(app: &mut App, text: &str) -> Result<(), FilterError> {
    match app.screen {
        ScreenName::Episodes => match app.layers.last() {
            Some(Layer::Search { from, .. }) => app.queue.set_filter_from(from.0, text),
            _ => app.queue.set_filter(text),
        },
        ScreenName::Runs => app.runs.set_filter(text),
        ScreenName::Labelling => app.labelling.set_filter(text),
        ScreenName::Training if app.training.filters() => app.training.set_filter(text),
        ScreenName::Training => Ok(()),
    }
}

/// Opens the line in which a filter is typed, with the one that stands; elsewhere an empty one to search with.
pub(super) fn open(app: &mut App) {
    let filter = match app.screen {
        ScreenName::Episodes => &app.queue.filter_text,
        ScreenName::Training if app.training.filters() => &app.training.filter_text,
        ScreenName::Training => "",
        ScreenName::Runs => &app.runs.filter_text,
        ScreenName::Labelling => &app.labelling.filter_text,
    };
    let layer = Layer::filter(filter, app.queue.stand());
    app.layers.push(layer);
}

/// Leaves that line: filter and cursors are as they were before it.
pub(super) fn give_up(app: &mut App) -> Vec<Effect> {
    let Some(Layer::Search { before, from, .. }) = app.layers.pop() else {
        return Vec::new();
    };
    // It was one before.
    let _ = set_filter(app, &before);
    if app.screen != ScreenName::Episodes {
        return Vec::new();
    }
    app.queue.stand_at(from);
    app.queue.ask()
}

/// Takes a finished filter or search; a filter that is none stays open, with what is wrong below it.
pub(super) fn search(app: &mut App, typed: String) -> Vec<Effect> {
    let is_training = app.screen == ScreenName::Training;
    if is_training && !app.training.filters() {
        app.layers.pop();
        app.sought = typed;
        return seek(app, true);
    }
    match set_filter(app, &typed) {
        Err(error) => app.complain(gate::clean(&error.to_string())),
        Ok(()) if app.screen == ScreenName::Runs => {
            app.layers.pop();
        }
        Ok(()) if app.screen == ScreenName::Labelling => {
            app.layers.pop();
            if !app.labelling.lacks_alerts() {
                landed_on_label(app);
            }
            return app.labelling.ask(&app.queue);
        }
        Ok(()) if is_training => {
            app.layers.pop();
        }
        Ok(()) => {
            app.layers.pop();
            if !app.queue.is_seeking() {
                landed(app);
            }
        }
    }
    app.queue.ask()
}

/// What a filter let through is in sight, or there is nothing.
pub(super) fn landed(app: &mut App) {
    app.queue.point_at_match();
    if app.queue.visible().is_empty() {
        app.say(why_nothing(&app.queue.filter_text));
    }
}

/// The same of the labelling queue.
pub(super) fn landed_on_label(app: &mut App) {
    if app.labelling.visible().is_empty() {
        app.say("no alert is let through; Esc takes the filter off");
    }
}

/// What follows when the text of the front layer has changed: a filter shows what it does while it is typed.
pub fn typed(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::Edit { .. } | Layer::Search { .. }) = app.layers.last() {
        // What was wrong may be right by now.
        app.toast = None;
    }
    let Some(Layer::Search { typed, .. }) = app.layers.last() else {
        return Vec::new();
    };
    let typed = typed.to_string();
    match set_filter(app, &typed) {
        Err(error) if error.is_final() => {
            app.complain(gate::clean(&error.to_string()));
            Vec::new()
        }
        Ok(()) if app.screen == ScreenName::Labelling => app.labelling.ask(&app.queue),
        Ok(()) => app.queue.ask(),
        // Half a term is none yet: what stands goes on standing.
        Err(_) => Vec::new(),
    }
}
