//! Labels by word: the same queue and the same clerk as on F3. What is told to be on disk is.

use std::io;

use super::deciding::{entry_of, verb_of};
use super::tending::EMPTY;
use super::words::Word;
use super::{Plain, telling};
use crate::env::schema::{Action, Split};
use crate::ui::app::ScreenName;
use crate::ui::keys::Verb;
use crate::ui::labelling::{Access, Item, adding, deciding};
use crate::ui::layer::LineOf;
use crate::ui::perform::perform;

/// How to label.
const GUIDELINES: &str = include_str!("../../../assets/guidelines.txt");

impl Plain<'_> {
    /// Until the clerk has answered all that was asked: what was decided is on disk, or it has been said why not.
    pub(super) fn wait_for_clerk(&mut self) -> io::Result<()> {
        self.wait(|plain| plain.heard.labels >= plain.heard.asked_labels)
    }

    fn item(&self, id: &str) -> Option<&Item> {
        let mut items = self.app.labelling.items().iter();
        items.find(|item| item.entry.episode.episode_id == id)
    }

    /// Submits the present decision as a label.
    pub(super) fn label(&mut self, rationale: &str) -> io::Result<()> {
        match self.app.screen {
            ScreenName::Labelling => self.submit_label(rationale),
            _ => self.label_episode(rationale),
        }
    }

    /// The decision on an alert of the episodes goes where labels are made, and is submitted there.
    fn label_episode(&mut self, rationale: &str) -> io::Result<()> {
        let Some(entry) = self.app.queue.current() else {
            return Ok(());
        };
        if entry.episode.split == Split::Holdout {
            return self.put(
                "Not labelled: models are measured on hold-out alerts, so none may learn from one. split train shows those that may be labelled.",
            );
        }
        let Some(action) = entry.desk.decision else {
            return self.put("Not labelled: decide first, as in block_ip L1-2.");
        };
        if rationale.is_empty() {
            return self.put("Not labelled: a label needs a rationale, one sentence: label TEXT");
        }
        let (line, id) = (
            entry.desk.mark.unwrap_or(self.app.queue.line),
            entry.episode.episode_id.clone(),
        );
        let effects = adding::label(&mut self.app);
        self.act(effects)?;
        self.wait_for_clerk()?;
        if self.app.labelling.is_selected(&id) {
            self.carry_over(action, line)?;
            self.submit_label(rationale)?;
        }
        self.app.screen = ScreenName::Episodes;
        Ok(())
    }

    /// The same action and citation as on the episode; told is only what stands against them.
    fn carry_over(&mut self, action: Action, line: usize) -> io::Result<()> {
        self.app.labelling.line = line;
        let desk = entry_of(&self.app).map(|entry| (entry.desk.decision, entry.desk.mark));
        let (decision, mark) = desk.unwrap_or_default();
        let choose = (decision != Some(action)).then_some(verb_of(action));
        let cite = (mark != Some(line)).then_some(Verb::Mark);
        for verb in choose.into_iter().chain(cite) {
            let effects = perform(&mut self.app, verb);
            let said = self.act_quietly(effects)?;
            self.tell(said.filter(|said| said.is_bad))?;
        }
        Ok(())
    }

    /// Submits the label in front, and tells once it is on disk.
    fn submit_label(&mut self, rationale: &str) -> io::Result<()> {
        let Some(item) = self.app.labelling.current() else {
            return self.put("there is no alert to label");
        };
        let id = item.entry.episode.episode_id.clone();
        if item.decision.action.is_none() {
            return self.put(
                "Not labelled: decide first, as in block_ip L1-2; skip leaves the alert for later.",
            );
        }
        if rationale.is_empty() && item.decision.rationale.is_empty() {
            return self.put("Not labelled: a label needs a rationale, one sentence: label TEXT");
        }
        if rationale.is_empty() {
            self.verb(Verb::Submit)?;
        } else {
            let of = LineOf::Rationale { submits: true };
            let effects = deciding::typed(&mut self.app, of, rationale);
            self.act(effects)?;
        }
        self.wait_for_clerk()?;
        let folder = self.folder.clone();
        let told = self
            .item(&id)
            .and_then(|item| telling::label_on_disk(item, &folder));
        match told {
            Some(told) => self.put(&told),
            None => Ok(()),
        }
    }

    /// How to label, as the page of the screens has it.
    pub(super) fn guidelines(&mut self) -> io::Result<()> {
        let mut lines = GUIDELINES.lines().filter(|line| !line.is_empty());
        lines.try_for_each(|line| self.put(line))
    }

    /// A rationale or a note.
    pub(super) fn write(&mut self, word: Word, text: &str) -> io::Result<()> {
        if self.app.labelling.access != Access::Open {
            return self.put("The labels are not open.");
        }
        if word == Word::Note && text.is_empty() {
            return self.tell_standing();
        }
        let text = if text == EMPTY { "" } else { text };
        let of = match word {
            Word::Note => LineOf::NoteOnAlert,
            _ => LineOf::Rationale { submits: false },
        };
        let effects = deciding::typed(&mut self.app, of, text);
        self.act(effects)?;
        self.tell_standing()
    }
}
