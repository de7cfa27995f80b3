//! Settings of the next run by word: the form before a run, a line a key, and a change of one.
//!
//! Nothing stands open between two lines, so what was changed is laid over a fresh form each time.

use std::io;

use super::Plain;
use super::words::halves;
use crate::config::fields::nearest;
use crate::ui::app::{App, ScreenName};
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::line_edit::LineEdit;
use crate::ui::msg::Effect;
use crate::ui::perform::perform;
use crate::ui::starting::{self, Form, Mode, Setting};

impl Plain<'_> {
    /// Puts the form before a run in front, with what was changed by word; false where there is none, and why is said.
    pub(super) fn open_form(&mut self) -> io::Result<bool> {
        let refused = self.wanted_on(ScreenName::Training, Verb::StartTraining);
        let is_open = form(&mut self.app).is_some();
        // What is changed stands by what else is changed, in whatever order: one pass takes at least one more of them.
        for _ in self.sets.iter().filter(|_| is_open) {
            for (key, value) in &self.sets {
                drop(lay(&mut self.app, key, value));
            }
        }
        if is_open {
            // All of it was taken when it was set: what a pass has refused, a later one has taken.
            self.app.toast = None;
        }
        let effects = match is_open {
            true => starting::ask_fit(&self.app),
            false => refused,
        };
        self.act(effects)?;
        Ok(is_open)
    }

    /// The settings that hold these words, a line each; without words all of them.
    pub(super) fn settings(&mut self, words: &str) -> io::Result<()> {
        if !self.open_form()? {
            return Ok(());
        }
        if let Some(form) = form(&mut self.app) {
            form.filter = LineEdit::new(words);
        }
        let mut lines: Vec<String> = lines(&self.app).iter().map(told).collect();
        if lines.is_empty() {
            return self.put(&format!("no setting holds {words}: settings lists all"));
        }
        lines.push("set KEY VALUE changes one, train start begins a run with them.".to_owned());
        self.put_all(&lines)
    }

    /// Changes a setting of the next run; without a value tells it and what it takes.
    pub(super) fn set(&mut self, rest: &str) -> io::Result<()> {
        let (key, value) = halves(rest);
        if key.is_empty() {
            return self.put("set takes a key and a value: settings lists them");
        }
        if !self.open_form()? {
            return Ok(());
        }
        let Some(line) = line_of(&self.app, key) else {
            let nearest = nearest(key);
            return self.put(&format!(
                "no setting {key}, the nearest is {nearest}: settings lists them"
            ));
        };
        if value.is_empty() {
            let about = [line.about.to_owned(), format!("It takes {}", line.allowed)];
            self.put(&told(&line))?;
            return self.put_all(&about);
        }
        let effects = lay(&mut self.app, key, value);
        let said = self.act_quietly(effects)?;
        if said.as_ref().is_some_and(|said| said.is_bad) {
            return self.tell(said);
        }
        self.sets.retain(|(known, _)| known != key);
        self.sets.push((key.to_owned(), value.to_owned()));
        let now = line_of(&self.app, key).as_ref().map(told);
        self.put(&now.unwrap_or_default())
    }
}

/// The form in front, where it is.
fn form(app: &mut App) -> Option<&mut Form> {
    match app.layers.last_mut() {
        Some(Layer::Start { form }) => Some(form),
        _ => None,
    }
}

/// Its lines.
fn lines(app: &App) -> Vec<Setting> {
    match app.layers.last() {
        Some(Layer::Start { form }) => form.settings(&app.config),
        _ => Vec::new(),
    }
}

fn line_of(app: &App, key: &str) -> Option<Setting> {
    lines(app).into_iter().find(|line| line.key == key)
}

/// Lays a value over the line of `key` as the form's keys do; one that is refused changes nothing, and the form says why.
fn lay(app: &mut App, key: &str, value: &str) -> Vec<Effect> {
    let place = lines(app).iter().position(|line| line.key == key);
    let (Some(place), Some(form_now)) = (place, form(app)) else {
        return Vec::new();
    };
    form_now.cursor = place;
    form_now.mode = Mode::Editing {
        typed: LineEdit::new(value),
    };
    let effects = perform(app, Verb::Confirm);
    if let Some(form) = form(app) {
        // A value that was refused would wait to be written on.
        form.mode = Mode::Looking;
    }
    effects
}

/// A setting in one line.
fn told(line: &Setting) -> String {
    let of_preset = line.of_preset.as_ref();
    let of_preset = of_preset.map(|value| format!(", the preset says {value}"));
    format!(
        "Setting {}: {}{}",
        line.key,
        line.value,
        of_preset.unwrap_or_default()
    )
}
