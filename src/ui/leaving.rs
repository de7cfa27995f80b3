//! Quitting: what would be lost by it, and the questions before it. What is in the way asks first, then a run in progress.

use crate::run::RunDir;
use crate::ui::app::App;
use crate::ui::editing::Document;
use crate::ui::labelling::drafts;
use crate::ui::layer::Layer;
use crate::ui::msg::{Effect, ExitReason};

/// Quits, or asks: about what would be lost first, then about a run in progress.
pub(super) fn quit(app: &mut App) -> Vec<Effect> {
    if losses(app).is_empty() {
        return quit_all_the_same(app);
    }
    app.layers.push(Layer::Unsaved);
    Vec::new()
}

/// Quits whatever is lost; a run in progress is asked about all the same.
pub(super) fn quit_all_the_same(app: &mut App) -> Vec<Effect> {
    if app.training.is_in_progress() && !app.is_read_only {
        app.layers.push(Layer::Quit);
        return Vec::new();
    }
    app.leave(ExitReason::Quit, false)
}

/// What was typed or decided and is on no disk.
#[must_use]
pub fn losses(app: &App) -> Vec<String> {
    let mut lost = drafts::unsaved(app);
    lost.extend(app.runs.unsaved().map(note_on));
    for layer in &app.layers {
        if let Layer::Note { dir, typed } = layer
            && app.runs.is_new(dir, typed)
        {
            lost.push(note_on(dir));
        }
    }
    lost.extend(app.refused.iter().map(|(of, _)| {
        let of = match of {
            Document::Label { episode_id } => format!("the label of {episode_id}"),
            Document::RunNote { dir } => note_on(dir),
        };
        format!("{of} as your editor left it")
    }));
    lost.dedup();
    lost
}

fn note_on(dir: &RunDir) -> String {
    format!("the note on {}", dir.id())
}
