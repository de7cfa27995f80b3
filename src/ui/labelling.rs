//! State of the labelling screen: the queue of alerts, one annotator's decisions on them, undo, and what is on disk.
//!
//! Every change is a new revision that goes to the clerk; it counts once the clerk has told that it is on disk. Knows no
//! terminal, no files and no clock.

mod access;
pub mod adding;
pub mod agreeing;
mod arriving;
pub mod asking;
pub mod deciding;
pub mod drafts;
pub mod formats;
mod progress;
pub mod sifting;
pub mod verbs;

use std::collections::HashMap;

use crate::env::schema::{Episode, Split, Stage};
use crate::label::{Decision, History, Label, Labels, Origin};
use crate::ui::clerk::{Opened, Request};
use crate::ui::filter::Filter;
use crate::ui::labelling::asking::Asked;
use crate::ui::labelling::drafts::Drafts;
use crate::ui::msg::Effect;
use crate::ui::queue::{Entry, EpisodeSource, QueuePane};
use crate::ui::scroll::Scroll;

pub use access::Access;

/// Generated alerts kept ready beyond the selected one.
const READY: usize = 40;

/// One alert of the queue.
#[derive(Debug)]
pub struct Item {
    /// Its desk has the citation only: no truth is ever revealed here.
    pub entry: Entry,
    pub decision: Decision,
    /// Revision of the decision, and the newest of its revisions on disk.
    pub revision: u64,
    pub saved: u64,
    /// Why the newest revision is not on disk.
    pub trouble: Option<String>,
    /// The alert is in the folder of labels, whatever has been decided on it.
    is_kept: bool,
}

impl Item {
    fn new(episode: Episode, label: Option<&Label>) -> Self {
        let mut item = Self {
            entry: Entry::new(episode),
            decision: Decision::default(),
            revision: 0,
            saved: 0,
            trouble: None,
            is_kept: false,
        };
        if let Some(label) = label {
            item.take(label);
        }
        item
    }

    /// What is on disk is its decision.
    fn take(&mut self, label: &Label) {
        self.decision = label.decision.clone();
        (self.revision, self.saved) = (label.revision, label.revision);
        self.follow();
    }

    /// The citation as a position in the log window.
    fn follow(&mut self) {
        let cited = self.decision.cited_log_id.as_deref();
        let mut window = self.entry.episode.log_window.iter();
        self.entry.desk.mark = window.position(|event| Some(event.log_id.as_str()) == cited);
        self.entry.desk.decision = self.decision.action;
    }

    /// Whether the model's answer may be seen: one's own choice comes first.
    #[must_use]
    pub fn has_chosen(&self) -> bool {
        self.decision.action.is_some()
    }
}

/// The screen's state.
pub struct Labelling {
    pub annotator: String,
    pub access: Access,
    source: EpisodeSource,
    /// Alerts are generated as long as somebody labels them.
    is_endless: bool,
    /// How many have been drawn from the generator.
    drawn: u64,
    items: Vec<Item>,
    places: HashMap<String, usize>,
    selected: usize,
    pub pane: QueuePane,
    /// Cursor in the log window.
    pub line: usize,
    /// What is in sight of the line under it, where that is higher than its pane.
    pub line_scroll: Scroll,
    /// What is on disk, of everybody.
    labels: Labels,
    /// When each alert was submitted first, since the screen was opened; also of those that are no longer.
    submitted: HashMap<String, u64>,
    /// What can be undone and redone, as far back as there are labels.
    history: History,
    filter: Filter,
    /// The filter as it was typed.
    pub filter_text: String,
    /// The first alert from here on that the filter lets through is to be gone to.
    sought_from: Option<usize>,
    asked: Asked,
    /// Where the list of disagreements was left.
    pub disagreement: usize,
    /// The pane in focus has the whole screen.
    pub is_alone: bool,
    /// Lines that were begun and left: of which episode, and what of its label.
    drafts: Drafts,
}

impl Labelling {
    /// Nothing read yet. Where the folder is empty, alerts are those of the train split at `seed`.
    #[must_use]
    pub fn new(annotator: String, seed: u64) -> Self {
        Self {
            annotator,
            access: Access::Closed,
            source: EpisodeSource {
                split: Split::Train,
                seed,
            },
            is_endless: false,
            drawn: 0,
            items: Vec::new(),
            places: HashMap::new(),
            selected: 0,
            pane: QueuePane::Alerts,
            line: 0,
            line_scroll: Scroll::closed(),
            labels: Labels::default(),
            submitted: HashMap::new(),
            history: History::default(),
            filter: Filter::default(),
            filter_text: String::new(),
            sought_from: None,
            asked: Asked::default(),
            disagreement: 0,
            is_alone: false,
            drafts: Drafts::default(),
        }
    }

    /// The folder is read: its episodes are the queue. Generated ones follow where it holds none of another origin.
    pub fn opened(&mut self, opened: Opened) {
        let episodes = opened.episodes;
        self.labels = opened.labels;
        self.history = opened.history;
        self.is_endless = episodes.iter().all(|episode| self.is_generated(episode));
        self.items.clear();
        self.places.clear();
        episodes
            .into_iter()
            .for_each(|episode| self.add_kept(episode));
        self.access = Access::Open;
        let first = self.items.iter().position(|i| i.decision.state.is_open());
        self.select(first.unwrap_or(if self.is_endless { self.items.len() } else { 0 }));
    }

    /// Whether our own generator would make it at this seed.
    fn is_generated(&self, episode: &Episode) -> bool {
        let EpisodeSource { split, seed } = self.source;
        let id = format!("{}-{split}-{seed}-{}", episode.stage, episode.index);
        episode.split == split && episode.seed == seed && episode.episode_id == id
    }

