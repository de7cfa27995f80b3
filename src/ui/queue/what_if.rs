//! What-if: fields of a log window edited on a copy of the alert, and what becomes of the truth.
//!
//! The alert itself stays as it is: it is what is scored, listed and labelled. Only a revealed one can be edited, because the
//! truth of a copy tells that of the alert. State and behaviour only, drawn elsewhere.

mod prompt;

pub use prompt::{confirm, edit, expected, open};

use std::fmt;

use serde_json::Value;

use crate::env::plausible::{self, Implausible};
use crate::env::schema::{Episode, Event, Stage};
use crate::env::verify;
use crate::ui::queue::{Entry, Queue};
use crate::ui::record;

/// What of a log record is edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Timestamp,
    Source,
    EventType,
    Field(String),
}

impl Part {
    /// What it is called on screen.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Part::Timestamp => "timestamp",
            Part::Source => "source",
            Part::EventType => "event_type",
            Part::Field(name) => name,
        }
    }

    /// Its value in `event`, as it is written.
    #[must_use]
    pub fn text(&self, event: &Event) -> String {
        match self {
            Part::Timestamp => event.timestamp.clone(),
            Part::Source => event.source.clone(),
            Part::EventType => event.event_type.clone(),
            Part::Field(name) => event
                .fields
                .get(name)
                .map_or_else(String::new, record::printed),
        }
    }

    fn put(&self, event: &mut Event, value: Value) {
        let text = record::printed(&value);
        match self {
            Part::Timestamp => event.timestamp = text,
            Part::Source => event.source = text,
            Part::EventType => event.event_type = text,
            Part::Field(name) => {
                event.fields.insert(name.clone(), value);
            }
        }
    }
}

/// One part of one log record, changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub log_id: String,
    pub part: Part,
    pub was: String,
    pub now: String,
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, part) = (&self.log_id, self.part.name());
        write!(
            f,
            "{id} {part} was {}, now {}",
            said(&self.was),
            said(&self.now)
        )
    }
}

/// A value in a sentence: one that would not be seen is named.
fn said(value: &str) -> &str {
    if value.is_empty() { "empty" } else { value }
}

/// The copy after an edit.
#[derive(Debug)]
pub struct Edited {
    /// Its number among all copies: answers are kept by it.
    pub edition: u64,
    /// Revealed where it has a truth.
    pub entry: Entry,
    pub edit: Edit,
    /// Why it could not have happened; there is no truth of it then.
    pub implausible: Option<Implausible>,
}

/// The edits of an alert, one upon the other.
#[derive(Debug, Default)]
pub struct WhatIf {
    copies: Vec<Edited>,
    /// So many of them stand; the others were undone.
    standing: usize,
}

impl WhatIf {
    /// The copy that is shown; none where everything is undone.
    #[must_use]
    pub fn now(&self) -> Option<&Edited> {
        self.copies.get(self.standing.checked_sub(1)?)
    }

    /// How the copy differs from the alert: each part once, from what it was to what it is, in the order of the edits.
    #[must_use]
    pub fn changes(&self) -> Vec<Edit> {
        let mut changes: Vec<Edit> = Vec::new();
        for edit in self
            .copies
            .iter()
            .take(self.standing)
            .map(|copy| &copy.edit)
        {
            let mut known = changes.iter_mut();
            match known.find(|c| c.log_id == edit.log_id && c.part == edit.part) {
                Some(change) => change.now.clone_from(&edit.now),
                None => changes.push(edit.clone()),
            }
        }
        changes.retain(|change| change.was != change.now);
        changes
    }

    fn push(&mut self, copy: Edited) {
        self.copies.truncate(self.standing);
        self.copies.push(copy);
        self.standing = self.copies.len();
    }

    /// Takes the last edit back, or brings the next again; false where there is none.
    fn step(&mut self, redo: bool) -> bool {
        let to = if redo {
            Some(self.standing + 1).filter(|to| *to <= self.copies.len())
        } else {
            self.standing.checked_sub(1)
        };
        self.standing = to.unwrap_or(self.standing);
        to.is_some()
    }
}

