//! What `/` does: filters what is in front while it is typed; where nothing can be filtered it searches.

use crate::ui::app::{App, ScreenName};
use crate::ui::filter::FilterError;
use crate::ui::gate;
use crate::ui::layer::Layer;
use crate::ui::msg::Effect;
use crate::ui::perform::seek;

/// Filters what `/` filters on this screen; elsewhere nothing is done.
pub(super) fn set_filter(app: &mut App, text: &str) -> Result<(), FilterError> {
    match app.screen {
        ScreenName::Episodes => app.queue.set_filter(text),
        ScreenName::Runs => app.runs.set_filter(text),
        ScreenName::Labelling => app.labelling.set_filter(text),
        ScreenName::Training if app.training.filters() => app.training.set_filter(text),
        ScreenName::Training => Ok(()),
    }
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
            if app.labelling.visible().is_empty() {
                app.say("no alert is let through; Esc takes the filter off");
            }
            return app.labelling.ask(&app.queue);
        }
        Ok(()) if is_training => {
            app.layers.pop();
        }
        Ok(()) => {
            app.layers.pop();
            app.queue.point_at_match();
            if app.queue.visible().is_empty() {
                app.say("no alert is let through; Esc takes the filter off");
            }
        }
    }
    app.queue.ask()
}

/// What follows when the text of the front layer has changed: a filter shows what it does while it is typed.
pub fn typed(app: &mut App) -> Vec<Effect> {
    if let Some(Layer::Edit { .. }) = app.layers.last() {
        // What was wrong may be right by now.
        app.toast = None;
    }
    let Some(Layer::Search { typed, .. }) = app.layers.last() else {
        return Vec::new();
    };
    let typed = typed.clone();
    // Half a term is none yet: what stands goes on standing.
    match set_filter(app, &typed) {
        Ok(()) if app.screen == ScreenName::Labelling => app.labelling.ask(&app.queue),
        Ok(()) => app.queue.ask(),
        Err(_) => Vec::new(),
    }
}
