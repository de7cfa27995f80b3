//! Runs by word: one of those there are in front, a note on it, its numbers as files, and its end.

use std::io;

use super::Plain;
use super::running::{no_run, told};
use super::words::halves;
use crate::run::shipped;
use crate::run::summary::Summary;
use crate::ui::app::ScreenName;
use crate::ui::keys::Verb;
use crate::ui::layer::Layer;
use crate::ui::line_edit::LineEdit;
use crate::ui::msg::Effect;
use crate::ui::tending::look;

/// Shorter words may well begin a sentence on an alert: a note that a run has is not to be lost to one.
const LEAST_OF_A_NAME: usize = 8;
/// What stands for no text at all.
pub(super) const EMPTY: &str = "\"\"";

impl Plain<'_> {
    /// Until all that was asked of run folders is done, or it has been said why not.
    pub(super) fn wait_for_errands(&mut self) -> io::Result<()> {
        self.wait(|plain| plain.heard.errands >= plain.heard.asked_errands)
    }

    /// Looks which runs there are.
    pub(super) fn look_for_runs(&mut self) -> io::Result<()> {
        self.act(look())?;
        self.wait_for_errands()
    }

    /// Puts the cursor of the list on the run called `name`, or on the only one whose name begins so, and gives its name;
    /// where there is none, that is said.
    fn point_at_run(&mut self, name: &str) -> io::Result<Option<String>> {
        self.look_for_runs()?;
        let runs = self.app.runs.visible().into_iter();
        let names: Vec<String> = runs.map(Summary::name).collect();
        match found(&names, name) {
            Ok(at) => {
                self.app.runs.point_at(at);
                Ok(names.into_iter().nth(at))
            }
            Err(why) => {
                self.put(&why)?;
                Ok(None)
            }
        }
    }

    /// Brings another run to the front, to be looked at; without a name the one in progress.
    pub(super) fn open_run(&mut self, name: &str) -> io::Result<()> {
        if name.is_empty() {
            return self.open_live();
        }
        let Some(name) = self.point_at_run(name)? else {
            return Ok(());
        };
        let screen = self.app.screen;
        let effects = self.wanted_on(ScreenName::Runs, Verb::OpenRun);
        let is_followed = effects
            .iter()
            .any(|effect| matches!(effect, Effect::Send(_)));
        self.read(effects)?;
        // A run that was read would be looked at on its screen.
        self.app.screen = screen;
        if is_followed {
            return self.put(&format!(
                "Run {name} is followed from here on: train tells how it goes."
            ));
        }
        let run = self.app.training.shown().filter(|run| run.name() == name);
        // Why it is another one has been said.
        let lines = run.map(told).unwrap_or_default();
        self.put_all(&lines)
    }

    fn open_live(&mut self) -> io::Result<()> {
        if self.app.training.live().is_some() {
            self.app.training.show_found();
        }
        let lines = self.app.training.live().map(told);
        self.put_all(&lines.unwrap_or_else(no_run))
    }

    /// Does to a run what a key does on the screen of runs, and waits for what comes of it.
    pub(super) fn tend(&mut self, name: &str, verb: Verb) -> io::Result<()> {
        if self.point_at_run(name)?.is_some() {
            self.verb_on(ScreenName::Runs, verb)?;
            self.wait_for_errands()?;
        }
        Ok(())
    }

    /// Whether `name` is taken for that of a run: it is long enough, or a run is called just so.
    fn is_called(&mut self, name: &str) -> io::Result<bool> {
        if name.len() >= LEAST_OF_A_NAME || name == shipped::ID {
            return Ok(true);
        }
        self.look_for_runs()?;
        let mut runs = self.app.runs.visible().into_iter();
        Ok(runs.any(|run| run.name() == name))
    }

    /// Writes a note on a run; without a text tells the one there is.
    pub(super) fn note_on_run(&mut self, rest: &str) -> io::Result<()> {
        let (name, text) = halves(rest);
        if name.is_empty() {
            return self.put(
                "note takes a run and a text here: note RUN TEXT; on labelling it notes the alert",
            );
        }
        if !text.is_empty() && !self.is_called(name)? {
            return self.put(&format!(
                "no run is noted on by {name} alone: at least its day, as in note 20260101 TEXT"
            ));
        }
        let Some(name) = self.point_at_run(name)? else {
            return Ok(());
        };
        if text.is_empty() {
            let note = self.app.runs.current().map(|run| run.note.clone());
            let note = note.filter(|note| !note.is_empty());
            let note = note.map_or_else(|| "none".to_owned(), |note| note.replace('\n', " / "));
            return self.put(&format!("Note on {name}: {note}"));
        }
        let effects = self.wanted_on(ScreenName::Runs, Verb::EditNote);
        let most = self.app.layers.last().map_or(0, Layer::most);
        let Some(Layer::Note { typed, .. }) = self.app.layers.last_mut() else {
            // Why not is said.
            return self.act(effects);
        };
        if text.chars().count() > most {
            return self.put(&format!("Not noted: {most} characters are the most."));
        }
        *typed = LineEdit::new(if text == EMPTY { "" } else { text });
        self.verb(Verb::Confirm)?;
        self.wait_for_errands()
    }

    /// Asks whether a run is to be deleted; the next line answers.
    pub(super) fn delete_run(&mut self, name: &str) -> io::Result<()> {
        if name.is_empty() {
            return self.put("delete takes a run: runs lists them");
        }
        self.tend(name, Verb::DeleteRun)?;
        let question = self.app.layers.last().cloned();
        let Some(Layer::Delete { dir }) = &question else {
            // Why not has been said.
            return Ok(());
        };
        self.put(&format!(
            "Delete {} and its folder? yes deletes it, any other line keeps it.",
            dir.id()
        ))?;
        self.asked = question;
        Ok(())
    }

    /// Whether `line` answers the question before it and asks for nothing else.
    pub(super) fn settles(&mut self, line: &str) -> io::Result<bool> {
        let Some(question) = self.asked.take() else {
            return Ok(false);
        };
        let answer = line.trim();
        if answer == "yes" {
            self.app.layers.push(question);
            self.verb(Verb::Confirm)?;
            self.wait_for_errands()?;
            return Ok(true);
        }
        self.put("Nothing is deleted.")?;
        Ok(["", "no"].contains(&answer))
    }
}

/// Where the run called `name` stands, or the only one whose name begins so.
fn found(names: &[String], name: &str) -> Result<usize, String> {
    if let Some(at) = names.iter().position(|known| known == name) {
        return Ok(at);
    }
    let places = names.iter().enumerate();
    let begun: Vec<(usize, &String)> = places
        .filter(|(_, known)| known.starts_with(name))
        .collect();
    match &begun[..] {
        [(at, _)] => Ok(*at),
        [] => Err(format!("no run {name}: runs lists them")),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, known)| known.as_str()).collect();
            Err(format!("{name} begins several runs: {}", names.join(", ")))
        }
    }
}