impl Edited {
    /// A copy of `episode` with one part of the record at `line` changed; none where that changes nothing.
    fn of(episode: &Episode, line: usize, part: &Part, value: Value, edition: u64) -> Option<Self> {
        let mut episode = episode.clone();
        let event = episode.log_window.get_mut(line)?;
        let was = part.text(event);
        part.put(event, value);
        let edit = Edit {
            log_id: event.log_id.clone(),
            part: part.clone(),
            was,
            now: part.text(event),
        };
        if edit.was == edit.now {
            return None;
        }
        let event = event.clone();
        let mut incident = episode.incident.events.iter_mut();
        if let Some(same) = incident.find(|other| other.log_id == event.log_id) {
            *same = event;
        }
        let plausible = plausible::check(&episode.incident.category, &episode.log_window);
        let truth = plausible.and_then(|()| verify::truth(&episode.log_window));
        let implausible = match truth {
            Ok(truth) => {
                episode.truth = truth;
                None
            }
            Err(why) => Some(why),
        };
        let mut entry = Entry::new(episode);
        entry.desk.is_revealed = implausible.is_none();
        Some(Self {
            edition,
            entry,
            edit,
            implausible,
        })
    }
}

impl Queue {
    /// The what-if over the selected alert; none where no edit stands.
    #[must_use]
    pub fn what_if(&self) -> Option<&WhatIf> {
        let what_if = self.what_ifs.get(&(self.stage, self.selected()))?;
        Some(what_if).filter(|what_if| what_if.standing > 0)
    }

    /// What is shown of the selected alert: its edited copy, else the alert itself.
    #[must_use]
    pub fn shown(&self) -> Option<&Entry> {
        let copy = self.what_if().and_then(WhatIf::now);
        copy.map(|copy| &copy.entry).or_else(|| self.current())
    }

    /// The log line under the cursor, as it is shown.
    #[must_use]
    pub fn line_under_cursor(&self) -> Option<String> {
        self.shown()?.lines.get(self.line).cloned()
    }

    /// The number of the copy that is shown; zero is the alert itself.
    #[must_use]
    pub fn edition(&self) -> u64 {
        let copy = self.what_if().and_then(WhatIf::now);
        copy.map_or(0, |copy| copy.edition)
    }

    /// Why the selected alert cannot be edited; none where it can.
    #[must_use]
    pub fn why_no_what_if(&self) -> Option<&'static str> {
        match self.current() {
            Some(entry) if entry.desk.is_revealed => None,
            Some(_) => {
                Some("a what-if would tell the truth: submit a decision first, or r reveals it")
            }
            None => Some("there is no alert to edit"),
        }
    }

    /// Edits one part of the record under the cursor, on a copy; false where nothing changes.
    pub fn edit_part(&mut self, part: &Part, value: Value) -> bool {
        let edition = self.next_edition + 1;
        let shown = self.shown().map(|entry| &entry.episode);
        let copy = shown.and_then(|e| Edited::of(e, self.line, part, value, edition));
        let Some(mut copy) = copy.filter(|_| self.why_no_what_if().is_none()) else {
            return false;
        };
        if let Some(entry) = self.current() {
            // Whoever stores it must not take it for the alert itself.
            copy.entry.episode.episode_id = format!("{}-what-if", entry.episode.episode_id);
        }
        self.next_edition = edition;
        let key = (self.stage, self.selected());
        self.what_ifs.entry(key).or_default().push(copy);
        true
    }

    /// Takes the last edit of the selected alert back (`redo`: brings it again); false where there is none.
    pub fn step_edit(&mut self, redo: bool) -> bool {
        let key = (self.stage, self.selected());
        let what_if = self.what_ifs.get_mut(&key);
        what_if.is_some_and(|what_if| what_if.step(redo))
    }

    /// Drops all edits of the selected alert; false where none stands.
    pub fn drop_what_if(&mut self) -> bool {
        let stands = self.what_if().is_some();
        self.forget_what_if(self.stage, self.selected());
        stands
    }

    /// Forgets the edits of an alert, and what the model said of them.
    pub(in crate::ui) fn forget_what_if(&mut self, stage: Stage, at: usize) {
        let Some(what_if) = self.what_ifs.remove(&(stage, at)) else {
            return;
        };
        let is_of_it = |edition: u64| what_if.copies.iter().any(|copy| copy.edition == edition);
        self.answers.retain(|key, _| !is_of_it(key.edition));
        self.pending.retain(|_, key| !is_of_it(key.edition));
    }
}