    fn add(&mut self, episode: Episode) {
        let label = self.labels.get(&self.annotator, &episode.episode_id);
        let item = Item::new(episode, label);
        let id = item.entry.episode.episode_id.clone();
        if !self.places.contains_key(&id) {
            self.places.insert(id, self.items.len());
            self.items.push(item);
        }
    }

    /// Adds one that is in the folder.
    fn add_kept(&mut self, episode: Episode) {
        let id = episode.episode_id.clone();
        self.add(episode);
        if let Some(item) = self.item_of(&id) {
            item.is_kept = true;
        }
    }

    /// Makes the list at least `len` alerts long, where there are more: one of each stage in turn.
    fn generate(&mut self, len: usize) {
        while self.is_endless && self.items.len() < len {
            let stages = Stage::ALL.len() as u64;
            let stage = Stage::ALL.get((self.drawn % stages) as usize);
            let stage = stage.copied().unwrap_or(Stage::Basic);
            let episode = self.source.episode(stage, self.drawn / stages);
            self.drawn += 1;
            self.add(episode);
        }
    }

    /// The alerts, in order.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Position of the selected alert.
    #[must_use]
    pub const fn selected(&self) -> usize {
        self.selected
    }

    /// The selected alert.
    #[must_use]
    pub fn current(&self) -> Option<&Item> {
        self.items.get(self.selected)
    }

    /// Whether the selected alert is this episode's.
    #[must_use]
    pub fn is_selected(&self, episode_id: &str) -> bool {
        let id = |item: &Item| item.entry.episode.episode_id == episode_id;
        self.current().is_some_and(id)
    }

    /// Whether alerts are generated, without an end.
    #[must_use]
    pub const fn is_endless(&self) -> bool {
        self.is_endless
    }

    /// The seed of generated ones.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.source.seed
    }

    /// Makes the alert at `at` the selected one, or the last where there are not so many.
    pub fn select(&mut self, at: usize) {
        self.sought_from = None;
        self.generate(at + READY);
        self.selected = at.min(self.items.len().saturating_sub(1));
        let mark = self.current().and_then(|item| item.entry.desk.mark);
        self.line = mark.unwrap_or(0);
        self.line_scroll = Scroll::closed();
    }

    /// The log line under the cursor.
    #[must_use]
    pub fn line_under_cursor(&self) -> Option<String> {
        self.current()?.entry.lines.get(self.line).cloned()
    }

    /// The id of the event under the cursor.
    fn event_under_cursor(&self) -> Option<String> {
        let event = self.current()?.entry.episode.log_window.get(self.line)?;
        Some(event.log_id.clone())
    }

    /// Puts the cursor of the log window on the cited event, where one is cited.
    fn point_at_citation(&mut self) {
        let mark = self.current().and_then(|item| item.entry.desk.mark);
        self.line = mark.unwrap_or(self.line);
        self.line_scroll = Scroll::closed();
    }

    /// Changes the decision on the selected alert, as a step of undo; nothing where it stays as it is and is on disk.
    fn edit(&mut self, change: impl FnOnce(&mut Decision)) -> Vec<Effect> {
        let at = self.selected;
        let Some(item) = self.items.get(at) else {
            return Vec::new();
        };
        let before = item.decision.clone();
        let mut after = before.clone();
        change(&mut after);
        if after == before && item.trouble.is_none() {
            return Vec::new();
        }
        if after.action.is_some() {
            // The newest that was seen: other weights may have been asked since.
            let seen = self.asked.given(&item.entry.episode.episode_id);
            after.model = seen.or(after.model);
        }
        let id = &item.entry.episode.episode_id;
        self.history.changed(id, before);
        self.write(at, after, Origin::Change)
    }

    /// A new revision for the clerk.
    fn write(&mut self, at: usize, decision: Decision, origin: Origin) -> Vec<Effect> {
        let Some(item) = self.items.get_mut(at) else {
            return Vec::new();
        };
        item.decision = decision;
        item.revision += 1;
        item.trouble = None;
        item.follow();
        let label = Label {
            episode_id: item.entry.episode.episode_id.clone(),
            annotator: self.annotator.clone(),
            revision: item.revision,
            unix_time: 0,
            origin,
            decision: item.decision.clone(),
        };
        vec![Effect::Label(Request::Save {
            label: Box::new(label),
            episode: Box::new(item.entry.episode.clone()),
        })]
    }

    /// Takes the last change back (`redo`: brings it again) as a new revision, and goes to its alert.
    fn step_back(&mut self, redo: bool) -> Option<Vec<Effect>> {
        let at = *self.places.get(self.history.next(redo)?)?;
        let now = self.items.get(at)?.decision.clone();
        let decision = self.history.step(redo, &now)?;
        let origin = if redo { Origin::Redo } else { Origin::Undo };
        let effects = self.write(at, decision, origin);
        self.select(at);
        Some(effects)
    }

    /// A label is on disk.
    pub fn saved(&mut self, label: Label) {
        if let Some(item) = self.item_of(&label.episode_id) {
            item.saved = item.saved.max(label.revision);
        }
        self.note_submission(&label);
        self.labels.add(label);
    }

    /// A label could not be written; its alert says so until it is.
    pub fn not_saved(&mut self, label: &Label, why: &str) {
        if let Some(item) = self.item_of(&label.episode_id) {
            // An older revision that failed does not matter once a newer one is there.
            if item.saved < label.revision {
                item.trouble = Some(why.to_owned());
            }
        }
    }

    fn item_of(&mut self, episode_id: &str) -> Option<&mut Item> {
        let at = *self.places.get(episode_id)?;
        self.items.get_mut(at)
    }

    /// Everybody's labels, as they are on disk.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }
}
